import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { BarBuilder, readTrades } from "../../../scripts/lib/bars.ts";
import type { Bar } from "../../../src/events/bar.ts";
import { Bars } from "../../../src/rooms/bars.ts";
import { CandleReader } from "../../../src/rooms/candle-reader.ts";
import { settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { units } from "./market-bars.ts";

const FILES = ["btc", "eth"].map((asset) => `data/trades-${asset}-usdt-2024-08-09.csv`);

/** Written out once more, so that no mistake is made twice. */
const SECONDS = Object.entries({
  ...{ "1s": 1n, "5s": 5n, "15s": 15n, "30s": 30n, "1m": 60n, "5m": 300n },
  ...{ "15m": 900n, "30m": 1_800n, "1h": 3_600n, "4h": 14_400n, "1d": 86_400n },
});

/** Candle by candle `time open high low close volume`, straight from the file: whole numbers only, no bars. */
const computed = (file: string, seconds: bigint): bigint[][] => {
  const candles: bigint[][] = [];
  for (const line of readFileSync(file, "utf8").trim().split("\n").slice(1)) {
    const [timestamp = "", , price = "", size = ""] = line.split(",");
    const start = (BigInt(timestamp) / (seconds * 1_000n)) * seconds * 1_000n;
    const p = units(price);
    const last = candles.at(-1);
    if (last?.[0] !== start) {
      candles.push([start, p, p, p, p, units(size)]);
      continue;
    }
    const [, open = 0n, high = 0n, low = 0n, , volume = 0n] = last;
    const values = [start, open, p > high ? p : high, p < low ? p : low, p, volume + units(size)];
    candles[candles.length - 1] = values;
  }
  return candles;
};

/** The bars of one second that the replay publishes, in the states that it publishes. */
const published = (file: string): Bar[] => {
  const builder = new BarBuilder("A-B");
  return readTrades(file).map((trade) => {
    const { symbol: _, ...bar } = builder.add(trade);
    return bar;
  });
};

const asStrings = ({ timestamp, ...values }: Bar): Bar => ({
  ...{ open: `${values.open}`, high: `${values.high}`, low: `${values.low}`, close: `${values.close}` },
  volume: `${values.volume}`,
  timestamp,
});

describe.each(FILES)("MKT-2 candles of %s", (file) => {
  describe.each([
    ["numbers", (bar: Bar) => bar],
    ["decimal strings", asStrings],
  ])("as %s", (_, convert) => {
    const bars = new Bars(new TestStorage().sql, 604_800_000);
    for (const bar of published(file)) bars.add(convert(bar));
    bars.save();
    const reader = new CandleReader({ bars, room: "market:A-B", clock: Date.now, pause: settled });

    it.each(SECONDS)("%s are what the trades say, to the last digit", async (resolution, seconds) => {
      const answer = await reader.read({ resolution, window: { from: 0, to: Date.UTC(2030, 0) } });
      if (!answer.ok) throw new Error(answer.error.message);
      const candles = answer.value.map(({ timestamp, open, high, low, close, volume }) => [
        BigInt(timestamp),
        ...[open, high, low, close, volume].map(units),
      ]);
      expect(candles).toEqual(computed(file, seconds));
      const types = answer.value.flatMap(({ open, volume }) => [typeof open, typeof volume]);
      expect(new Set(types)).toEqual(new Set([convert === asStrings ? "string" : "number"]));
    });
  });
});
