/** A measurement: what it cost, and how often each unknown is part of it. */
export interface Observation {
  readonly counts: readonly number[];
  readonly cost: number;
}

/** Solves a small linear system by elimination. */
const solve = (matrix: readonly (readonly number[])[], right: readonly number[]): number[] => {
  const rows = matrix.map((row, index) => [...row, right[index] ?? 0]);
  const size = rows.length;
  for (let column = 0; column < size; column++) {
    const below = rows.slice(column);
    const pivot = below.reduce((best, row) =>
      Math.abs(row[column] ?? 0) > Math.abs(best[column] ?? 0) ? row : best,
    );
    rows.splice(rows.indexOf(pivot), 1);
    rows.splice(column, 0, pivot);
    const lead = pivot[column] ?? 0;
    if (Math.abs(lead) < 1e-12) throw new Error("The measurements do not tell the unknowns apart.");
    for (const row of rows) {
      if (row === pivot) continue;
      const times = (row[column] ?? 0) / lead;
      for (let at = column; at <= size; at++) row[at] = (row[at] ?? 0) - times * (pivot[at] ?? 0);
    }
  }
  return rows.map((row, index) => (row[size] ?? 0) / (row[index] ?? 1));
};

/**
 * The unknowns that come nearest to all measurements, by relative error, none of them below 0: one that would be is
 * taken as 0, and the others are fitted anew.
 */
export const fit = (observations: readonly Observation[]): number[] => {
  const size = observations[0]?.counts.length ?? 0;
  const zero = new Set<number>();
  for (;;) {
    const free = Array.from({ length: size }, (_, index) => index).filter((index) => !zero.has(index));
    const at = (counts: readonly number[], index: number): number => counts[index] ?? 0;
    const product = (of: (observation: Observation) => number): number =>
      observations.reduce((sum, observation) => sum + of(observation) / observation.cost ** 2, 0);
    const found = solve(
      free.map((row) => free.map((column) => product(({ counts }) => at(counts, row) * at(counts, column)))),
      free.map((row) => product(({ counts, cost }) => at(counts, row) * cost)),
    );
    const lowest = found.reduce((low, value, index) => (value < (found[low] ?? 0) ? index : low), 0);
    if ((found[lowest] ?? 0) >= 0) {
      return Array.from({ length: size }, (_, index) => found[free.indexOf(index)] ?? 0);
    }
    zero.add(free[lowest] ?? 0);
  }
};
