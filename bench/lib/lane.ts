import type { Publication } from "../servers/target.ts";
import { monotonicMs } from "./clock.ts";
import { Latencies, type LatencySummary } from "./latencies.ts";

/** Below what the service takes in one request. */
const MAX_BATCH = 500;

export interface LaneReport {
  readonly requests: number;
  /** How long after they were due events were offered: the publisher's own fault. */
  readonly offeredLate: LatencySummary;
  /** How long after they were due events left for the server: they also wait for the answer to the request before. */
  readonly sentLate: LatencySummary;
}

interface Waiting {
  readonly publication: Publication;
  readonly dueMs: number;
}

/**
 * A publisher's way to a server: takes events at any time, sends what waits in one request, and the next when that is
 * answered. Several requests at a time would overtake each other.
 */
export class Lane {
  readonly #publish: (publications: readonly Publication[]) => Promise<void>;
  readonly #now: () => number;
  readonly #offeredLate = new Latencies();
  readonly #sentLate = new Latencies();
  #waiting: Waiting[] = [];
  #sending: Promise<void> | undefined;
  #requests = 0;

  constructor(publish: (publications: readonly Publication[]) => Promise<void>, now = monotonicMs) {
    this.#publish = publish;
    this.#now = now;
  }

  /** Never waits. What fails is thrown by `empty`. */
  offer(publications: readonly Publication[], dueMs: number): void {
    for (const publication of publications) {
      this.#waiting.push({ publication, dueMs });
      this.#offeredLate.add((this.#now() - dueMs) * 1_000);
    }
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#send();
    this.#sending.catch(() => undefined);
  }

  /** Resolves when the server has taken everything. */
  async empty(): Promise<void> {
    await this.#sending;
  }

  report(): LaneReport {
    return {
      requests: this.#requests,
      offeredLate: this.#offeredLate.summary(),
      sentLate: this.#sentLate.summary(),
    };
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH);
      this.#waiting = this.#waiting.slice(MAX_BATCH);
      const now = this.#now();
      for (const { dueMs } of batch) this.#sentLate.add((now - dueMs) * 1_000);
      this.#requests++;
      await this.#publish(batch.map(({ publication }) => publication));
    }
    this.#sending = undefined;
  }
}
