import type { After } from "../../../lib/after.ts";
import { MAX_RESULT_BYTES } from "./result-rows.ts";

/** Bytes of one user's results in memory. */
export const MAX_USER_BYTES = MAX_RESULT_BYTES;
/** Bytes of results in memory. A query runs only when the longest result still fits, whatever one user holds. */
export const MAX_HELD_BYTES = MAX_USER_BYTES + MAX_RESULT_BYTES;
/** Queries that wait for room, those of one user, and for how long, in ms. */
export const MAX_WAITING = 1_000;
export const MAX_USER_WAITING = 100;
export const MAX_WAIT = 10_000;

/** Ends a wait. */
type Waiting = (admitted: boolean) => void;

/**
 * Keeps the results of a dataset that are being read within the memory there is for them. Room for the longest result is
 * claimed only while a query runs: so no user's unread results alone make another user wait.
 */
export class ResultMemory {
  readonly #after: After;
  /** By user, the one whose turn is next first; each one's in the order of the calls. Never an empty list. */
  readonly #waiting = new Map<string, readonly Waiting[]>();
  /** Bytes of each user's results; never 0. */
  readonly #results = new Map<string, number>();
  #claimed = 0;

  constructor(after: After) {
    this.#after = after;
  }

  /** Bytes that are held, or claimed. */
  get held(): number {
    let held = this.#claimed;
    for (const bytes of this.#results.values()) held += bytes;
    return held;
  }

  /** Claims room for the longest result, users taking turns; false if there is none in time, or `left` is aborted. */
  async claim(user: string, left: AbortSignal): Promise<boolean> {
    if (left.aborted) return false;
    if (this.#waiting.size === 0 && this.#fits()) {
      this.#claimed += MAX_RESULT_BYTES;
      return true;
    }
    const own = this.#waiting.get(user) ?? [];
    const all = [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
    if (own.length >= MAX_USER_WAITING || all >= MAX_WAITING) return false;
    return new Promise((resolve) => {
      const leave = (): void => end(false);
      const stop = this.#after(MAX_WAIT, leave);
      left.addEventListener("abort", leave);
      const end = (admitted: boolean): void => {
        stop();
        left.removeEventListener("abort", leave);
        this.#setWaiting(
          user,
          (this.#waiting.get(user) ?? []).filter((other) => other !== end),
        );
        resolve(admitted);
      };
      this.#setWaiting(user, [...own, end]);
    });
  }

  /** Holds a result in the place of what was claimed for it; false if that is more than its user may hold. */
  hold(user: string, bytes: number): boolean {
    const results = (this.#results.get(user) ?? 0) + bytes;
    const fits = results <= MAX_USER_BYTES;
    if (fits && results > 0) this.#results.set(user, results);
    this.#claimed -= MAX_RESULT_BYTES;
    this.#admit();
    return fits;
  }

  /** So much of a user's results is not needed any more. */
  free(user: string, bytes: number): void {
    const results = (this.#results.get(user) ?? 0) - bytes;
    if (results === 0) this.#results.delete(user);
    else this.#results.set(user, results);
    this.#admit();
  }

  #admit(): void {
    for (const [user, [first]] of this.#waiting) {
      if (first === undefined || !this.#fits()) return;
      this.#claimed += MAX_RESULT_BYTES;
      first(true);
      // Whose turn it was goes behind the others; a map that is walked through comes to it again.
      const rest = this.#waiting.get(user);
      this.#waiting.delete(user);
      if (rest !== undefined) this.#waiting.set(user, rest);
    }
  }

  #setWaiting(user: string, waiting: readonly Waiting[]): void {
    if (waiting.length === 0) this.#waiting.delete(user);
    else this.#waiting.set(user, waiting);
  }

  #fits(): boolean {
    return this.held + MAX_RESULT_BYTES <= MAX_HELD_BYTES;
  }
}
