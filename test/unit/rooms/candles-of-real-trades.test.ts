import { describe, expect, it } from "vitest";
import { BarBuilder, readTrades } from "../../../scripts/lib/bars.ts";
import type { Bar } from "../../../src/events/bar.ts";
import { Bars } from "../../../src/rooms/bars.ts";
import { CandleReader } from "../../../src/rooms/candle-reader.ts";
import { candlesOfTrades, exactly, SECONDS, TRADE_FILES } from "../../support/candles-of-trades.ts";
import { settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";

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

describe.each(TRADE_FILES)("MKT-2 candles of %s", (file) => {
  describe.each([
    ["numbers", (bar: Bar) => bar],
    ["decimal strings", asStrings],
  ])("as %s", (_, convert) => {
    const bars = new Bars(new TestStorage().sql, 604_800_000);
    for (const bar of published(file)) bars.add(convert(bar));
    bars.save();
    const reader = new CandleReader({ bars, room: "market:A-B", clock: Date.now, pause: settled });

    it.each(SECONDS)("%s are what the trades say, to the last digit", async (resolution, seconds) => {
      const window = { from: 0, to: Date.UTC(2030, 0) };
      const answer = await reader.read({ userId: "u", resolution, window });
      if (!answer.ok) throw new Error(answer.error.message);
      expect(exactly(answer.value)).toEqual(candlesOfTrades(file, seconds));
      const types = answer.value.flatMap(({ open, volume }) => [typeof open, typeof volume]);
      expect(new Set(types)).toEqual(new Set([convert === asStrings ? "string" : "number"]));
    });
  });
});
