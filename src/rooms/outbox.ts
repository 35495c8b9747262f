import type { Delivery } from "../events/define.ts";
import type { Sleep } from "../lib/after.ts";
import { isRetryable } from "../lib/rpc.ts";
import type { Frame } from "./protocol.ts";

export interface OutboxDeps {
  /** Delivers in order; `false` if the gateway holds no socket of the room. */
  readonly deliver: (frames: readonly Frame[]) => Promise<boolean>;
  /** The gateway holds no socket of the room, and has been told of none since the batch was taken. */
  readonly onEmpty: () => void;
  /** Everything has been sent. */
  readonly onIdle: () => void;
  /** Frames that may be lost are: they could not be delivered, or too much waits. */
  readonly onLost: (frames: number, error: unknown) => void;
  readonly sleep: Sleep;
}

/** A frame that waits; shared by the outboxes it waits in. */
export interface Waiting {
  readonly frame: Frame;
  readonly delivery: Delivery;
}

/** Frames and characters in one RPC: far below its 32 MiB, and short enough to interleave with others. */
const MAX_BATCH_FRAMES = 1_000;
const MAX_BATCH_CHARS = 1_000_000;

/** What may wait for one gateway, in frames and characters; durable frames are beyond it. */
const MAX_WAITING_FRAMES = 10_000;
const MAX_WAITING_CHARS = 8_000_000;

/** Attempts after which a batch that is not durable is given up. */
const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 5_000;

/**
 * What a room still has to send to one gateway, with one RPC in flight: idle means no delay, busy means
 * batches, and a slow gateway delays no other (FAN-1). Durable frames are repeated until they arrive.
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  #waiting: Waiting[] = [];
  /** The batch on its way. */
  #batch: readonly Waiting[] = [];
  #chars = 0;
  #durable = 0;
  #sending = false;
  /** Grows with every change of the gateway's sockets: an answer older than the last change proves nothing. */
  #changes = 0;
  /** Grows whenever what waits, or is on its way, turns out to be for nobody. */
  #clears = 0;

  constructor(deps: OutboxDeps) {
    this.#deps = deps;
  }

  push(waiting: Waiting): void {
    this.#add(waiting);
    const tooMuch = this.#waiting.length > MAX_WAITING_FRAMES || this.#chars > MAX_WAITING_CHARS;
    if (tooMuch && this.#waiting.length > this.#durable) this.#shed();
  }

  /** The gateway's sockets in the room have changed. */
  changed(): void {
    this.#changes++;
  }

  /** Whether nothing waits and nothing is on its way. */
  get idle(): boolean {
    return !this.#sending;
  }

  /** Position in the log of the oldest durable frame that has not arrived. */
  get firstLogged(): number | undefined {
    for (const waiting of [this.#batch, this.#waiting]) {
      const found = waiting.find(({ frame }) => frame.logged !== undefined);
      if (found !== undefined) return found.frame.logged;
    }
    return undefined;
  }

  /** Whether no more durable frames should be added: they are never shed. */
  get full(): boolean {
    return this.#durable >= MAX_WAITING_FRAMES || (this.#durable > 0 && this.#chars > MAX_WAITING_CHARS);
  }

  /** The gateway's last socket has left: what waits is for nobody. */
  clear(): void {
    this.#clears++;
    this.#replace([]);
  }

  /** Starts sending what waits, unless a batch is on its way and will be followed by the rest. */
  flush(): void {
    if (!this.#sending && this.#waiting.length > 0) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    let failures = 0;
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      this.#batch = batch;
      const changes = this.#changes;
      const clears = this.#clears;
      try {
        const held = await this.#deps.deliver(batch.map(({ frame }) => frame));
        failures = 0;
        this.#batch = [];
        if (!held && changes === this.#changes) this.#deps.onEmpty();
      } catch (error) {
        failures++;
        const again = isRetryable(error) && failures < ATTEMPTS;
        const kept = again ? batch : batch.filter(({ delivery }) => delivery === "durable");
        if (kept.length < batch.length) this.#deps.onLost(batch.length - kept.length, error);
        // First again: a gateway that got the batch after all skips what it has had, as long as the order stands.
        if (clears === this.#clears) this.#replace([...kept, ...this.#waiting]);
        this.#batch = [];
        await this.#deps.sleep(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS));
        // The next batch has attempts of its own.
        if (kept.length === 0) failures = 0;
      }
    }
    this.#sending = false;
    this.#deps.onIdle();
  }

  /** Too much waits: what is overtaken soonest goes first, and of that the older half. */
  #shed(): void {
    const before = this.#waiting.length;
    for (const delivery of ["volatile", "transient"] as const) {
      const candidates = this.#waiting.filter((waiting) => waiting.delivery === delivery);
      if (candidates.length === 0) continue;
      const dropped = new Set(candidates.slice(0, Math.ceil(candidates.length / 2)));
      this.#replace(this.#waiting.filter((waiting) => !dropped.has(waiting)));
      break;
    }
    const lost = before - this.#waiting.length;
    if (lost > 0) this.#deps.onLost(lost, new Error("Too much waits for this gateway."));
  }

  #take(): Waiting[] {
    let chars = 0;
    let count = 0;
    for (const { frame, delivery } of this.#waiting) {
      const next = chars + frame.body.length;
      if (count > 0 && (count === MAX_BATCH_FRAMES || next > MAX_BATCH_CHARS)) break;
      chars = next;
      count++;
      if (delivery === "durable") this.#durable--;
    }
    this.#chars -= chars;
    return this.#waiting.splice(0, count);
  }

  #replace(waiting: readonly Waiting[]): void {
    this.#waiting = [];
    this.#chars = 0;
    this.#durable = 0;
    for (const one of waiting) this.#add(one);
  }

  #add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#chars += waiting.frame.body.length;
    if (waiting.delivery === "durable") this.#durable++;
  }
}
