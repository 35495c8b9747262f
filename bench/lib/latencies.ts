import { createHistogram } from "node:perf_hooks";

/** What a histogram can tell apart goes up to an hour, in µs. */
const HIGHEST_US = 3_600_000_000;

/** Times in ms, to three digits; all 0 if none was recorded. */
export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Collects times at a few nanoseconds each, in memory that does not grow with their number. */
export class Latencies {
  readonly #histogram = createHistogram({ lowest: 1, highest: HIGHEST_US, figures: 3 });

  add(us: number): void {
    this.#histogram.record(Math.min(Math.max(1, Math.round(us)), HIGHEST_US));
  }

  summary(): LatencySummary {
    const { count, max } = this.#histogram;
    const at = (percent: number): number =>
      count === 0 ? 0 : Math.min(this.#histogram.percentile(percent), max) / 1_000;
    return { count, p50: at(50), p99: at(99), max: count === 0 ? 0 : max / 1_000 };
  }
}
