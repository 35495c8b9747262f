import { settled } from "../../support/fakes.ts";

/** One life of an object: what it has started ends with it. */
export interface Life {
  dead: boolean;
  /** Its next life has begun: what it has sent and has not arrived does not arrive any more. */
  replaced?: boolean;
  /** Calls it waits for, and timers that it has set: while there are any it does not hibernate. */
  busy: number;
}

/** What the platform marks as worth repeating. */
const LOST = { retryable: true, message: "The network is gone." };

/** Does one thing that has come due; `lost`: it does not arrive, if it can get lost. */
type Step = (lost: boolean) => void;

/** Messages of one connection in one direction: they come in order, or not at all. */
export class Lane<T> {
  readonly waiting: T[] = [];
  readonly receive: (message: T) => void;

  constructor(receive: (message: T) => void) {
    this.receive = receive;
  }
}

/** All that is on its way. Calls are each made on a stub of their own, so any may overtake any other. */
export class Network {
  #calls: Step[] = [];
  readonly #lanes = new Set<Lane<unknown>>();

  get pending(): number {
    let lanes = 0;
    for (const { waiting } of this.#lanes) if (waiting.length > 0) lanes++;
    return this.#calls.length + lanes;
  }

  lane<T>(receive: (message: T) => void): Lane<T> {
    const lane = new Lane(receive);
    // What is taken from a lane is what was put there.
    this.#lanes.add(lane as Lane<unknown>);
    return lane;
  }

  /** Makes a call; it and its answer arrive when the test says so. What a dead object has sent may still arrive. */
  call<T>(caller: Life, run: () => T): Promise<T> {
    caller.busy++;
    return new Promise((resolve, reject) => {
      const settle = (end: () => void): void => {
        if (caller.dead) return;
        caller.busy--;
        end();
      };
      this.#calls.push((lost) => {
        if (lost || caller.replaced) {
          settle(() => reject(LOST));
          return;
        }
        const value = run();
        if (caller.dead) return;
        this.#calls.push((lost) => settle(() => (lost ? reject(LOST) : resolve(value))));
      });
    });
  }

  /** Lets the `n`th of what is on its way arrive. */
  step(n: number, lost = false): void {
    const calls = this.#calls.length;
    const count = this.pending;
    if (count === 0) return;
    const index = n % count;
    if (index < calls) {
      this.#calls.splice(index, 1)[0]?.(lost);
      return;
    }
    let lane = index - calls;
    for (const one of this.#lanes) {
      if (one.waiting.length === 0 || lane-- > 0) continue;
      one.receive(one.waiting.shift());
      return;
    }
  }

  /** Loses all calls that are on their way. */
  lose(): void {
    const calls = this.#calls;
    this.#calls = [];
    for (const call of calls) call(true);
  }

  /** Lets all arrive that is on its way, and all that follows from it. */
  async drain(): Promise<void> {
    await settled();
    while (this.pending > 0) {
      const calls = this.#calls;
      this.#calls = [];
      for (const call of calls) call(false);
      for (const { waiting, receive } of this.#lanes) {
        for (const message of waiting.splice(0)) receive(message);
      }
      await settled();
    }
  }
}
