import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "../lib/clock.ts";
import { Latencies } from "../lib/latencies.ts";
import { CLASSES, type EventClass, STAMPED } from "../lib/stamped.ts";
import { percentile } from "../lib/stats.ts";
import { readNumber, startsWith } from "./bytes.ts";
import type { ClassOutcome, Expected, Staleness, Watched } from "./messages.ts";

/** From here on an event counts as late. */
const LATE_US = 1_000_000;
/** Between two looks whether all is there. */
const LOOK_MS = 5;
/** How long to listen for what should not come, once all is there. */
const LISTEN_MS = 100;

/** What has come of one class. */
class Received {
  readonly start: Buffer;
  readonly field: Buffer;
  readonly latencies = new Latencies();
  /** The newest stamp each socket has got. */
  readonly newest: Float64Array;
  count = 0;
  late = 0;
  doubled = 0;
  reordered = 0;
  lastUs: number | undefined;

  /** Everything published from now on has a stamp above `sinceUs`. */
  constructor(name: EventClass, sockets: number, sinceUs: number) {
    const { event, field } = STAMPED[name];
    this.start = Buffer.from(`42["${event}",`);
    this.field = Buffer.from(`"${field}":`);
    this.newest = new Float64Array(sockets).fill(sinceUs);
  }

  record(socket: number, stamp: number, nowUs: number): void {
    const newest = this.newest[socket] ?? 0;
    if (stamp === newest) this.doubled++;
    // One that came before is as far back as one that was overtaken.
    else if (stamp < newest) this.reordered++;
    else {
      this.newest[socket] = stamp;
      this.count++;
      this.lastUs = nowUs;
      if (nowUs - stamp > LATE_US) this.late++;
      this.latencies.add(nowUs - stamp);
    }
  }

  outcome(): ClassOutcome {
    const { late, doubled, reordered } = this;
    return { ...this.latencies.summary(), late, doubled, reordered };
  }
}

/**
 * Measures how old stamped events are when they come, and how old what the sockets know is. Costs a delivery no
 * allocation. Events of a class must be stamped in the order in which a socket is to get them.
 */
export class Watch {
  readonly #received: Readonly<Record<EventClass, Received>>;
  readonly #startedAt = monotonicMs();
  readonly #cpu = process.cpuUsage();
  readonly #staleness: Staleness[] = [];
  readonly #sampling: NodeJS.Timeout | undefined;
  /** Between this process's own clock, which makes no bigint, and the machine's. */
  readonly #offsetMs = monotonicMs() - performance.now();

  constructor(sockets: number, sampleMs: number | undefined) {
    const sinceUs = Math.floor(this.#startedAt * 1_000);
    this.#received = {
      market: new Received("market", sockets, sinceUs),
      personal: new Received("personal", sockets, sinceUs),
    };
    if (sampleMs !== undefined) this.#sampling = setInterval(() => this.#sample(), sampleMs);
  }

  /** Takes a text frame; returns whether it is a stamped event. */
  take(socket: number, buffer: Buffer, start: number, end: number): boolean {
    for (const name of CLASSES) {
      const received = this.#received[name];
      if (!startsWith(buffer, start, received.start)) continue;
      received.record(
        socket,
        readNumber(buffer, start + received.start.length, end, received.field),
        this.#now() * 1_000,
      );
      return true;
    }
    return false;
  }

  /** Resolves when all that is expected has come, or time is up. */
  async settle({ newest, personal }: Expected, timeoutMs: number, listenMs = LISTEN_MS): Promise<Watched> {
    const deadline = this.#now() + timeoutMs;
    const settled = (): boolean => this.#behind(newest) === 0 && this.#received.personal.count >= personal;
    while (!settled() && this.#now() < deadline) await sleep(LOOK_MS);
    clearInterval(this.#sampling);
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsedMs = this.#now() - this.#startedAt;
    await sleep(listenMs);
    const { market, personal: grants } = this.#received;
    return {
      classes: { market: market.outcome(), personal: grants.outcome() },
      ...(market.lastUs !== undefined && { lastAt: market.lastUs / 1_000 }),
      behind: this.#behind(newest),
      staleness: this.#staleness,
      clientCpuMs: (user + system) / 1_000,
      elapsedMs,
    };
  }

  #now(): number {
    return performance.now() + this.#offsetMs;
  }

  #behind(newest: readonly number[]): number {
    return this.#received.market.newest.reduce(
      (count, stamp, socket) => count + (stamp < (newest[socket % newest.length] ?? 0) ? 1 : 0),
      0,
    );
  }

  #sample(): void {
    const at = this.#now();
    const ages = Array.from(this.#received.market.newest, (stamp) => at - stamp / 1_000);
    this.#staleness.push({ at, p50: percentile(ages, 0.5), p99: percentile(ages, 0.99) });
  }
}
