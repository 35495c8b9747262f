import { readFileSync } from "node:fs";
import { parse } from "csv-parse/sync";

export interface Trade {
  /** ms since the epoch. */
  readonly timestamp: number;
  readonly price: number;
  /** In units of 10^-8, so that volumes add up exactly. */
  readonly size: bigint;
}

export interface Bar {
  readonly symbol: string;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  readonly volume: number;
  /** When the bar began, ms since the epoch. */
  readonly timestamp: number;
}

const BAR_MS = 1_000;
const SIZE_DECIMALS = 8;

/** A decimal number such as `0.00017` in units of 10^-8. */
const units = (text: string): bigint => {
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(SIZE_DECIMALS, "0").slice(0, SIZE_DECIMALS));
};

/** Reads a file of trades as shipped in data/; see data/README.md. */
export const readTrades = (file: string): Trade[] =>
  parse<{ timestamp: string; price: string; size: string }>(readFileSync(file), { columns: true }).map(
    ({ timestamp, price, size }) => ({
      timestamp: Number(timestamp),
      price: Number(price),
      size: units(size),
    }),
  );

/** Builds 1-second bars of one symbol from trades in time order. */
export class BarBuilder {
  readonly #symbol: string;
  #volume = 0n;
  #bar: Bar | undefined;

  constructor(symbol: string) {
    this.#symbol = symbol;
  }

  /** Adds a trade and returns the state of its bar (MKT-1). */
  add({ timestamp, price, size }: Trade): Bar {
    const start = Math.floor(timestamp / BAR_MS) * BAR_MS;
    const open = this.#bar?.timestamp === start ? this.#bar : undefined;
    this.#volume = open === undefined ? size : this.#volume + size;
    this.#bar = {
      symbol: this.#symbol,
      open: open?.open ?? price,
      high: Math.max(open?.high ?? price, price),
      low: Math.min(open?.low ?? price, price),
      close: price,
      volume: Number(this.#volume) / 10 ** SIZE_DECIMALS,
      timestamp: start,
    };
    return this.#bar;
  }
}
