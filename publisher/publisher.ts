import { Backlog, type Item } from "./backlog.ts";
import { backoffMs } from "./backoff.ts";
import { PublishError } from "./errors.ts";
import { type Answer, type Fetch, postEvents, type Rejection } from "./ingest-request.ts";
import { checkToken, type PublisherOptions, type Runtime, readOptions, type Settings } from "./options.ts";
import { encode, type Publication } from "./publication.ts";

/** What timers can be set to; 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const runtimeFetch: Fetch = (url, init) => fetch(url, init);

const systemRuntime: Runtime = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
  newId: () => crypto.randomUUID(),
  fetch: runtimeFetch,
};

interface Waiting {
  readonly accepted: () => void;
  readonly failed: (error: PublishError) => void;
  readonly settled: Promise<void>;
}

/**
 * Publishes events in the order of the calls, in batches, one request at a time. What fails is tried again,
 * with the same ids, before anything newer of its room. While something waits, a timer or a request keeps the
 * process alive; an idle publisher does not.
 */
export class Publisher {
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #post: (body: string, signal: AbortSignal) => Promise<Answer>;
  readonly #backlog = new Backlog();
  /** All that has been neither accepted nor refused. */
  readonly #waiting = new Map<Item, Waiting>();
  #bytes = 0;
  /** Most events the service seems to take at a time. */
  #batchEvents: number;
  /** Of the last requests, without an answer in between. */
  #failures = 0;
  /** What they came to. */
  #problem: PublishError | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #request: AbortController | undefined;
  #stopTimer: () => void = () => {};
  /** When the timer is due. */
  #wakeAt = Number.POSITIVE_INFINITY;
  #flushes = 0;
  #closing: Promise<void> | undefined;

