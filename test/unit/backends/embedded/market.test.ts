import { beforeEach, describe, expect, it } from "vitest";
import type { BackendEvent, BackendRequest } from "../../../../src/backends/backend.ts";
import { marketDataHandler } from "../../../../src/backends/embedded/market.ts";
import { catalogue } from "../../../../src/events/catalogue.ts";
import { Bars } from "../../../../src/rooms/bars.ts";
import { CandleReader } from "../../../../src/rooms/candle-reader.ts";
import { settled } from "../../../support/fakes.ts";
import { TestStorage } from "../../../support/sqlite.ts";

type Payload = BackendRequest<"request_market_data">["payload"];

const NOW = Date.UTC(2026, 10, 22, 12);

let bars: Bars;
/** Calls of rooms that fail before one succeeds. */
let failures: object[];
let logged: unknown[][];

beforeEach(() => {
  bars = new Bars(new TestStorage().sql, 604_800_000);
  failures = [];
  logged = [];
});

/** One market, with real candles. */
const handler = marketDataHandler({
  markets: {
    getByName: (room) => ({
      candles: async (request) => {
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        return new CandleReader({ bars, room, clock: () => NOW, pause: settled }).read(request);
      },
    }),
  },
  sleep: async () => {},
  log: (...line) => void logged.push(line),
});

const ask = async (payload: Partial<Payload> = {}): Promise<BackendEvent[]> => {
  const events: BackendEvent[] = [];
  const request: BackendRequest<"request_market_data"> = {
    id: "r1",
    event: "request_market_data",
    payload: { symbol: "BTC-USD", resolution: "1m", ...payload },
    userId: "u",
    socketId: "s",
    applicationId: "demo",
    applications: ["demo"],
  };
  for await (const event of handler(request, new AbortController().signal)) events.push(event);
  return events;
};

const bar = (timestamp: number, venue?: string) => ({
  ...{ open: "2.0", high: "4.0", low: "1.0", close: "3.0", volume: "0.10", timestamp },
  ...(venue !== undefined && { venue }),
});

const error = (data: object) => [{ event: "market_data_error", data }];

describe("MKT-2 REQ-3 request_market_data", () => {
  it("is answered with candles, which are in the catalogue", async () => {
    for (const back of [0, 1, 60]) bars.add(bar(NOW - back * 1_000));
    const [answer, ...rest] = await ask({ window: "1m" });
    expect(rest).toEqual([]);
    const minute = { ...bar(NOW - 60_000), volume: "0.2" };
    expect(answer).toEqual({
      event: "market_data_response",
      data: { symbol: "BTC-USD", candles: [minute, bar(NOW)] },
    });
    const { success } = catalogue.market_data_response.schema.safeParse(answer?.data);
    expect(success).toBe(true);
  });

  it("is of the window and the venues that it names, and of the latest 500 candles if it names none", async () => {
    for (let minute = 0; minute < 600; minute++) bars.add(bar(minute * 60_000, "v"));
    bars.add(bar(0, "w"));
    const candlesOf = async (payload: Partial<Payload>) => {
      const [answer] = await ask(payload);
      return (answer?.data as { candles: object[] } | undefined)?.candles;
    };
    expect(await candlesOf({})).toHaveLength(500);
    expect(await candlesOf({ venues: ["w"] })).toEqual([bar(0, "w")]);
    expect(await candlesOf({ window: { from: 60_000, to: 180_000 } })).toEqual([
      bar(60_000, "v"),
      bar(120_000, "v"),
    ]);
  });

  it("of a market without bars is answered with NOT_FOUND", async () => {
    const message = "There are no bars in market:BTC-USD. Check the symbol.";
    expect(await ask()).toEqual(error({ code: "NOT_FOUND", message }));
  });

  it.each<Partial<Payload>>([
    { resolution: "7m" },
    { window: "soon" },
    { window: { from: 5, to: 5 } },
    { resolution: "1s", window: { from: 0, to: NOW } },
  ])("that asks for what there is not is answered with VALIDATION_FAILED: %j", async (payload) => {
    for (let second = 0; second <= 5_000; second++) bars.add(bar(second * 1_000));
    expect(await ask(payload)).toEqual(
      error({ code: "VALIDATION_FAILED", message: expect.stringMatching(/Choose|Write|empty|Ask for/) }),
    );
  });

  it("asks a room again that has been moved, and says so if it cannot be reached", async () => {
    bars.add(bar(NOW));
    failures = [Object.assign(new Error("moved"), { retryable: true })];
    expect(await ask()).toMatchObject([{ event: "market_data_response" }]);
    failures = [new Error("broken: secret")];
    const message = "The market cannot be read now. Try again.";
    expect(await ask()).toEqual(error({ code: "INTERNAL", message, retryAfter: 5 }));
    expect(logged).toMatchObject([["error", "candles_failed", { room: "market:BTC-USD" }]]);
  });
});
