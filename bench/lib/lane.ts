import type { Publication } from "../servers/target.ts";
import { monotonicMs } from "./clock.ts";
import { Latencies, type LatencySummary } from "./latencies.ts";

/** As the service's publisher library has it. */
const MAX_BATCH = 500;

export interface SendReport {
  readonly requests: number;
  /** How long after they were due events were offered: the publisher's own fault. */
  readonly offeredLate: LatencySummary;
  /** How long after they were due events left for the server: they also wait for the answer to the request before. */
  readonly sentLate: LatencySummary;
}

/** What several lanes did, counted together. */
export class SendLog {
  readonly offeredLate = new Latencies();
  readonly sentLate = new Latencies();
  requests = 0;

  report(): SendReport {
    const { requests, offeredLate, sentLate } = this;
    return { requests, offeredLate: offeredLate.summary(), sentLate: sentLate.summary() };
  }
}

interface Waiting {
  readonly publication: Publication;
  readonly dueMs: number;
}

/**
 * A publisher's way to a server, as the service's publisher library has it: takes events at any time, sends what waits in
 * one request, and the next when that is answered. Several requests at a time would overtake each other.
 */
export class Lane {
  readonly #publish: (publications: readonly Publication[]) => Promise<void>;
  readonly #log: SendLog;
  readonly #now: () => number;
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;

  constructor(
    publish: (publications: readonly Publication[]) => Promise<void>,
    log: SendLog,
    now = monotonicMs,
  ) {
    this.#publish = publish;
    this.#log = log;
    this.#now = now;
  }

  /** Never waits. What fails is thrown by `empty`. */
  offer(publications: readonly Publication[], dueMs: number): void {
    for (const publication of publications) {
      this.#waiting.push({ publication, dueMs });
      this.#log.offeredLate.add((this.#now() - dueMs) * 1_000);
    }
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#send();
    this.#sending.catch(() => undefined);
  }

  /** Resolves when the server has taken everything. */
  async empty(): Promise<void> {
    await this.#sending;
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_BATCH);
      const now = this.#now();
      for (const { dueMs } of batch) this.#log.sentLate.add((now - dueMs) * 1_000);
      this.#log.requests++;
      await this.#publish(batch.map(({ publication }) => publication));
    }
    this.#sending = undefined;
  }
}

/** Lanes side by side; all events of a room take the same. */
export class Lanes {
  readonly #lanes: readonly Lane[];
  /** Rooms in the order in which they came, shared out in turn. */
  readonly #rooms = new Map<string, number>();

  constructor(count: number, createLane: () => Lane) {
    this.#lanes = Array.from({ length: count }, createLane);
  }

  /** Never waits. What fails is thrown by `empty`. */
  offer(publications: readonly Publication[], dueMs: number): void {
    const shares = Map.groupBy(publications, ({ room }) => this.#laneOf(room));
    for (const [lane, share] of shares) this.#lanes[lane]?.offer(share, dueMs);
  }

  async empty(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.empty()));
  }

  #laneOf(room: string): number {
    const place = this.#rooms.get(room) ?? this.#rooms.size;
    this.#rooms.set(room, place);
    return place % this.#lanes.length;
  }
}
