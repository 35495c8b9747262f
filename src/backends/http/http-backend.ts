import { catalogue } from "../../events/catalogue.ts";
import type { ErrorEnvelope } from "../../events/envelope.ts";
import type { After, Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import { parseJson } from "../../lib/json.ts";
import type { Log, LogLevel } from "../../lib/log.ts";
import { readText } from "../../lib/read-text.ts";
import { type Backend, type BackendEvent, type BackendRequest, failure, type Started } from "../backend.ts";
import { BROKEN, CANCELLED, INTERNAL_FAULT, LATE, unavailable } from "../failures.ts";
import { BodyReader } from "./body-reader.ts";
import { EventDecoder } from "./event-decoder.ts";
import { refusalOf } from "./refusal.ts";
import { askRetrying, discard, retryAfterOf } from "./retries.ts";
import type { Upstream } from "./upstream.ts";

export interface HttpBackendDeps {
  readonly upstream: Upstream;
  /** ms that the upstream has to begin its answer, attempts and pauses included. */
  readonly firstByteTimeoutMs: number;
  /** ms that may pass without a byte while its answer is read. */
  readonly idleTimeoutMs: number;
  readonly clock: Clock;
  readonly after: After;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** Of a reply that is no stream, what is looked at. */
const MAX_REPLY_BYTES = 16_384;

/** The backend that puts requests to an HTTP upstream (REQ-2). docs/backend.md is the contract. */
export const httpBackend = (deps: HttpBackendDeps): Backend => ({
  start: (request, signal) => new Exchange(deps, request, signal).start(),
});

/** One request and its reply. */
class Exchange {
  readonly #deps: HttpBackendDeps;
  readonly #request: BackendRequest;
  readonly #signal: AbortSignal;
  /** Aborts when nobody waits any more, and when the upstream has taken too long. */
  readonly #connection = new AbortController();

  constructor(deps: HttpBackendDeps, request: BackendRequest, signal: AbortSignal) {
    this.#deps = deps;
    this.#request = request;
    this.#signal = signal;
    if (signal.aborted) this.#connection.abort();
    else signal.addEventListener("abort", () => this.#connection.abort(), { once: true });
  }

  async start(): Promise<Started> {
    const { after, firstByteTimeoutMs } = this.#deps;
    const stop = after(firstByteTimeoutMs, () => this.#connection.abort());
    try {
      return await this.#ask();
    } finally {
      stop();
    }
  }

  async #ask(): Promise<Started> {
    const { upstream, clock, sleep } = this.#deps;
    const { signal } = this.#connection;
    const asked = await askRetrying(() => upstream.ask(this.#request, signal), signal, {
      clock,
      sleep,
      retrying: (reason) => this.#log("warn", "backend_retry", reason),
    });
    if (!asked.ok) return this.#refuse(this.#late() ?? this.#failed(unavailable(), asked.error));
    const response = asked.value;
    switch (response.status) {
      case 200:
        return this.#accept(response);
      case 202:
        await discard(response);
        return { status: "deferred" };
      default:
        return this.#decline(response);
    }
  }

  async #accept(response: Response): Promise<Started> {
    if (!isEventStream(response)) {
      await discard(response);
      return this.#refuse(this.#failed(INTERNAL_FAULT, "the reply is no text/event-stream", 200));
    }
    const { idleTimeoutMs, after } = this.#deps;
    const body = new BodyReader(response.body, this.#connection, idleTimeoutMs, after);
    return { status: "accepted", events: this.#events(body) };
  }

  async #decline(response: Response): Promise<Started> {
    const { status } = response;
    const retryAfter = retryAfterOf(response, this.#deps.clock());
    const text = await readText(response.body, MAX_REPLY_BYTES, this.#connection.signal);
    const body = text.ok ? parseJson(text.value) : undefined;
    const { refusal, fault } = refusalOf(this.#request.event, { status, body, retryAfter });
    if (fault !== undefined) this.#log("error", "backend_failed", fault, status);
    return { status: "refused", refusal };
  }

  async *#events(body: BodyReader): AsyncGenerator<BackendEvent, void, undefined> {
    const { completion, error } = catalogue[this.#request.event];
    const decoder = new EventDecoder();
    let complete = false;
    try {
      for (;;) {
        const read = await body.read();
        if (this.#signal.aborted) return;
        if (read.kind !== "chunk") {
          yield this.#brokenOff(read.kind);
          return;
        }
        for (const decoded of decoder.push(read.bytes)) {
          if (!decoded.ok) {
            yield failure(this.#request, this.#failed(INTERNAL_FAULT, decoded.error));
            return;
          }
          const { event } = decoded.value;
          complete = event === completion || event === error;
          yield decoded.value;
          if (complete) return;
        }
      }
    } finally {
      if (complete) await body.finish();
      else body.close();
    }
  }

  #brokenOff(kind: "end" | "idle" | "broken"): BackendEvent {
    const fail = (envelope: ErrorEnvelope, reason: string) =>
      failure(this.#request, this.#failed(envelope, reason));
    switch (kind) {
      case "end":
        return fail(BROKEN, "the reply ended without a terminal event");
      case "idle":
        return fail(LATE, `nothing came for ${this.#deps.idleTimeoutMs} ms`);
      case "broken":
        return fail(BROKEN, "the connection was lost");
      default:
        return kind satisfies never;
    }
  }

  /** What to say when there is no reply because this side has given up. */
  #late(): ErrorEnvelope | undefined {
    if (this.#signal.aborted) return CANCELLED;
    if (!this.#connection.signal.aborted) return undefined;
    return this.#failed(LATE, `no reply within ${this.#deps.firstByteTimeoutMs} ms`);
  }

  #refuse(data: ErrorEnvelope): Started {
    return { status: "refused", refusal: { event: "error", data } };
  }

  /** Logs a failure; returns what the client is told of it. */
  #failed(envelope: ErrorEnvelope, reason: string, status?: number): ErrorEnvelope {
    this.#log("error", "backend_failed", reason, status);
    return envelope;
  }

  #log(level: LogLevel, event: string, reason: string, status?: number): void {
    const { id, event: request } = this.#request;
    this.#deps.log(level, event, { request, id, status, reason });
  }
}

const isEventStream = ({ headers }: Response): boolean =>
  /^text\/event-stream\s*(;|$)/i.test(headers.get("content-type") ?? "");
