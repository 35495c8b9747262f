import type { After } from "../../../lib/after.ts";
import { MAX_RESULT_BYTES } from "./result-rows.ts";

/** Bytes of results in memory. A query runs only when the longest result still fits. */
export const MAX_HELD_BYTES = 2 * MAX_RESULT_BYTES;
/** Queries that wait for room, and for how long, in ms. */
export const MAX_WAITING = 1_000;
export const MAX_WAIT = 10_000;

/** Keeps the results of a dataset that are being read within the memory there is for them. */
export class ResultMemory {
  readonly #after: After;
  readonly #waiting: (() => void)[] = [];
  #held = 0;

  constructor(after: After) {
    this.#after = after;
  }

  /** Bytes that are held, or claimed. */
  get held(): number {
    return this.#held;
  }

  /** Claims room for the longest result, in the order of the calls; false if there is none in time. */
  async claim(): Promise<boolean> {
    if (this.#waiting.length === 0 && this.#fits()) {
      this.#held += MAX_RESULT_BYTES;
      return true;
    }
    if (this.#waiting.length === MAX_WAITING) return false;
    return new Promise((resolve) => {
      const admit = (): void => {
        stop();
        resolve(true);
      };
      const stop = this.#after(MAX_WAIT, () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        resolve(false);
      });
      this.#waiting.push(admit);
    });
  }

  /** So much of what was claimed or held is not needed any more. */
  free(bytes: number): void {
    this.#held -= bytes;
    while (this.#waiting.length > 0 && this.#fits()) {
      this.#held += MAX_RESULT_BYTES;
      this.#waiting.shift()?.();
    }
  }

  #fits(): boolean {
    return this.#held + MAX_RESULT_BYTES <= MAX_HELD_BYTES;
  }
}
