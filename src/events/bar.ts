/** A price or volume as its publisher sent it. */
export type Quantity = number | string;

/** The state of the bar that began at `timestamp` (ms), of one venue if it says so (MKT-1). A candle is one, too. */
export interface Bar {
  readonly open: Quantity;
  readonly high: Quantity;
  readonly low: Quantity;
  readonly close: Quantity;
  readonly volume: Quantity;
  readonly timestamp: number;
  readonly venue?: string;
}
