import Big from "big.js";
import type { Bar, Quantity } from "../events/bar.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Lengths of candles in ms. All divide a day: candles begin at multiples of their length since the epoch, in UTC. */
const RESOLUTIONS: ReadonlyMap<string, number> = new Map([
  ["1s", SECOND],
  ["5s", 5 * SECOND],
  ["15s", 15 * SECOND],
  ["30s", 30 * SECOND],
  ["1m", MINUTE],
  ["5m", 5 * MINUTE],
  ["15m", 15 * MINUTE],
  ["30m", 30 * MINUTE],
  ["1h", HOUR],
  ["4h", 4 * HOUR],
  ["1d", 24 * HOUR],
]);

/** The names of all resolutions, the finest first. */
export const resolutionNames: readonly string[] = [...RESOLUTIONS.keys()];

/** Length in ms of the candles of a resolution; `undefined` if there is none of that name. */
export const resolutionMs = (name: string): number | undefined => RESOLUTIONS.get(name);

/** When the candle of `length` ms begins that `time` is in. */
export const candleStart = (time: number, length: number): number => time - (time % length);

/** The candle that grows, and the exact sum of its volumes once there is more than one. */
interface Growing {
  readonly timestamp: number;
  readonly venue: string | undefined;
  open: Quantity;
  high: Quantity;
  low: Quantity;
  close: Quantity;
  volume: Quantity;
  sum: Big | undefined;
  /** Whether all volumes are numbers. */
  numbers: boolean;
}

/**
 * Rolls the bars of one venue, which come in the order of their time, up into candles of `length` ms: the first open,
 * the last close, the extremes, each exactly as it came in, and the exact sum of the volumes. That is a number, the
 * nearest one, if all volumes are numbers, and a decimal string otherwise; of a single bar it is that bar's.
 */
export class RollUp {
  readonly #length: number;
  #growing: Growing | undefined;

  constructor(length: number) {
    this.#length = length;
  }

  /** Returns the candle that is complete, if this bar begins another one. */
  add(bar: Bar): Bar | undefined {
    const timestamp = candleStart(bar.timestamp, this.#length);
    const growing = this.#growing;
    if (growing?.timestamp === timestamp) {
      grow(growing, bar);
      return undefined;
    }
    const complete = this.end();
    const { open, high, low, close, volume, venue } = bar;
    const numbers = typeof volume === "number";
    this.#growing = { timestamp, venue, open, high, low, close, volume, sum: undefined, numbers };
    return complete;
  }

  /** Returns the candle that the last bars are in, if there is one. */
  end(): Bar | undefined {
    const growing = this.#growing;
    if (growing === undefined) return undefined;
    this.#growing = undefined;
    const { timestamp, venue, open, high, low, close } = growing;
    const candle = { open, high, low, close, volume: volumeOf(growing), timestamp };
    return venue === undefined ? candle : { ...candle, venue };
  }
}

const grow = (growing: Growing, { high, low, close, volume }: Bar): void => {
  if (compare(high, growing.high) > 0) growing.high = high;
  if (compare(low, growing.low) < 0) growing.low = low;
  growing.close = close;
  growing.sum = (growing.sum ?? new Big(growing.volume)).plus(volume);
  growing.numbers &&= typeof volume === "number";
};

const volumeOf = ({ volume, sum, numbers }: Growing): Quantity => {
  if (sum === undefined) return volume;
  const exact = sum.toFixed();
  return numbers ? Number(exact) : exact;
};

/** Exactly. Rounding to doubles keeps order, so only what rounds to the same needs more than doubles. */
const compare = (a: Quantity, b: Quantity): number => {
  if (a === b) return 0;
  const rounded = Number(a) - Number(b);
  return rounded === 0 || Number.isNaN(rounded) ? new Big(a).cmp(b) : rounded;
};
