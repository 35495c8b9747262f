/** Whether every socket gets every event of a series exactly once, and in order what was published in order. */
export class Tally {
  readonly #events: number;
  readonly #sockets: number;
  readonly #base: number;
  readonly #ordered: number;
  readonly #groups: number;
  readonly #seen: Uint8Array;
  /** The highest number each socket has got of each group. */
  readonly #last: Int32Array;
  delivered = 0;
  doubled = 0;
  reordered = 0;

  /** Each group of `ordered` events, one after the other from `base` on, is to come in order; all, unless told. */
  constructor(sockets: number, events: number, base: number, ordered = events) {
    this.#sockets = sockets;
    this.#events = events;
    this.#base = base;
    this.#ordered = ordered;
    this.#groups = Math.ceil(events / ordered);
    this.#seen = new Uint8Array(sockets * events);
    this.#last = new Int32Array(sockets * this.#groups).fill(-1);
  }

  get complete(): boolean {
    return this.delivered === this.#sockets * this.#events;
  }

  get lost(): number {
    return this.#sockets * this.#events - this.delivered;
  }

  record(socket: number, timestamp: number): void {
    const event = timestamp - this.#base;
    const place = socket * this.#events + event;
    // An event of an earlier series was complete then, so it comes a second time.
    if (event < 0 || event >= this.#events || this.#seen[place] === 1) {
      this.doubled++;
      return;
    }
    this.#seen[place] = 1;
    this.delivered++;
    const group = socket * this.#groups + Math.floor(event / this.#ordered);
    if (event < (this.#last[group] ?? -1)) this.reordered++;
    else this.#last[group] = event;
  }
}
