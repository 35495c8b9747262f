import path from "node:path";
import { BarBuilder, readTrades } from "../../scripts/lib/bars.ts";
import { REPLAY_FILES } from "../../scripts/lib/replay.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import type { MarketEvent } from "./events.ts";

/** The first `count` states of bars that the recorded trades of a symbol made: what a market really sends. */
export const recordedBars = (symbol: string, count: number): MarketEvent[] => {
  const builder = new BarBuilder(symbol);
  const trades = readTrades(path.join(ROOT, "data", REPLAY_FILES[symbol] ?? ""));
  if (trades.length < count) throw new Error(`Only ${trades.length} trades are recorded for ${symbol}.`);
  return trades.slice(0, count).map((trade) => builder.add(trade));
};
