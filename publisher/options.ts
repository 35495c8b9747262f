import type { BackoffLimits } from "./backoff.ts";
import type { PublishError } from "./errors.ts";
import type { Fetch } from "./ingest-request.ts";
import type { IdPolicy } from "./publication.ts";

export interface PublisherOptions {
  /** Of the service, such as `https://realtime.example.com`; `/api/events` is added. */
  readonly url: string | URL;
  /** One of its `INGEST_TOKENS`. */
  readonly token: string;
  /**
   * Which events get an `id` when they have none: those that are logged for their user, unless `all`. Each id
   * costs the service a stored row, and a state of a bar that comes twice does no harm.
   */
  readonly ids?: IdPolicy;
  /** Most events in a request: 500. */
  readonly maxBatchEvents?: number;
  /** Most bytes in a request, unless a single event is larger: 500,000. */
  readonly maxBatchBytes?: number;
  /** How long the first event after a pause waits for others to go with it: 5 ms. */
  readonly lingerMs?: number;
  /** Most events that wait or are being sent: 10,000. */
  readonly maxQueued?: number;
  /** Most bytes that wait or are being sent: 50,000,000. */
  readonly maxQueuedBytes?: number;
  /** How long an event is tried again before it is rejected with `EXPIRED`: 10 minutes. */
  readonly giveUpAfterMs?: number;
  /** How long a request may take before it counts as failed: 30 s. */
  readonly requestTimeoutMs?: number;
  /** The longest wait before the second attempt, doubled for each further one: 250 ms. */
  readonly retryBaseMs?: number;
  /** The longest wait before any attempt, unless the service asks for more: 15 s. */
  readonly retryCapMs?: number;
  /** Told of every failure that will be tried again; nothing is logged otherwise. */
  readonly onRetry?: (retry: Retry) => void;
  /** Instead of the runtime's. */
  readonly fetch?: Fetch;
}

export interface Retry {
  readonly error: PublishError;
  /** How many events wait for it. */
  readonly events: number;
  readonly delayMs: number;
}

/** What the publisher takes from the world; tests bring their own. */
export interface Runtime {
  /** Milliseconds since whenever, never going back. */
  readonly now: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly newId: () => string;
  readonly fetch: Fetch;
}

export interface Settings {
  readonly endpoint: string;
  readonly ids: IdPolicy;
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  readonly lingerMs: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly giveUpAfterMs: number;
  readonly requestTimeoutMs: number;
  readonly backoff: BackoffLimits;
  readonly onRetry: (retry: Retry) => void;
}

const INGEST_PATH = "/api/events";

/**
 * A faulty option is the caller's mistake: it throws. No message tells an option's value, which may be a
 * secret.
 */
export const readOptions = (options: PublisherOptions): Settings => ({
  endpoint: endpointOf(options.url),
  ids: options.ids ?? "durable",
  maxBatchEvents: atLeast(1, "maxBatchEvents", options.maxBatchEvents ?? 500),
  maxBatchBytes: atLeast(1, "maxBatchBytes", options.maxBatchBytes ?? 500_000),
  lingerMs: atLeast(0, "lingerMs", options.lingerMs ?? 5),
  maxQueued: atLeast(1, "maxQueued", options.maxQueued ?? 10_000),
  maxQueuedBytes: atLeast(1, "maxQueuedBytes", options.maxQueuedBytes ?? 50_000_000),
  giveUpAfterMs: atLeast(1, "giveUpAfterMs", options.giveUpAfterMs ?? 600_000),
  requestTimeoutMs: atLeast(1, "requestTimeoutMs", options.requestTimeoutMs ?? 30_000),
  backoff: {
    baseMs: atLeast(1, "retryBaseMs", options.retryBaseMs ?? 250),
    capMs: atLeast(1, "retryCapMs", options.retryCapMs ?? 15_000),
  },
  onRetry: options.onRetry ?? (() => {}),
});

/** A header cannot hold anything else, and what fetch says of one that it cannot take repeats it. */
export const checkToken = (token: string): string => {
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TypeError("token must be one of the service's INGEST_TOKENS, without spaces or line breaks.");
  }
  return token;
};

const endpointOf = (url: string | URL): string => {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || (base.protocol !== "https:" && base.protocol !== "http:")) {
    throw new TypeError("url must be the service's, such as https://realtime.example.com.");
  }
  if (base.username !== "" || base.password !== "" || base.search !== "" || base.hash !== "") {
    throw new TypeError("url must have no user, password, query or fragment.");
  }
  return base.origin + base.pathname.replace(/\/*$/, INGEST_PATH);
};

const atLeast = (least: number, name: string, value: number): number => {
  if (typeof value !== "number" || !(value >= least)) {
    throw new TypeError(`${name} must be a number of at least ${least}.`);
  }
  return value;
};