  /** @param runtime for tests: instead of the clock, the timers and so on of the runtime */
  constructor(options: PublisherOptions, runtime: Partial<Runtime> = {}) {
    const { fetch } = options;
    const token = checkToken(options.token);
    this.#settings = readOptions(options);
    this.#runtime = { ...systemRuntime, ...(fetch !== undefined && { fetch }), ...runtime };
    this.#batchEvents = this.#settings.maxBatchEvents;
    const target = { endpoint: this.#settings.endpoint, token, fetch: this.#runtime.fetch };
    this.#post = (body, signal) => postEvents(target, body, signal);
  }

  /** How many events have been neither accepted nor refused. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Resolves when the service has accepted the event; rejects with a `PublishError` when it will not be. */
  async publish(publication: Publication): Promise<void> {
    if (this.#closing !== undefined) throw new PublishError("CLOSED", "The publisher is closed.");
    const encoded = this.#encode(publication);
    const { maxQueued, maxQueuedBytes, giveUpAfterMs } = this.#settings;
    const full = this.#waiting.size >= maxQueued || this.#bytes + encoded.bytes > maxQueuedBytes;
    if (full && this.#waiting.size > 0) {
      throw new PublishError("QUEUE_FULL", `${this.#waiting.size} events wait already. Publish it later.`);
    }
    const since = this.#runtime.now();
    const item = { ...encoded, since, deadline: since + giveUpAfterMs, rejections: 0, problem: undefined };
    const settled = this.#enter(item);
    this.#backlog.add(item);
    // Most events change nothing: a request is on its way, or the timer comes in time.
    if (this.#request === undefined && this.#sendAt() < this.#wakeAt) this.#pump();
    return settled;
  }

  /**
   * Sends at once what waits for others to go with; resolves when all published before is accepted or
   * refused.
   */
  async flush(): Promise<void> {
    this.#flushes++;
    this.#pump();
    await Promise.allSettled([...this.#waiting.values()].map(({ settled }) => settled));
    this.#flushes--;
  }

  /**
   * Takes no more events, and resolves when all are accepted or refused. After `timeoutMs`, if given, those
   * that are still neither are refused with `CLOSED`.
   */
  close({ timeoutMs }: { readonly timeoutMs?: number } = {}): Promise<void> {
    this.#closing ??= this.flush();
    if (timeoutMs === undefined) return this.#closing;
    const stop = this.#after(timeoutMs, () => this.#abandon());
    return this.#closing.finally(stop);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode(publication: Publication) {
    try {
      return encode(publication, this.#settings.ids, this.#runtime.newId);
    } catch (cause) {
      throw new PublishError("UNENCODABLE", "The event cannot be written as JSON.", { cause });
    }
  }

  #enter(item: Item): Promise<void> {
    this.#bytes += item.bytes;
    const { promise, resolve, reject } = deferred();
    this.#waiting.set(item, { accepted: resolve, failed: reject, settled: promise });
    return promise;
  }

  #settle(item: Item, error?: PublishError): void {
    const waiting = this.#waiting.get(item);
    if (waiting === undefined) return;
    this.#waiting.delete(item);
    this.#bytes -= item.bytes;
    if (error === undefined) waiting.accepted();
    else waiting.failed(error);
  }

  #isFull(): boolean {
    return this.#backlog.isFull(this.#batchEvents, this.#settings.maxBatchBytes);
  }

  /** Does what is due now, and sees to it that it is called again when the next thing is. */
  #pump(): void {
    this.#stopTimer();
    this.#wakeAt = Number.POSITIVE_INFINITY;
    if (this.#request !== undefined) return;
    const now = this.#runtime.now();
    for (const item of this.#backlog.expire(now)) {
      this.#settle(item, expired(now - item.since, item.problem ?? this.#problem));
    }
    this.#backlog.release(now);
    const send = this.#sendAt();
    if (send <= now) {
      void this.#send(this.#backlog.take(this.#batchEvents, this.#settings.maxBatchBytes));
      return;
    }
    const next = Math.min(send, this.#backlog.nextChange);
    if (next === Number.POSITIVE_INFINITY) return;
    this.#wakeAt = next;
    this.#stopTimer = this.#after(next - now, () => this.#pump());
  }

  #after(ms: number, run: () => void): () => void {
    return this.#runtime.after(Math.min(ms, MAX_TIMER_MS), run);
  }

  #sendAt(): number {
    const oldest = this.#backlog.oldest;
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    const gathered = this.#flushes > 0 || this.#isFull() ? oldest : oldest + this.#settings.lingerMs;
    return Math.max(this.#notBefore, gathered);
  }

  async #send(batch: readonly Item[]): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const stop = this.#after(this.#settings.requestTimeoutMs, () => request.abort());
    const answer = await this.#post(`[${batch.map(({ json }) => json).join(",")}]`, request.signal);
    stop();
    this.#request = undefined;
    // Those that `close` has given up are nobody's any more.
    if (this.#waiting.size > 0) this.#apply(batch, answer);
    this.#pump();
  }

  #apply(batch: readonly Item[], answer: Answer): void {
    switch (answer.kind) {
      case "answered":
        this.#failures = 0;
        this.#problem = undefined;
        this.#batchEvents = Math.min(this.#settings.maxBatchEvents, this.#batchEvents * 2);
        this.#applyRejections(batch, answer.rejections);
        break;
      case "retry": {
        this.#failures++;
        const delayMs = this.#backoff(this.#failures, answer.retryAfterMs);
        this.#notBefore = this.#runtime.now() + delayMs;
        this.#problem = answer.error;
        this.#backlog.putBack(batch);
        this.#report(answer.error, batch.length, delayMs);
        break;
      }
      case "too-large":
        if (batch.length === 1) {
          this.#refuse(batch, tooLarge());
        } else {
          this.#batchEvents = Math.ceil(batch.length / 2);
          this.#backlog.putBack(batch);
        }
        break;
      case "refused":
        this.#refuse(batch, answer.error);
    }
  }

  #refuse(batch: readonly Item[], error: PublishError): void {
    for (const item of batch) this.#settle(item, error);
  }

  /** Accepts and refuses; holds the rooms of those events that the service rejects for the time being. */
  #applyRejections(batch: readonly Item[], rejections: ReadonlyMap<number, Rejection>): void {
    const rooms = new Map<string, { readonly items: Item[]; readonly rejection: Rejection }>();
    for (const [index, item] of batch.entries()) {
      const rejection = rejections.get(index);
      if (rejection?.retryAfterMs === undefined) {
        this.#settle(item, rejection?.error);
        continue;
      }
      item.rejections++;
      item.problem = rejection.error;
      const room = rooms.get(item.room);
      if (room === undefined) rooms.set(item.room, { items: [item], rejection });
      else room.items.push(item);
    }
    for (const [room, { items, rejection }] of rooms) {
      const delayMs = this.#backoff(items[0]?.rejections ?? 1, rejection.retryAfterMs);
      this.#backlog.hold(room, items, this.#runtime.now() + delayMs);
      this.#report(rejection.error, items.length, delayMs);
    }
  }

  #backoff(failures: number, retryAfterMs: number | undefined): number {
    return backoffMs(failures, this.#settings.backoff, this.#runtime.random, retryAfterMs);
  }

  /** Apart from what happens here: an error of the listener must not stop the publisher. */
  #report(error: PublishError, events: number, delayMs: number): void {
    queueMicrotask(() => this.#settings.onRetry({ error, events, delayMs }));
  }

  #abandon(): void {
    this.#backlog.clear();
    this.#stopTimer();
    const message = "The publisher was closed before the service accepted the event.";
    for (const item of [...this.#waiting.keys()]) {
      this.#settle(item, new PublishError("CLOSED", message, { cause: item.problem ?? this.#problem }));
    }
    this.#request?.abort();
  }
}

const tooLarge = (): PublishError =>
  new PublishError("TOO_LARGE", "The event alone is larger than a request to the service may be.", {
    status: 413,
  });

const expired = (waitedMs: number, cause: PublishError | undefined): PublishError => {
  const last = cause === undefined ? "" : ` At last: ${cause.message}`;
  return new PublishError(
    "EXPIRED",
    `The event was not accepted in ${Math.round(waitedMs / 1000)} s.${last}`,
    {
      cause,
    },
  );
};

const deferred = () => {
  let resolve: () => void = () => {};
  let reject: (error: PublishError) => void = () => {};
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};
