import { beforeEach, describe, expect, it } from "vitest";
import type { Bar } from "../../../src/events/bar.ts";
import { Bars } from "../../../src/rooms/bars.ts";
import { CandleReader } from "../../../src/rooms/candle-reader.ts";
import type { CandleRequest } from "../../../src/rooms/protocol.ts";
import { settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { bar } from "./market-bars.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const RETENTION = 1_000 * HOUR;
const NOW = Date.UTC(2026, 10, 22, 12, 0, 30);

let storage: TestStorage;
let bars: Bars;
let pauses: number;
let now: number;
let pause: () => Promise<void>;
let reader: CandleReader;

beforeEach(() => {
  storage = new TestStorage();
  bars = new Bars(storage.sql, RETENTION);
  pauses = 0;
  now = NOW;
  pause = settled;
  reader = new CandleReader({
    bars,
    room: "market:BTC-USD",
    clock: () => now,
    pause: () => {
      pauses++;
      return pause();
    },
  });
});

const add = (...all: readonly Bar[]) => {
  for (const one of all) bars.add(one);
};

/** Bars of one second each. */
const seconds = (from: number, count: number, venue?: string): Bar[] =>
  Array.from({ length: count }, (_, n) => bar(from + n * 1_000, venue === undefined ? {} : { venue }));

const read = async (request: Partial<CandleRequest> = {}): Promise<Bar[]> => {
  const answer = await reader.read({ userId: "u", resolution: "1m", ...request });
  if (!answer.ok) throw new Error(answer.error.message);
  return answer.value;
};

const times = async (request: Partial<CandleRequest> = {}) =>
  (await read(request)).map(({ timestamp, venue }) => `${timestamp}${venue ?? ""}`);

const refusal = async (request: Partial<CandleRequest>) => {
  const answer = await reader.read({ userId: "u", resolution: "1m", ...request });
  return answer.ok ? undefined : answer.error;
};

describe("MKT-2 past candles", () => {
  it("are those that the window reaches, each as a whole, as of now", async () => {
    add(...seconds(NOW - 4 * MINUTE, 241));
    bars.save();
    // Not saved yet.
    add(bar(NOW, { high: 99, venue: "v" }));
    const start = NOW - 30_000;
    expect(await times({ window: "1m" })).toEqual([start - MINUTE, start, `${start}v`].map(String));
    expect((await read({ window: "1m" })).map(({ high, volume }) => [high, volume])).toEqual([
      [4, 600],
      [4, 310],
      [99, 10],
    ]);
  });

  it("of bounds are those from the first to the second, which is not part of it", async () => {
    add(...seconds(0, 300));
    expect(await times({ window: { from: 60_000, to: 120_000 } })).toEqual(["60000"]);
    expect(await times({ window: { from: 59_999, to: 120_001 } })).toEqual(["0", "60000", "120000"]);
    expect(await times({ window: { from: 300_000, to: 400_000 } })).toEqual([]);
  });

  it("are ordered by time, then by venue, and are of the venues that are asked for", async () => {
    add(...["b", "a", undefined].flatMap((venue) => seconds(0, 61, venue)));
    expect(await times()).toEqual(["0", "0a", "0b", "60000", "60000a", "60000b"]);
    expect(await times({ venues: ["b", "unknown"] })).toEqual(["0b", "60000b"]);
    expect(await times({ venues: ["unknown"] })).toEqual([]);
  });

  it("are without a window the latest 500, over all venues, however far apart", async () => {
    add(...Array.from({ length: 400 }, (_, n) => bar(n * 3 * HOUR)));
    add(...Array.from({ length: 300 }, (_, n) => bar(n * 3 * HOUR, { venue: "v" })));
    const all = await times({ window: { from: 0, to: NOW } });
    expect(all).toHaveLength(700);
    expect(await times()).toEqual(all.slice(-500));
    bars.save();
    expect(await times()).toEqual(all.slice(-500));
  });

  it("do not change with the size of pages: a candle may span many", async () => {
    add(...seconds(0, 5_000));
    bars.save();
    const [first, second] = await read({ resolution: "1h" });
    expect([first?.volume, second?.volume]).toEqual([36_000, 14_000]);
    expect(await read({ resolution: "1d" })).toHaveLength(1);
  });

  it("leave out the candle from which bars have been removed, as they are too old", async () => {
    add(bar(0), bar(RETENTION + 90_000));
    add(bar(90_000), bar(120_000));
    bars.trim(NOW);
    expect(await times({ resolution: "1s" })).toEqual(["90000", "120000", String(RETENTION + 90_000)]);
    expect(await times({ resolution: "1m" })).toEqual(["120000", String(RETENTION + 60_000)]);
    expect(await times({ resolution: "1m", window: { from: 0, to: 180_000 } })).toEqual(["120000"]);
    expect(await times({ resolution: "1h" })).toEqual([String(RETENTION)]);
  });
});

describe("MKT-2 what is refused", () => {
  it("is a market without bars: it is not known", async () => {
    expect(await refusal({})).toEqual({
      code: "NOT_FOUND",
      message: "There are no bars in market:BTC-USD. Check the symbol.",
    });
  });

  it.each<[Partial<CandleRequest>, string]>([
    [{ resolution: "2m" }, "Choose a resolution of 1s, 5s, 15s, 30s, 1m, 5m, 15m, 30m, 1h, 4h, 1d."],
    [{ window: "yesterday" }, '"24h"'],
    [{ window: { from: 5, to: 5 } }, "empty"],
  ])("is %j, with what to choose instead", async (request, message) => {
    add(bar(0));
    const refused = await refusal(request);
    expect(refused?.code).toBe("VALIDATION_FAILED");
    expect(refused?.message).toContain(message);
  });

  it("is an answer of over 5,000 candles, or 990,000 bytes", async () => {
    add(...seconds(0, 5_001));
    const everything = { resolution: "1s", window: { from: 0, to: NOW } };
    expect(await read({ ...everything, window: { from: 1_000, to: NOW } })).toHaveLength(5_000);
    const refused = await refusal(everything);
    expect(refused).toEqual({
      code: "VALIDATION_FAILED",
      message:
        "An answer holds at most 5000 candles, and 990000 bytes. Ask for a shorter window, a coarser resolution or fewer venues.",
    });
    add(...seconds(0, 5_000).map((one) => ({ ...one, volume: "1".repeat(100), open: "1".repeat(100) })));
    expect(await refusal({ ...everything, window: { from: 1_000, to: NOW } })).toEqual(refused);
    expect(await read({ ...everything, window: { from: 0, to: 3_000_000 } })).toHaveLength(3_000);
  });
});

describe("MKT-2 a room answers at a time", () => {
  const busy = (reason: string) => ({
    code: "RATE_LIMITED",
    message: `${reason} Try again.`,
    retryAfter: 1,
  });

  it("5 requests of a user for candles: the others' are answered nevertheless", async () => {
    add(bar(0));
    const reads = Array.from({ length: 5 }, () => read());
    expect(await refusal({})).toEqual(busy("You read this market too often at a time."));
    expect(await read({ userId: "other" })).toHaveLength(1);
    await Promise.all(reads);
    expect(await refusal({ resolution: "2m" })).toMatchObject({ code: "VALIDATION_FAILED" });
    expect(await Promise.all(Array.from({ length: 5 }, () => read()))).toHaveLength(5);
  });

  it("50 requests for candles", async () => {
    add(bar(0));
    const reads = Array.from({ length: 50 }, (_, n) => read({ userId: `u${n}` }));
    expect(await refusal({})).toEqual(busy("Too many read this market now."));
    expect(await Promise.all(reads)).toHaveLength(50);
    expect(await read()).toHaveLength(1);
  });
});

describe("MKT-2 a long read", () => {
  it("pauses after every 500 bars, and before the first", async () => {
    add(...seconds(0, 1_100));
    bars.save();
    await read({ resolution: "1d", window: { from: 0, to: NOW } });
    expect(pauses).toBe(3);
  });

  it.each<Partial<CandleRequest>>([{ window: { from: 0, to: NOW } }, {}])(
    "ends after 10 s, and frees its place: %j",
    async (request) => {
      add(...seconds(0, 2_000));
      bars.save();
      pause = async () => {
        await settled();
        now += 5_000;
      };
      const refused = {
        code: "VALIDATION_FAILED",
        message: "This takes more than 10 s to read. Ask for a shorter window or fewer venues.",
      };
      for (let n = 0; n < 6; n++) expect(await refusal({ resolution: "1s", ...request })).toEqual(refused);
      expect(pauses).toBe(18);
      expect(await read({ window: { from: 0, to: 60_000 } })).toHaveLength(1);
    },
  );

  it("shares its turns with others: all together they read one page between two pauses", async () => {
    add(...seconds(0, 1_400));
    bars.save();
    const page = bars.page.bind(bars);
    const log: string[] = [];
    bars.page = (venue, range, limit) => {
      log.push("page");
      return page(venue, range, limit);
    };
    pause = async () => {
      log.push("pause");
      await settled();
    };
    const request = { resolution: "1h", window: { from: 0, to: NOW } };
    const answers = await Promise.all([read(request), read(request), read(request)]);
    expect(answers.map(([candle]) => candle?.volume)).toEqual([14_000, 14_000, 14_000]);
    expect(log).toEqual(Array.from({ length: 9 }, () => ["pause", "page"]).flat());
  });

  it("has what has changed meanwhile in what it has not read yet", async () => {
    add(...seconds(0, 900));
    bars.save();
    let turn = 0;
    pause = async () => {
      await settled();
      if (++turn === 2) add(bar(100_000, { high: 50 }), bar(899_000, { high: 60 }), bar(900_000));
    };
    const candles = await read({ resolution: "15m", window: { from: 0, to: NOW } });
    expect(candles.map(({ high, volume }) => [high, volume])).toEqual([
      [60, 9_000],
      [4, 10],
    ]);
  });
});
