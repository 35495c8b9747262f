import type { Alarms } from "../lib/alarms.ts";
import type { Clock } from "../lib/clock.ts";
import { earliest } from "../lib/earliest.ts";
import type { MarketState } from "./market-state.ts";
import type { PublishedIds } from "./published-ids.ts";
import type { Recovery } from "./recovery.ts";

/** What a room keeps, and for how long. */
export interface Kept {
  readonly ids: PublishedIds;
  /** Of market rooms. */
  readonly market?: MarketState;
  /** Of personal rooms. */
  readonly recovery?: Recovery;
  /** How long ids, events and sessions are kept. */
  readonly windowMs: number;
}

export interface RetentionDeps extends Kept {
  readonly alarms: Pick<Alarms<RoomAlarm>, "at" | "set" | "ensure">;
  readonly clock: Clock;
  /** Position in the log of the oldest event that has not reached all gateways it is for; infinite if all have. */
  readonly firstLogged: () => number;
}

/**
 * - `settle`: logged events may not have reached all gateways; an object that starts with it delivers them again
 * - `trim`: something may have grown too old to be kept
 */
export type RoomAlarm = "settle" | "trim";

const SETTLE_MS = 5_000;

/** When a room forgets what. Nothing is removed that is not delivered yet. */
export class Retention {
  readonly #deps: RetentionDeps;

  constructor(deps: RetentionDeps) {
    this.#deps = deps;
  }

  /** When the oldest of what is kept for its time only was last of use, ms since the epoch. */
  get oldestAt(): number | undefined {
    return earliest(this.#deps.recovery?.oldestAt, this.#deps.ids.oldestAt);
  }

  /** An event is about to be logged, and will not have been delivered before some time has passed. */
  unsettle(): void {
    const { recovery, alarms, clock } = this.#deps;
    if (alarms.at("settle") !== undefined) return;
    recovery?.log.settle();
    alarms.set("settle", clock() + SETTLE_MS);
  }

  /** Remembers what has been delivered. Returns when to do it again (ms since the epoch), if ever. */
  settle(now: number): number | undefined {
    const { recovery } = this.#deps;
    const settled = this.#settled;
    recovery?.log.settle(settled);
    return settled === recovery?.log.last ? undefined : now + SETTLE_MS;
  }

  /** Removes what is too old or too much. Returns when to do it again (ms since the epoch), if ever. */
  trim(now: number): number | undefined {
    const { recovery, market, ids, windowMs } = this.#deps;
    recovery?.trim(now, this.#settled);
    ids.trim(now - windowMs);
    const more = market?.trim(now);
    if (recovery?.full || more) return now + SETTLE_MS;
    const oldest = this.oldestAt;
    // Things grow old one by one: waiting for several costs storage, waking for each costs more.
    if (oldest === undefined) return undefined;
    return Math.max(oldest + windowMs, now + windowMs / 2, now + SETTLE_MS);
  }

  /** Something is kept that will grow old. */
  trimLater(): void {
    const { alarms, clock, windowMs } = this.#deps;
    alarms.ensure("trim", clock() + windowMs);
  }

  /** If there is too much, trimming does not wait for it to grow old. */
  trimFull(): void {
    const { alarms, clock, recovery } = this.#deps;
    const soon = clock() + SETTLE_MS;
    if (recovery?.full && (alarms.at("trim") ?? Number.POSITIVE_INFINITY) > soon) alarms.set("trim", clock());
  }

  /** Number of the newest event of the log up to which all have reached the gateways they are for. */
  get #settled(): number {
    return Math.min(this.#deps.recovery?.log.last ?? 0, this.#deps.firstLogged() - 1);
  }
}
