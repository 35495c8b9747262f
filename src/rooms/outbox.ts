import type { Frame } from "./protocol.ts";

export interface OutboxDeps {
  /** Delivers in order; `false` if the gateway holds no socket of the room. Retries what may be retried. */
  readonly deliver: (frames: readonly Frame[]) => Promise<boolean>;
  /** The gateway holds no socket of the room, and has been told of none since the batch was taken. */
  readonly onEmpty: () => void;
  /** Everything has been sent. */
  readonly onIdle: () => void;
  /** A batch could not be delivered and is lost to this gateway. */
  readonly onLost: (frames: number, error: unknown) => void;
}

/** Frames and characters in one RPC: far below its 32 MiB, and short enough to interleave with others. */
const MAX_BATCH_FRAMES = 1_000;
const MAX_BATCH_CHARS = 1_000_000;

/**
 * What a room still has to send to one gateway, with one RPC in flight: idle means no delay, busy means
 * batches, and a slow gateway delays no other (FAN-1).
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  #waiting: Frame[] = [];
  #sending = false;
  /** Grows with every change of the gateway's sockets: an answer older than the last change proves nothing. */
  #changes = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  push(frame: Frame): void {
    this.#waiting.push(frame);
  }

  /** The gateway's sockets in the room have changed. */
  changed(): void {
    this.#changes++;
  }

  /** Whether nothing waits and nothing is on its way. */
  get idle(): boolean {
    return !this.#sending;
  }

  /** The gateway's last socket has left: what waits is for nobody. */
  clear(): void {
    this.#waiting = [];
  }

  /** Starts sending what waits, unless a batch is on its way and will be followed by the rest. */
  flush(): void {
    if (!this.#sending && this.#waiting.length > 0) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const changes = this.#changes;
      try {
        const held = await this.#deps.deliver(batch);
        if (!held && changes === this.#changes) this.#deps.onEmpty();
      } catch (error) {
        this.#deps.onLost(batch.length, error);
      }
    }
    this.#sending = false;
    this.#deps.onIdle();
  }

  #take(): Frame[] {
    let chars = 0;
    let count = 0;
    for (const frame of this.#waiting) {
      chars += frame.body.length;
      if (count > 0 && (count === MAX_BATCH_FRAMES || chars > MAX_BATCH_CHARS)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
