/** What a question asks for, once understood. Pure. */
import type { Table } from "../../dataset/schema.ts";

/**
 * A point in time: ms since the epoch, or, of a question that names a time and no date, ms since the midnight (UTC)
 * that begins the last day of the data.
 */
export interface Moment {
  readonly base: "epoch" | "last-day";
  readonly ms: number;
}

/**
 * Which rows a question is about, by their time.
 * - `between`: `from` is in it, `to` is not; either may be open
 * - `at`: a time named alone, which lasts a minute, a second or a millisecond
 * - `last`, `first`: so many ms back from the newest row, or on from the oldest
 */
export type TimeSpan =
  | { readonly kind: "all" }
  | { readonly kind: "between"; readonly from?: Moment; readonly to?: Moment }
  | { readonly kind: "at"; readonly moment: Moment; readonly lasts: number }
  | { readonly kind: "last" | "first"; readonly ms: number };

export type Measure =
  /** Of one trade, its price. */
  | "last-price"
  | "first-price"
  | "highest-price"
  | "lowest-price"
  /** Of one trade, its size. */
  | "largest-trade"
  | "smallest-trade"
  /** Of all trades together. */
  | "average-price"
  | "average-size"
  | "price-range"
  | "price-change"
  | "volume"
  | "count"
  | "sides"
  | "candles";

export type Side = "buy" | "sell";

export interface TradeQuestion {
  readonly about: "trades";
  readonly measure: Measure;
  /** As the question has it: a symbol, or a coin. Without, the question is not complete. */
  readonly symbol?: string;
  readonly side?: Side;
  readonly span: TimeSpan;
  /** Of candles, in ms. */
  readonly resolution: number;
}

export interface AddressQuestion {
  readonly about: "address";
  readonly aspect: "labels" | "transfers" | "exposure" | "everything";
  readonly address: string;
  readonly chain?: string;
}

export interface TransferQuestion {
  readonly about: "transfers";
  readonly measure: "totals" | "largest";
  readonly chain?: string;
  readonly span: TimeSpan;
}

export interface LabelQuestion {
  readonly about: "labels";
  /** Only addresses of sanctions lists. */
  readonly sanctioned: boolean;
  readonly chain?: string;
}

export type Question =
  | TradeQuestion
  | AddressQuestion
  | TransferQuestion
  | LabelQuestion
  | { readonly about: "rows"; readonly table?: Table }
  | { readonly about: "symbols" }
  | { readonly about: "help" };
