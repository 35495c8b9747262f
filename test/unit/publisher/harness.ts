import type { FetchInit, FetchResponse } from "../../../publisher/ingest-request.ts";
import type { PublisherOptions } from "../../../publisher/options.ts";
import type { Publication } from "../../../publisher/publication.ts";
import { Publisher } from "../../../publisher/publisher.ts";
import { Deferred, FakeClock, FakeTimers, settled } from "../../support/fakes.ts";

export const TOKEN = "secret-ingest-token";
export const URL_OF_SERVICE = "https://realtime.example.com";

interface Sent {
  readonly id?: string;
  readonly event: string;
  readonly data: { readonly amount: number; readonly timestamp: number };
}

export interface Rejected {
  readonly index: number;
  readonly code: string;
  readonly message?: string;
  readonly retryAfter?: number;
}

/** A request that waits until the test answers it. */
export class Request {
  readonly url: string;
  readonly init: FetchInit;
  readonly #answer = new Deferred<FetchResponse>();

  constructor(url: string, init: FetchInit) {
    this.url = url;
    this.init = init;
    init.signal.addEventListener("abort", () => this.#answer.reject(init.signal.reason));
  }

  get response(): Promise<FetchResponse> {
    return this.#answer.promise;
  }

  get items(): Sent[] {
    return JSON.parse(this.init.body);
  }

  /** The numbers of the events in it. */
  get numbers(): number[] {
    return this.items.map(({ data }) => data.timestamp);
  }

  async accept(rejected: readonly Rejected[] = []): Promise<void> {
    await this.answer(202, { accepted: this.items.length - rejected.length, rejected });
  }

  async answer(status: number, body: unknown = "", headers: Record<string, string> = {}): Promise<void> {
    this.#answer.resolve({
      status,
      headers: new Headers(headers),
      text: async () => (typeof body === "string" ? body : JSON.stringify(body)),
    });
    await settled();
  }

  async fail(error: unknown = new TypeError("fetch failed")): Promise<void> {
    this.#answer.reject(error);
    await settled();
  }
}

/**
 * A publisher in a world of the test's: its time passes when told to, its chance is always the longest wait.
 */
export class Harness {
  readonly publisher: Publisher;
  readonly requests: Request[] = [];
  readonly timers = new FakeTimers();
  /** What each event came to, by its number. */
  readonly outcomes = new Map<number, unknown>();
  readonly #clock = new FakeClock(0);
  #ids = 0;

  constructor(options: Partial<PublisherOptions> = {}, random: () => number = () => 1) {
    this.publisher = new Publisher(
      { url: URL_OF_SERVICE, token: TOKEN, ...options },
      {
        now: this.#clock.read,
        after: this.timers.after,
        random,
        newId: () => `id${++this.#ids}`,
        fetch: (url, init) => {
          const request = new Request(url, init);
          this.requests.push(request);
          return request.response;
        },
      },
    );
  }

  get now(): number {
    return this.#clock.now;
  }

  /** Publishes numbered events; `outcomes` tells what came of them. */
  async publish(...publications: Publication[]): Promise<void> {
    for (const publication of publications) {
      const number = Number("timestamp" in publication.data ? publication.data.timestamp : 0);
      this.publisher.publish(publication).then(
        () => this.outcomes.set(number, "accepted"),
        (error) => this.outcomes.set(number, error),
      );
    }
    await settled();
  }

  async pass(ms: number): Promise<void> {
    const end = this.#clock.now + ms;
    for (;;) {
      const next = Math.min(end, this.#clock.now + (this.timers.pending[0] ?? Number.POSITIVE_INFINITY));
      const step = next - this.#clock.now;
      this.#clock.now = next;
      this.timers.pass(step);
      await settled();
      if (next === end) return;
    }
  }

  /** The oldest request that the test has not taken. */
  request(): Request {
    const request = this.requests.shift();
    if (request === undefined) throw new Error("No request is waiting for an answer.");
    return request;
  }

  /** Publishes, and lets it be sent. */
  async send(...publications: Publication[]): Promise<Request> {
    await this.publish(...publications);
    await this.pass(5);
    return this.request();
  }
}

export const credit = (number: number, userId = "u", id?: string): Publication<"credits_granted"> => ({
  event: "credits_granted",
  userId,
  data: { amount: 1, newBalance: 1, reason: "test", transactionId: "t", timestamp: number },
  ...(id !== undefined && { id }),
});

export const bar = (number: number, symbol = "BTC-USD"): Publication<"market_chart_live_update"> => ({
  event: "market_chart_live_update",
  data: { symbol, open: 1, high: 1, low: 1, close: 1, volume: 1, timestamp: number },
});
