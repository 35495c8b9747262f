import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BarBuilder, readTrades } from "../../scripts/lib/bars.ts";
import { candlesOfTrades, exactly, SECONDS, TRADE_FILES } from "../support/candles-of-trades.ts";
import { type TestClient, TRANSPORTS } from "../support/client.ts";
import { bar, type Service, startService } from "../support/service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

/** Each bar is published in so many states. */
const STATES = 3;
const BAR_MS = 1_000;
const INITIAL_BARS = 300;

/** The `n`th state of a market: its number is the volume. */
const state = (symbol: string, n: number, id = false) => ({
  ...bar(symbol, Math.floor(n / STATES) * BAR_MS, { volume: n }),
  ...(id && { id: `${symbol} ${n}` }),
});

/** Publishes state after state of a market, a few at a time, until it is stopped. */
class Publisher {
  readonly #symbol: string;
  readonly #ids: boolean;
  readonly #ended: Promise<void>;
  #next = 0;
  #stopped = false;

  constructor(symbol: string, { ids = false } = {}) {
    this.#symbol = symbol;
    this.#ids = ids;
    this.#ended = this.#run();
  }

  /** Resolves when `count` more states have been published. */
  async more(count: number): Promise<void> {
    const goal = this.#next + count;
    while (this.#next < goal) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Resolves with the number of the last state. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await this.#ended;
    return this.#next - 1;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#stopped; turn++) {
      const states = Array.from({ length: 1 + (turn % 4) }, (_, n) =>
        state(this.#symbol, this.#next + n, this.#ids),
      );
      await service.publish(states);
      this.#next += states.length;
    }
  }
}

interface MarketEvent {
  readonly event: string;
  readonly payload: {
    readonly room?: string;
    readonly symbol?: string;
    readonly volume: number;
    readonly series: readonly { readonly timestamp: number; readonly volume: number }[];
  };
}

/** What a client has had of a market, from each time on that it came to it. */
const visits = ({ received }: TestClient, symbol: string): MarketEvent[][] => {
  const found: MarketEvent[][] = [];
  // What the catalogue says they are.
  for (const item of received as MarketEvent[]) {
    const { event, payload } = item;
    if (event === "connected") found.push([]);
    else if (event === "subscribed" && payload.room === `market:${symbol}`) found.push([]);
    else if (event === "unsubscribed" && payload.room === `market:${symbol}`) found.push([]);
    else if (payload?.symbol === symbol) found.at(-1)?.push(item);
  }
  return found.filter((visit) => visit.length > 0);
};

/** Without gap or overlap: the bars as they were, and then every state after them. Returns the last state's number. */
const check = (visit: readonly MarketEvent[]): number => {
  const [initial, ...live] = visit;
  expect(initial?.event).toBe("market_chart_initial_data");
  const series = initial?.payload.series ?? [];
  const newest = series.at(-1)?.volume ?? -1;
  const last = Math.floor(newest / STATES);
  const length = Math.min(INITIAL_BARS, newest < 0 ? 0 : last + 1);
  expect(series.map(({ timestamp, volume }) => [timestamp, volume])).toEqual(
    Array.from({ length }, (_, index) => {
      const n = last - length + 1 + index;
      return [n * BAR_MS, n === last ? newest : n * STATES + STATES - 1];
    }),
  );
  expect(new Set(live.map(({ event }) => event)).size).toBeLessThan(2);
  const numbers = live.map(({ payload }) => payload.volume);
  const end = numbers.at(-1) ?? newest;
  const missed = Array.from({ length: end - newest }, (_, index) => newest + 1 + index).filter(
    (number) => !numbers.includes(number),
  );
  const states = [newest, ...numbers];
  expect(states).toEqual([...new Set(states)].sort((a, b) => a - b));
  // On a machine that is held up newer states of the same bar replace those that wait (MKT-3).
  const barOf = (number: number): number => Math.floor(number / STATES);
  const lost = missed.filter((number) => !numbers.some((n) => n > number && barOf(n) === barOf(number)));
  expect(lost).toEqual([]);
  return end;
};

const comeBackRecovered = async (client: TestClient): Promise<void> => {
  await client.comeBack();
  expect(client.socket.recovered).toBe(true);
};

const series = async (client: TestClient, symbol: string): Promise<unknown> =>
  (await client.next("market_chart_initial_data", (data) => data.symbol === symbol)).series;

describe("MKT-2 a client that subscribes", () => {
  it("is told that there are no bars yet, and gets the first one live", async () => {
    const client = await service.connect("user_first");
    await client.subscribe("market:FIRST-USD");
    await service.publish(bar("FIRST-USD", 1_000));
    await client.next("market_chart_live_update");
    expect(client.received.slice(2)).toEqual([
      { event: "subscribed", payload: { room: "market:FIRST-USD", subscriberCount: 1 } },
      { event: "market_chart_initial_data", payload: { symbol: "FIRST-USD", series: [] } },
      { event: "market_chart_live_update", payload: bar("FIRST-USD", 1_000).data },
    ]);
    client.close();
  });

  it("gets the bars as they were published, MKT-1 in the same numbers and strings, and the order book", async () => {
    const values = { open: "1.50", high: 2, low: "0.10", close: 1.5, volume: "0", timestamp: 60_000 };
    const book = { symbol: "SAME-USD", bids: [["1.0", 2]], asks: [], sequence: 1, timestamp: 5 };
    await service.publish([
      { event: "market_orderbook_update", data: book },
      { event: "market_chart_live_update", data: { symbol: "SAME-USD", ...values, venue: "v", note: "x" } },
      { event: "market_chart_live_update", data: { symbol: "SAME-USD", ...values, timestamp: 0 } },
    ]);
    const client = await service.connect("user_same");
    await client.subscribe("market:SAME-USD");
    await client.settled();
    expect(client.received.slice(3, -1)).toStrictEqual([
      {
        event: "market_chart_initial_data",
        payload: {
          symbol: "SAME-USD",
          series: [
            { ...values, timestamp: 0 },
            { ...values, venue: "v" },
          ],
        },
      },
      { event: "market_orderbook_update", payload: book },
    ]);
    client.close();
  });

  it("again is answered, and gets nothing else", async () => {
    const client = await service.connect("user_again");
    await client.subscribe("market:AGAIN-USD");
    await client.subscribe("market:AGAIN-USD");
    await client.settled();
    expect(client.names().slice(2)).toEqual([
      "subscribed",
      "market_chart_initial_data",
      "subscribed",
      "pong",
    ]);
    client.close();
  });

  it.each([
    ["CONN-3 in namespace /", ""],
    ["CONN-3 in namespace /ws", "/ws"],
  ])(
    "%s while bars are published misses none and gets none twice, however often it comes",
    async (_, nsp) => {
      const symbol = `BUSY${nsp === "" ? "" : "WS"}-USD`;
      const room = `market:${symbol}`;
      const clients = await Promise.all(
        Array.from({ length: 8 }, (_, n) => service.connect(`user_busy_${n}`, { path: nsp })),
      );
      const publisher = new Publisher(symbol);
      await Promise.all(
        clients.map(async (client, n) => {
          for (let visit = 0; visit < 5; visit++) {
            await publisher.more(1 + ((n * 7 + visit * 5) % 40));
            await client.subscribe(room);
            if (visit === 4) break;
            await publisher.more(1 + ((n * 5 + visit * 7) % 40));
            client.socket.emit("unsubscribe", { room });
            await client.next("unsubscribed");
          }
        }),
      );
      await publisher.more(30);
      const last = await publisher.stop();
      for (const client of clients) {
        await client.next("market_chart_live_update", ({ volume }) => volume === last);
        const all = visits(client, symbol).map(check);
        expect(all).toHaveLength(5);
        expect(all.at(-1)).toBe(last);
        client.close();
      }
    },
  );

  it("finds all bars after the room's object has gone from memory, and while it goes misses none", async () => {
    const symbol = "EVICT-USD";
    const clients = await Promise.all([1, 2, 3].map((n) => service.connect(`user_evict_${n}`)));
    const publisher = new Publisher(symbol, { ids: true });
    for (const client of clients) {
      await publisher.more(40);
      await service.evict("Room", `market:${symbol}`);
      await client.subscribe(`market:${symbol}`);
    }
    await publisher.more(40);
    const last = await publisher.stop();
    for (const client of clients) {
      await client.next("market_chart_live_update", ({ volume }) => volume === last);
      expect(visits(client, symbol).map(check)).toEqual([last]);
    }
    await service.evict("Room", `market:${symbol}`);
    const late = await service.connect("user_evict_late");
    await late.subscribe(`market:${symbol}`);
    await late.settled();
    expect(visits(late, symbol).map(check)).toEqual([last]);
    for (const client of [...clients, late]) client.close();
  });

  it("gets the latest 300 bars", async () => {
    const count = 400 * STATES;
    const states = Array.from({ length: count }, (_, n) => state("LATEST-USD", n));
    await service.publish(states.slice(0, 700));
    await service.publish(states.slice(700));
    const client = await service.connect("user_latest");
    await client.subscribe("market:LATEST-USD");
    expect(await series(client, "LATEST-USD")).toHaveLength(INITIAL_BARS);
    expect(visits(client, "LATEST-USD").map(check)).toEqual([count - 1]);
    client.close();
  });
});

describe("MKT-2 USER-2 a client that is recovered", () => {
  it.each(TRANSPORTS)(
    "on %s gets the bars again, and misses none that are published meanwhile",
    async (transports) => {
      const symbol = `BACK-${transports.toUpperCase()}`;
      const client = await service.connect(`user_market_${transports}`, { transports });
      if (transports === "default") await client.upgraded();
      const publisher = new Publisher(symbol);
      await client.subscribe(`market:${symbol}`);
      for (let turn = 0; turn < 4; turn++) {
        await publisher.more(20);
        await client.drop();
        await publisher.more(turn * 10);
        await comeBackRecovered(client);
      }
      await publisher.more(20);
      const last = await publisher.stop();
      await client.next("market_chart_live_update", ({ volume }) => volume === last);
      const all = visits(client, symbol).map(check);
      expect(all).toHaveLength(5);
      expect(all.at(-1)).toBe(last);
      client.close();
    },
  );

  it("CONN-10 on polling stays in 100 markets, though the bars of all come at once", async () => {
    const symbols = Array.from({ length: 100 }, (_, n) => `ALL${n}-USD`);
    const digits = "12345678.12345678";
    const values = {
      open: digits,
      high: digits,
      low: digits,
      close: digits,
      volume: digits,
      venue: "binance",
    };
    for (const symbol of symbols) {
      await service.publish(Array.from({ length: INITIAL_BARS }, (_, n) => bar(symbol, n * BAR_MS, values)));
    }
    const client = await service.connect("user_all_markets", { transports: "polling" });
    for (const symbol of symbols) client.socket.emit("subscribe", { room: `market:${symbol}` });
    const first = await client.all("market_chart_initial_data", 100);
    const lengths = new Set(first.map((data) => data.series.length));
    expect([...lengths]).toEqual([expect.any(Number)]);
    expect([...lengths][0]).toBeGreaterThan(200);
    await client.drop();
    await comeBackRecovered(client);
    const all = await client.all("market_chart_initial_data", 200);
    expect(new Set(all.slice(100).map(({ symbol }) => symbol))).toEqual(new Set(symbols));
    await client.settled();
    expect(client.payloads("disconnect")).toHaveLength(1);
    client.close();
  });
});

describe("MKT-2 REQ-3 request_market_data", () => {
  const ask = async (client: TestClient, payload: object) => {
    client.socket.emit("request_market_data", payload as never);
    return (await client.next("market_data_response")).candles;
  };

  const refusal = async (client: TestClient, payload: object) => {
    client.socket.emit("request_market_data", payload as never);
    return client.next("market_data_error");
  };

  it.each(TRADE_FILES)("is answered with candles that are what %s says, to the last digit", async (file) => {
    const symbol = `${file.slice(12, 15).toUpperCase()}-TRADES`;
    const builder = new BarBuilder(symbol);
    const bars = new Map(
      readTrades(file).map((trade): [number, object] => {
        const { timestamp, ...state } = builder.add(trade);
        return [timestamp, { ...state, timestamp }];
      }),
    );
    await service.publish([...bars.values()].map((data) => ({ event: "market_chart_live_update", data })));
    const client = await service.connect("user_candles");
    for (const [resolution, seconds] of SECONDS) {
      const candles = await ask(client, { symbol, resolution });
      expect(exactly(candles)).toEqual(candlesOfTrades(file, seconds));
    }
    const window = { from: Date.UTC(2024, 7, 9, 0, 2), to: Date.UTC(2024, 7, 9, 0, 4) };
    const [, , third, fourth] = candlesOfTrades(file, 60n);
    expect(exactly(await ask(client, { symbol, resolution: "1m", window }))).toEqual([third, fourth]);
    expect(await ask(client, { symbol, resolution: "1m", window: "24h" })).toEqual([]);
    client.close();
  });

  it("is of the venues that it names", async () => {
    const symbol = "VENUES-USD";
    await service.publish(["b", "a"].map((venue) => bar(symbol, 0, { venue })));
    await service.publish(bar(symbol, 0));
    const client = await service.connect("user_venues");
    const venues = async (payload: object) =>
      (await ask(client, { symbol, resolution: "1h", ...payload })).map(
        ({ venue }: { venue?: string }) => venue,
      );
    expect(await venues({})).toEqual([undefined, "a", "b"]);
    expect(await venues({ venues: ["b", "c"] })).toEqual(["b"]);
    expect(await venues({ venues: ["c"] })).toEqual([]);
    client.close();
  });

  it("is refused with what to do: an unknown symbol, resolution or window, or too much", async () => {
    const symbol = "REFUSED-USD";
    for (let from = 0; from < 6_000; from += 1_000) {
      await service.publish(Array.from({ length: 1_000 }, (_, n) => bar(symbol, (from + n) * 1_000)));
    }
    const client = await service.connect("user_refused");
    expect(await refusal(client, { symbol: "NOBODY-USD", resolution: "1m" })).toEqual({
      code: "NOT_FOUND",
      message: "There are no bars in market:NOBODY-USD. Check the symbol.",
    });
    for (const [rest, message] of [
      [{ resolution: "2m" }, "Choose a resolution of 1s, 5s, 15s, 30s, 1m, 5m, 15m, 30m, 1h, 4h, 1d."],
      [{ window: "yesterday" }, /Write the window/],
      [{ window: { from: 5, to: 5 } }, /empty/],
      [{ window: { from: 0, to: 6_000_000 } }, /at most 5000 candles/],
    ] as const) {
      expect(await refusal(client, { symbol, resolution: "1s", ...rest })).toEqual({
        code: "VALIDATION_FAILED",
        message: typeof message === "string" ? message : expect.stringMatching(message),
      });
    }
    const window = { from: 1_000_000, to: 6_000_000 };
    expect(await ask(client, { symbol, resolution: "1s", window })).toHaveLength(5_000);
    client.close();
  });

  it("leaves those in the room with every live update while it is answered", async () => {
    const symbol = "READ-USD";
    const client = await service.connect("user_reader");
    const publisher = new Publisher(symbol);
    await client.subscribe(`market:${symbol}`);
    await publisher.more(50);
    for (let turn = 0; turn < 20; turn++) await ask(client, { symbol, resolution: "1s" });
    const last = await publisher.stop();
    await client.next("market_chart_live_update", ({ volume }) => volume === last);
    const [visit = []] = visits(client, symbol);
    expect(check(visit.filter(({ event }) => event !== "market_data_response"))).toBe(last);
    // The candle of each second is the bar of that second, in a state that had been published.
    const [candle] = (await ask(client, { symbol, resolution: "1s" })).slice(-1);
    expect(candle).toMatchObject({ volume: last, timestamp: Math.floor(last / STATES) * BAR_MS });
    client.close();
  });
});

describe("MKT-2 a market's bars", () => {
  it("are there after the process has been killed: at once with an id, within 1 s without", async () => {
    const persist = await mkdtemp(path.join(tmpdir(), "market-"));
    const running: Service[] = [];
    const start = async () => {
      const started = await startService({ persist });
      running.push(started);
      return started;
    };
    try {
      const first = await start();
      await first.publish(Array.from({ length: 10 }, (_, n) => state("KILL-USD", n)));
      // Nothing tells when it has been written.
      await setTimeout(1_500);
      await first.publish(Array.from({ length: 10 }, (_, n) => state("KILL-USD", 10 + n, true)));
      await first.crash();
      const second = await start();
      const other = await second.connect("user_killed");
      await other.subscribe("market:KILL-USD");
      await second.publish(state("KILL-USD", 20));
      await other.next("market_chart_live_update");
      expect(visits(other, "KILL-USD").map(check)).toEqual([20]);
    } finally {
      for (const one of running) await one.stop();
      await rm(persist, { recursive: true });
    }
  });
});
