import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bar, Quantity } from "../../../src/events/bar.ts";
import { RollUp, resolutionMs, resolutionNames } from "../../../src/rooms/candles.ts";
import { units } from "../../support/candles-of-trades.ts";
import { bar, series } from "./market-bars.ts";

const MINUTE = 60_000;

const rollUp = (bars: readonly Bar[], length: number): Bar[] => {
  const growing = new RollUp(length);
  const candles = bars.map((one) => growing.add(one));
  return [...candles, growing.end()].filter((candle) => candle !== undefined);
};

/** The one candle of bars with these values of a field. */
const candleOf = (field: keyof Bar, values: readonly Quantity[]): Bar | undefined =>
  rollUp(
    values.map((value, n) => bar(n, { [field]: value })),
    MINUTE,
  )[0];

describe("MKT-2 a candle", () => {
  it("has the first open, the last close, the extremes and the sum of the volumes", () => {
    const bars = [
      bar(60_000, { open: 5, high: 9, low: 5, close: 8, volume: 1 }),
      bar(61_000, { open: 8, high: 11, low: 7, close: 7, volume: 2 }),
      bar(119_999, { open: 7, high: 8, low: 3, close: 4, volume: 4 }),
      bar(120_000, { open: 1, high: 1, low: 1, close: 1, volume: 8 }),
    ];
    expect(rollUp(bars, MINUTE)).toEqual([
      { open: 5, high: 11, low: 3, close: 4, volume: 7, timestamp: 60_000 },
      { open: 1, high: 1, low: 1, close: 1, volume: 8, timestamp: 120_000 },
    ]);
  });

  it("of no bars is none", () => {
    expect(new RollUp(MINUTE).end()).toBeUndefined();
  });

  it("of one bar has its values as they came in, and its venue", () => {
    const one = bar(60_001, { open: "1.50", high: "2.0", low: 1, close: "1.00", volume: "0.10", venue: "v" });
    expect(rollUp([one], MINUTE)).toStrictEqual([{ ...one, timestamp: 60_000 }]);
  });

  it.each<[Quantity[], Quantity]>([
    [[0.1, 0.2], 0.3],
    [["0.1", "0.2"], "0.3"],
    [["0.1", 0.2], "0.3"],
    [[0.1, "0.2"], "0.3"],
    [[1e-7, 1e21], 1e21],
    [["0.0000001", 1e21], "1000000000000000000000.0000001"],
    [["9007199254740993", "1"], "9007199254740994"],
    [["1.50", "1.50"], "3"],
    [["0", "0.00"], "0"],
    [Array.from({ length: 10 }, () => 0.1), 1],
  ])("sums volumes exactly: %j is %j", (volumes, sum) => {
    expect(candleOf("volume", volumes)?.volume).toBe(sum);
  });

  it.each<[Quantity[], Quantity, Quantity]>([
    [["9", "10"], "10", "9"],
    [["1.0", "1.00", 1], "1.0", "1.0"],
    [["0.30000000000000004", "0.3"], "0.30000000000000004", "0.3"],
    [["0.300000000000000001", 0.3], "0.300000000000000001", 0.3],
    [[0.3, "0.300000000000000001"], "0.300000000000000001", 0.3],
    [["9007199254740993", "9007199254740992"], "9007199254740993", "9007199254740992"],
    [["9".repeat(100), `${"9".repeat(99)}8`], "9".repeat(100), `${"9".repeat(99)}8`],
  ])("compares exactly: of %j the highest is %j, the lowest %j", (values, high, low) => {
    expect(candleOf("high", values)?.high).toBe(high);
    expect(candleOf("low", values)?.low).toBe(low);
  });

  it("begins at a multiple of its length since the epoch, in UTC", () => {
    const time = Date.UTC(2024, 7, 9, 15, 59, 59, 999);
    const starts = resolutionNames.map((name) => {
      const [candle] = rollUp([bar(time)], resolutionMs(name) ?? Number.NaN);
      return `${name} ${new Date(candle?.timestamp ?? 0).toISOString().slice(8, 19)}`;
    });
    expect(starts).toEqual([
      "1s 09T15:59:59",
      "5s 09T15:59:55",
      "15s 09T15:59:45",
      "30s 09T15:59:30",
      "1m 09T15:59:00",
      "5m 09T15:55:00",
      "15m 09T15:45:00",
      "30m 09T15:30:00",
      "1h 09T15:00:00",
      "4h 09T12:00:00",
      "1d 09T00:00:00",
    ]);
  });

  it.each(["2m", "1M", "", "60s", "1w", "__proto__"])("has no resolution %j", (name) => {
    expect(resolutionMs(name)).toBeUndefined();
  });
});

describe("MKT-2 rolling up", () => {
  const resolution = fc.constantFrom(...resolutionNames);
  const lengthOf = (name: string): number => resolutionMs(name) ?? Number.NaN;

  it("gives what every bar's digits say, and loses no bar", () => {
    fc.assert(
      fc.property(series, resolution, (bars, name) => {
        const length = BigInt(lengthOf(name));
        const expected = Map.groupBy(bars, ({ timestamp }) => BigInt(timestamp) / length);
        const candles = rollUp(bars, lengthOf(name));
        expect(candles.map(({ timestamp }) => BigInt(timestamp) / length)).toEqual([...expected.keys()]);
        for (const { open, high, low, close, volume, timestamp } of candles) {
          const inside = expected.get(BigInt(timestamp) / length) ?? [];
          const [first, last] = [inside[0], inside.at(-1)];
          expect([open, close]).toEqual([first?.open, last?.close]);
          for (const other of inside) {
            expect(units(other.high) <= units(high)).toBe(true);
            expect(units(other.low) >= units(low)).toBe(true);
          }
          expect(inside.some((other) => other.high === high)).toBe(true);
          expect(inside.some((other) => other.low === low)).toBe(true);
          expect(units(volume)).toBe(inside.reduce((sum, other) => sum + units(other.volume), 0n));
          if (inside.length > 1) {
            const numbers = inside.every((other) => typeof other.volume === "number");
            expect(typeof volume).toBe(numbers ? "number" : "string");
          }
        }
      }),
    );
  });

  it("finer candles gives what rolling up the bars gives", () => {
    fc.assert(
      fc.property(series, resolution, resolution, (bars, a, b) => {
        const [fine, coarse] = [lengthOf(a), lengthOf(b)].sort((x, y) => x - y) as [number, number];
        fc.pre(coarse % fine === 0);
        const exact = ({ volume, ...candle }: Bar) => ({ ...candle, volume: units(volume) });
        expect(rollUp(rollUp(bars, fine), coarse).map(exact)).toEqual(rollUp(bars, coarse).map(exact));
      }),
    );
  });
});
