/** Bins grow by this factor: what a percentile may be wrong by. */
const GROWTH = 1.01;
const LOWEST_MS = 0.001;
const LOG_GROWTH = Math.log(GROWTH);

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** Times in ms, each counted `weight` times. Takes memory for each size of time, not for each time. */
export class Histogram {
  readonly #bins: number[] = [];
  #count = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  add(ms: number, weight = 1): void {
    const bin = Math.max(0, Math.ceil(Math.log(ms / LOWEST_MS) / LOG_GROWTH));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + weight;
    this.#count += weight;
    if (ms > this.#max) this.#max = ms;
  }

  /** `weight` times, spread evenly from `first` to `last`. */
  addSpread(first: number, last: number, weight: number): void {
    const parts = Math.max(1, Math.min(8, Math.round(weight)));
    for (let part = 0; part < parts; part++) {
      this.add(first + ((last - first) * (part + 0.5)) / parts, weight / parts);
    }
  }

  merge(other: Histogram, factor = 1): void {
    other.#bins.forEach((weight, bin) => {
      this.#bins[bin] = (this.#bins[bin] ?? 0) + weight * factor;
    });
    this.#count += other.#count * factor;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** What a share `p` of all does not exceed; 0 if there are none. */
  percentile(p: number): number {
    let left = p * this.#count;
    for (let bin = 0; bin < this.#bins.length; bin++) {
      left -= this.#bins[bin] ?? 0;
      if (left <= 0) return Math.min(this.#max, LOWEST_MS * GROWTH ** bin);
    }
    return this.#max;
  }

  percentiles(): Percentiles {
    return {
      p50: this.percentile(0.5),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.#max,
    };
  }
}
