import path from "node:path";
import { BarBuilder, readTrades, type Trade } from "../../scripts/lib/bars.ts";
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

let recordings: readonly (readonly Trade[])[] | undefined;

/** Read once: they are long, and the same whatever is made of them. */
const readRecordings = (): readonly (readonly Trade[])[] => {
  recordings ??= Object.values(REPLAY_FILES).map((file) => readTrades(path.join(ROOT, "data", file)));
  return recordings;
};

export interface TickOptions {
  readonly symbols: readonly string[];
  /** Recorded seconds per second. */
  readonly speed: number;
  readonly tickMs: number;
  readonly ticks: number;
  /** When the first tick begins, ms since the epoch. */
  readonly startAt: number;
}

/**
 * What a feed handler publishes in each tick: the newest state of every bar that changed. Each symbol plays one of the
 * recordings, in a loop, and each from another place on.
 */
export const recordedTicks = (options: TickOptions): MarketEvent[][] => {
  const recordings = readRecordings();
  const all = Array.from({ length: options.ticks }, (): MarketEvent[] => []);
  for (const [index, symbol] of options.symbols.entries()) {
    const trades = recordings[index % recordings.length] ?? [];
    const first = Math.floor((index / options.symbols.length) * trades.length);
    for (const [tick, bars] of ticksOf(symbol, trades, first, options).entries()) all[tick]?.push(...bars);
  }
  return all;
};

const ticksOf = (
  symbol: string,
  trades: readonly Trade[],
  first: number,
  { speed, tickMs, ticks, startAt }: TickOptions,
): MarketEvent[][] => {
  const [begin, end] = [trades[0]?.timestamp ?? 0, trades.at(-1)?.timestamp ?? 0];
  const builder = new BarBuilder(symbol);
  const changed = Array.from({ length: ticks }, () => new Map<number, MarketEvent>());
  for (let place = first; ; place++) {
    const trade = trades[place % trades.length];
    const lap = Math.floor(place / trades.length);
    if (trade === undefined) throw new Error(`No trades are recorded for ${symbol}.`);
    const recordedMs = lap * (end - begin) + trade.timestamp - (trades[first]?.timestamp ?? 0);
    const passedMs = recordedMs / speed;
    const bars = changed[Math.floor(passedMs / tickMs)];
    if (bars === undefined) return changed.map((states) => [...states.values()]);
    const bar = builder.add({ ...trade, timestamp: startAt + Math.floor(passedMs) });
    bars.set(bar.timestamp, bar);
  }
};
