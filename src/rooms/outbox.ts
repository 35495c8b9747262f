import type { Delivery } from "../events/define.ts";
import type { Sleep } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";
import { isRetryable } from "../lib/rpc.ts";
import type { Frame } from "./protocol.ts";

export interface OutboxDeps {
  /** Delivers in order. */
  readonly deliver: (batch: readonly Waiting[]) => Promise<void>;
  /** Everything has been sent. */
  readonly onIdle: () => void;
  /** Frames that may be lost are: they could not be delivered, or too much waits. */
  readonly onLost: (frames: number, error: unknown) => void;
  /** Under backlog newer states have replaced so many frames (MKT-3). */
  readonly onConflated: (frames: number) => void;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** A frame that waits; shared by the outboxes it waits in. */
export interface Waiting {
  readonly frame: Frame;
  readonly delivery: Delivery;
  /** Of two frames with equal keys, the newer says all that the older does. */
  readonly conflationKey?: string;
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

/** A batch that takes so much longer, in ms, than twice what the quickest one did is held up by more than distance. */
const BACKLOG_MS = 50;

/**
 * What a room still has to send to one gateway, or to several by a relay, with one RPC in flight: idle means no delay,
 * busy means batches, and a slow gateway delays no other (FAN-1). Durable frames are repeated until they arrive; states
 * of the market that wait in a backlog give way to newer ones (MKT-3).
 */
export class Outbox {
  readonly #deps: OutboxDeps;
  #waiting: Waiting[] = [];
  /** The batch on its way. */
  #batch: readonly Waiting[] = [];
  #chars = 0;
  #durable = 0;
  #sending = false;
  /** How much of what waits is to be sent without waiting for the next `flush`. */
  #due = 0;
  /** What the quickest batch took, in ms. */
  #quickestMs = Number.POSITIVE_INFINITY;
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

  /** What waits, the batch on its way not included. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
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
    this.#due = this.#waiting.length;
    if (!this.#sending && this.#due > 0) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#sending = true;
    let failures = 0;
    let backlog = false;
    while (this.#due > 0) {
      if (backlog) this.#conflate();
      const batch = this.#take();
      this.#batch = batch;
      const clears = this.#clears;
      const startedAt = this.#deps.clock();
      try {
        await this.#deps.deliver(batch);
        failures = 0;
        this.#batch = [];
        const tookMs = this.#deps.clock() - startedAt;
        this.#quickestMs = Math.min(this.#quickestMs, tookMs);
        backlog = tookMs > 2 * this.#quickestMs + BACKLOG_MS;
      } catch (error) {
        backlog = true;
        failures++;
        const again = isRetryable(error) && failures < ATTEMPTS;
        const kept = again ? batch : batch.filter(({ delivery }) => delivery === "durable");
        if (kept.length < batch.length) this.#deps.onLost(batch.length - kept.length, error);
        // First again: a gateway that got the batch after all skips what it has had, as long as the order stands.
        if (clears === this.#clears) {
          this.#replace([...kept, ...this.#waiting]);
          this.#due += kept.length;
        }
        this.#batch = [];
        await this.#deps.sleep(Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS));
        // The next batch has attempts of its own.
        if (kept.length === 0) failures = 0;
      }
    }
    this.#sending = false;
    this.#deps.onIdle();
  }

  /** Drops what a newer frame that waits has replaced. */
  #conflate(): void {
    const newer = new Set<string>();
    const kept: Waiting[] = [];
    for (const waiting of this.#waiting.toReversed()) {
      const { conflationKey } = waiting;
      if (conflationKey !== undefined && newer.has(conflationKey)) continue;
      if (conflationKey !== undefined) newer.add(conflationKey);
      kept.push(waiting);
    }
    const dropped = this.#waiting.length - kept.length;
    if (dropped === 0) return;
    this.#replace(kept.reverse());
    this.#deps.onConflated(dropped);
  }

  /** Too much waits: first what has been replaced goes, then what is overtaken soonest, and of that the older half. */
  #shed(): void {
    this.#conflate();
    const before = this.#waiting.length;
    if (before <= MAX_WAITING_FRAMES / 2 && this.#chars <= MAX_WAITING_CHARS / 2) return;
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
    this.#due = Math.max(0, this.#due - count);
    return this.#waiting.splice(0, count);
  }

  #replace(waiting: readonly Waiting[]): void {
    this.#waiting = [];
    this.#chars = 0;
    this.#durable = 0;
    for (const one of waiting) this.#add(one);
    this.#due = Math.min(this.#due, waiting.length);
  }

  #add(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#chars += waiting.frame.body.length;
    if (waiting.delivery === "durable") this.#durable++;
  }
}
