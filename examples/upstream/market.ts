import type { DatabaseSync } from "node:sqlite";
import { type Call, invalid, notFound, type Said } from "./contract.ts";
import { rangeOf } from "./range.ts";

const RESOLUTIONS: Readonly<Record<string, number>> = {
  "1s": 1_000,
  "1m": 60_000,
  "5m": 300_000,
  "15m": 900_000,
  "1h": 3_600_000,
  "1d": 86_400_000,
};

interface Trade {
  readonly timestamp: number;
  readonly price: number;
  readonly size: number;
}

/** Candles of the trades in the window, oldest first; of all trades without one. */
export function* candles(data: DatabaseSync, { payload }: Call<"request_market_data">): Generator<Said> {
  const { symbol, resolution, venues, window } = payload;
  const step = RESOLUTIONS[resolution];
  if (step === undefined) throw invalid(`The resolutions are ${Object.keys(RESOLUTIONS).join(", ")}.`);
  if (data.prepare("SELECT 1 FROM trades WHERE symbol = ?").get(symbol) === undefined) {
    throw notFound(`There are no trades of ${symbol}. Ask for BTC-USDT or ETH-USDT.`);
  }
  const { from, to } = rangeOf(window ?? { from: 0, to: Date.now() });
  const trades = data
    .prepare(
      `SELECT timestamp, price, size FROM trades WHERE symbol = ? AND timestamp >= ? AND timestamp < ?
        AND (? IS NULL OR venue IN (SELECT value FROM json_each(?))) ORDER BY rowid`,
    )
    .iterate(symbol, from, to, ...Array<string | null>(2).fill(venues ? JSON.stringify(venues) : null));

  const made = new Map<number, ReturnType<typeof opened>>();
  // The columns of the statement.
  for (const trade of trades as Iterable<unknown> as Iterable<Trade>) {
    const timestamp = trade.timestamp - (trade.timestamp % step);
    const candle = made.get(timestamp) ?? opened(timestamp, trade);
    candle.high = Math.max(candle.high, trade.price);
    candle.low = Math.min(candle.low, trade.price);
    candle.close = trade.price;
    candle.units += Math.round(trade.size * UNITS);
    made.set(timestamp, candle);
  }
  const list = [...made.values()].map(({ units, ...candle }) => ({ ...candle, volume: units / UNITS }));
  yield { event: "market_data_response", data: { symbol, candles: list } };
}

/** Sizes have at most eight decimals: their sums are exact in these. */
const UNITS = 1e8;

const opened = (timestamp: number, { price }: Trade) => ({
  timestamp,
  open: price,
  high: price,
  low: price,
  close: price,
  units: 0,
});
