/** As in src/rooms/outbox.ts. */
const MAX_BATCH_FRAMES = 1_000;
const BACKLOG_MS = 50;

export interface OutboxModelDeps {
  readonly now: () => number;
  /** Sends events, by the times at which they were published, and calls back when that is answered. */
  readonly send: (batch: readonly number[], done: () => void) => void;
  /** Whether all events are states of one bar: under backlog the newest takes the place of the others. */
  readonly conflates: boolean;
}

/** What a room's outbox does with events: one batch on its way, what comes meanwhile goes with the next. */
export class OutboxModel {
  /** Events that a newer one has replaced. */
  conflated = 0;
  readonly #deps: OutboxModelDeps;
  #waiting: number[] = [];
  #sending = false;
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(deps: OutboxModelDeps) {
    this.#deps = deps;
  }

  push(events: readonly number[]): void {
    for (const event of events) this.#waiting.push(event);
    if (!this.#sending) this.#next(false);
  }

  #next(backlog: boolean): void {
    const { now, send, conflates } = this.#deps;
    this.#sending = this.#waiting.length > 0;
    if (!this.#sending) return;
    if (backlog && conflates) {
      this.conflated += this.#waiting.length - 1;
      this.#waiting = this.#waiting.slice(-1);
    }
    const batch = this.#waiting.slice(0, MAX_BATCH_FRAMES);
    this.#waiting = this.#waiting.slice(MAX_BATCH_FRAMES);
    const startedAt = now();
    send(batch, () => {
      const tookMs = now() - startedAt;
      this.#quickestMs = Math.min(this.#quickestMs, tookMs);
      this.#next(tookMs > 2 * this.#quickestMs + BACKLOG_MS);
    });
  }
}
