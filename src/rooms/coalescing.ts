import type { After } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";

/**
 * Lets a room that has just sent gather events for some milliseconds before it sends again: fewer calls, for a little
 * delay (FAN-4). After a quiet time nothing is delayed; with 0 ms nothing ever is.
 */
export class Coalescing {
  readonly #ms: number;
  readonly #clock: Clock;
  readonly #after: After;
  readonly #send: () => void;
  #nextAt = 0;
  #timed = false;

  constructor(ms: number, { clock, after }: { clock: Clock; after: After }, send: () => void) {
    this.#ms = ms;
    this.#clock = clock;
    this.#after = after;
    this.#send = send;
  }

  /** Sends what waits, now or soon. */
  flush(): void {
    if (this.#ms === 0) {
      this.#send();
      return;
    }
    if (this.#timed) return;
    const now = this.#clock();
    if (now >= this.#nextAt) {
      this.#nextAt = now + this.#ms;
      this.#send();
      return;
    }
    this.#timed = true;
    this.#after(this.#nextAt - now, () => {
      this.#timed = false;
      this.#nextAt = this.#clock() + this.#ms;
      this.#send();
    });
  }
}
