export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The median, because a neighbour's burst of work must not move the figure, and how far the rest lay. */
export const spreadOf = (values: readonly number[]): Spread => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (low === undefined || high === undefined || min === undefined || max === undefined) {
    throw new Error("Nothing was measured.");
  }
  return { median: (low + high) / 2, min, max };
};

export const formatSpread = ({ median, min, max }: Spread, format: (value: number) => string): string =>
  `${format(median)} (${format(min)}–${format(max)})`;

/** The value that a share `p` (0 to 1) of the values does not exceed. */
export const percentile = (values: readonly number[], p: number): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
  if (value === undefined) throw new Error("Nothing was measured.");
  return value;
};
