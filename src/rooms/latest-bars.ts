import type { Bar } from "../events/bar.ts";

/** By time, then by venue. */
export const compareBars = (a: Bar, b: Bar): number => {
  if (a.timestamp !== b.timestamp) return a.timestamp - b.timestamp;
  const [left, right] = [a.venue ?? "", b.venue ?? ""];
  if (left === right) return 0;
  return left < right ? -1 : 1;
};

/** The latest bars of a market, and the newest one of each of its venues. */
export class LatestBars {
  readonly #size: number;
  readonly #maxChars: number;
  /** Sorted. */
  #bars: Bar[] = [];
  readonly #newest = new Map<string, Bar>();

  /** Of at most `size` bars, and `maxChars` characters as JSON; beyond that there are only venues' newest ones. */
  constructor(size: number, maxChars: number) {
    this.#size = size;
    this.#maxChars = maxChars;
  }

  add(bar: Bar): void {
    const venue = bar.venue ?? "";
    if (bar.timestamp >= (this.#newest.get(venue)?.timestamp ?? 0)) this.#newest.set(venue, bar);
    // Nearly always it is one of the last.
    let index = this.#bars.length;
    while (index > 0 && compareBars(bar, this.#bars[index - 1] ?? bar) < 0) index--;
    const before = this.#bars[index - 1];
    if (before !== undefined && compareBars(bar, before) === 0) {
      this.#bars[index - 1] = bar;
      return;
    }
    this.#bars.splice(index, 0, bar);
    if (this.#bars.length > this.#size) this.#bars.shift();
  }

  /** Forgets all others. Returns whether there were any. */
  keep(isKept: (bar: Bar) => boolean): boolean {
    const before = this.#bars.length;
    this.#bars = this.#bars.filter(isKept);
    return this.#bars.length < before;
  }

  /** Oldest first. */
  get series(): Bar[] {
    const series = new Set(this.#newest.values());
    let chars = [...series].reduce((sum, bar) => sum + charsOf(bar), 0);
    for (const bar of this.#bars.toReversed()) {
      if (series.has(bar)) continue;
      chars += charsOf(bar);
      if (series.size >= this.#size || chars > this.#maxChars) break;
      series.add(bar);
    }
    return [...series].sort(compareBars);
  }
}

/** What a bar takes of a JSON array. */
const charsOf = (bar: Bar): number => JSON.stringify(bar).length + 1;
