/** Numbers that look random, and are the same for the same seed. */
export interface Random {
  /** At least 0, below 1. */
  next(): number;
  /** Between two events of a Poisson process, which are `mean` apart on average. */
  exponential(mean: number): number;
  /** A factor that is 1 in the middle; its logarithm is normal with this deviation. */
  logNormal(deviation: number): number;
}

/** Mulberry32: 32 bits of state, good enough for queues. */
export const createRandom = (seed: number): Random => {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    exponential: (mean) => -mean * Math.log(1 - next()),
    // Box and Muller.
    logNormal: (deviation) =>
      Math.exp(deviation * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())),
  };
};

/** Changes the order of `items`, and returns them. */
export const shuffle = <T>(items: T[], random: Random): T[] => {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random.next() * (last + 1));
    const [a, b] = [items[last], items[other]];
    if (a !== undefined && b !== undefined) [items[last], items[other]] = [b, a];
  }
  return items;
};

/** Picks indices in proportion to their weights. */
export const createPicker = (weights: readonly number[]): ((random: Random) => number) => {
  const sums: number[] = [];
  let total = 0;
  for (const weight of weights) {
    total += weight;
    sums.push(total);
  }
  return (random) => {
    const wanted = random.next() * total;
    let [low, high] = [0, sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] ?? 0) <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
};
