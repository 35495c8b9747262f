import type { PublishError } from "./errors.ts";
import type { Encoded } from "./publication.ts";

/** An event that waits to be accepted. Times are the publisher's clock's. */
export interface Item extends Encoded {
  readonly since: number;
  readonly deadline: number;
  /** How often the service has rejected it for the time being. */
  rejections: number;
  /** Why, the last time. */
  problem: PublishError | undefined;
}

interface Held {
  readonly until: number;
  readonly items: Item[];
}

/** The brackets of a JSON array; each of its items brings a comma, but for one. */
const FRAME_BYTES = 1;

/**
 * Events in the order they are to be sent in. Rooms that the service cannot serve now are held: their events
 * wait aside, in order, and delay no other room's.
 */
export class Backlog {
  #ready: Item[] = [];
  readonly #held = new Map<string, Held>();

  /** Since when the first that could be sent has been waiting. */
  get oldest(): number | undefined {
    return this.#ready[0]?.since;
  }

  add(item: Item): void {
    (this.#held.get(item.room)?.items ?? this.#ready).push(item);
  }

  /** Takes the next request's events out: as many as fit, and at least one. */
  take(maxEvents: number, maxBytes: number): Item[] {
    return this.#ready.splice(0, this.#fitting(maxEvents, maxBytes));
  }

  /** Whether waiting longer would not make the next request larger. */
  isFull(maxEvents: number, maxBytes: number): boolean {
    return this.#ready.length >= maxEvents || this.#fitting(maxEvents, maxBytes) < this.#ready.length;
  }

  /** Events that were taken, to go before all others. */
  putBack(items: readonly Item[]): void {
    this.#ready = [...items, ...this.#ready];
  }

  /** Events of one room that were taken, to go before all others of that room, and not before `until`. */
  hold(room: string, items: readonly Item[], until: number): void {
    const behind = this.#ready.filter((item) => item.room === room);
    if (behind.length > 0) this.#ready = this.#ready.filter((item) => item.room !== room);
    this.#held.set(room, { until, items: [...items, ...behind] });
  }

  /** Lets the rooms go that have been held long enough. */
  release(now: number): void {
    for (const [room, { until, items }] of this.#held) {
      if (until > now) continue;
      this.#held.delete(room);
      this.putBack(items);
    }
  }

  /** Takes out what has waited for too long. */
  expire(now: number): Item[] {
    return this.#remove(({ deadline }) => deadline <= now);
  }

  clear(): void {
    this.#remove(() => true);
  }

  /** When the next held room is to be let go, or the next event expires; infinite if never. */
  get nextChange(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.#ready) next = Math.min(next, deadline);
    for (const { until, items } of this.#held.values()) {
      next = Math.min(next, until);
      for (const { deadline } of items) next = Math.min(next, deadline);
    }
    return next;
  }

  #fitting(maxEvents: number, maxBytes: number): number {
    let bytes = FRAME_BYTES;
    let count = 0;
    for (const item of this.#ready) {
      bytes += item.bytes + 1;
      if (count > 0 && (count === maxEvents || bytes > maxBytes)) break;
      count++;
    }
    return count;
  }

  #remove(goes: (item: Item) => boolean): Item[] {
    const gone = this.#ready.filter(goes);
    if (gone.length > 0) this.#ready = this.#ready.filter((item) => !goes(item));
    for (const [room, { until, items }] of this.#held) {
      const going = items.filter(goes);
      if (going.length === 0) continue;
      gone.push(...going);
      const staying = items.filter((item) => !goes(item));
      if (staying.length === 0) this.#held.delete(room);
      else this.#held.set(room, { until, items: staying });
    }
    return gone;
  }
}
