import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bar, BarBuilder, readTrades, type Trade } from "./bars.ts";
import { ROOT } from "./wrangler.ts";

/** The recorded markets; see data/README.md. */
export const REPLAY_FILES: Readonly<Record<string, string>> = {
  "BTC-USD": "trades-btc-usdt-2024-08-09.csv",
  "ETH-USD": "trades-eth-usdt-2024-08-09.csv",
};

/** Said by every replayed bar, so that nobody takes it for a live market. */
const VENUE = "replay";

const TICK_MS = 200;

export interface ReplayOptions {
  readonly url: URL;
  readonly ingestToken: string;
  readonly symbols: readonly string[];
  /** Recorded seconds per second. */
  readonly speed: number;
  readonly signal: AbortSignal;
  readonly onError: (message: string) => void;
}

interface Tape {
  readonly trades: readonly Trade[];
  readonly builder: BarBuilder;
  next: number;
}

/** Replays recorded trades in a loop, as 1-second bars with their times moved to now, until aborted. */
export const replay = async (options: ReplayOptions): Promise<void> => {
  const { symbols, speed, signal } = options;
  const tapes = symbols.map((symbol): Tape => {
    const file = REPLAY_FILES[symbol];
    if (file === undefined) throw new Error(`No recorded trades for ${symbol}.`);
    return { trades: readTrades(path.join(ROOT, "data", file)), builder: new BarBuilder(symbol), next: 0 };
  });
  const first = Math.min(...tapes.map(({ trades }) => trades[0]?.timestamp ?? Number.POSITIVE_INFINITY));
  const last = Math.max(...tapes.map(({ trades }) => trades.at(-1)?.timestamp ?? 0));
  while (!signal.aborted) {
    const startedAt = Date.now();
    const movedToNow = (timestamp: number) => Math.round(startedAt + (timestamp - first) / speed);
    for (const tape of tapes) tape.next = 0;
    while (!signal.aborted && tapes.some(({ trades, next }) => next < trades.length)) {
      const bars = tapes.flatMap((tape) => take(tape, movedToNow, Date.now()));
      if (bars.length > 0) await publish(options, bars);
      await sleep(TICK_MS, undefined, { signal }).catch(() => undefined);
    }
    // The last bar is over before the loop begins anew.
    await sleep(Math.max(0, movedToNow(last) + 1_000 - Date.now()), undefined, { signal }).catch(
      () => undefined,
    );
  }
};

/** The bars that changed up to `now`, each in its latest state. */
const take = (tape: Tape, movedToNow: (timestamp: number) => number, now: number): Bar[] => {
  const bars = new Map<number, Bar>();
  for (; tape.next < tape.trades.length; tape.next++) {
    const trade = tape.trades[tape.next];
    if (trade === undefined) break;
    const timestamp = movedToNow(trade.timestamp);
    if (timestamp > now) break;
    const bar = tape.builder.add({ ...trade, timestamp });
    bars.set(bar.timestamp, bar);
  }
  return [...bars.values()];
};

const publish = async ({ url, ingestToken, signal, onError }: ReplayOptions, bars: Bar[]): Promise<void> => {
  try {
    const response = await fetch(new URL("/api/events", url), {
      method: "POST",
      headers: { authorization: `Bearer ${ingestToken}`, "content-type": "application/json" },
      body: JSON.stringify(
        bars.map((bar) => ({ event: "market_chart_live_update", data: { ...bar, venue: VENUE } })),
      ),
      signal,
    });
    const body = await response.text();
    if (response.status !== 202) onError(`The replay was refused: ${response.status} ${body}`);
  } catch (error) {
    if (!signal.aborted) onError(`The replay could not be published: ${(error as Error).message}`);
  }
};
