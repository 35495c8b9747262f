import { BAD_REQUEST, UNKNOWN_SESSION } from "../engineio/handshake.ts";
import { Budget, PollingTransport } from "../engineio/polling.ts";
import type { EngineServer } from "../engineio/server.ts";
import type { Session } from "../engineio/session.ts";
import type { After } from "../lib/after.ts";
import { readText } from "../lib/read-text.ts";
import { drain, refusal, refuse } from "./handshake-refusal.ts";

/** How long what a closing session still had is kept for its client's next GET, as by the reference server. */
const CLOSE_TIMEOUT_MS = 30_000;

/** While a session upgrades, a GET waits this long before it is let go, as with the reference server. */
const RELEASE_AFTER_MS = 100;

/** Timers keep an object in memory; this one is set anew as long as there is a reason. */
const AWAKE_MS = 30_000;

/**
 * What polling may hold of an object's memory, in bytes: a quarter of it. Bodies that arrive slowly, and packets whose
 * clients do not fetch them, would otherwise add up over sessions.
 */
const BUDGET = 32_000_000;

/** How much sooner a session that has not authenticated is ended for what it holds. */
const STRANGER_WEIGHT = 8;

/** What a session may need before its client's first GET. */
const OPENING = 10_000;

const NO_STORE = { "cache-control": "no-store" };

const payload = (body: string): Response =>
  new Response(body, { headers: { "content-type": "text/plain; charset=UTF-8", ...NO_STORE } });

/** The reference server's answer to a POST, with the content type that makes no browser offer a download. */
const received = (): Response =>
  new Response("ok", { headers: { "content-type": "text/html", ...NO_STORE } });

/**
 * GETs and POSTs of polling sessions. A session's queue lives in memory, so while there are polling sessions the
 * object is kept there: docs/decisions/0007-polling-in-memory.md.
 */
export class PollingRequests {
  readonly #engine: EngineServer;
  readonly #after: After;
  readonly #transports = new Map<string, PollingTransport>();
  readonly #budget = new Budget(BUDGET, () => this.#exceeded());
  #shedding = false;
  #sleepAgain: (() => void) | undefined;

  constructor(engine: EngineServer, after: After) {
    this.#engine = engine;
    this.#after = after;
  }

  /** Opens a session, and answers with OPEN. */
  async open(id: string, context: unknown): Promise<Response> {
    // Another gateway may have room.
    if (!this.#budget.hasRoomFor(OPENING)) return new Response(null, { status: 503 });
    let cancelExpiry: (() => void) | undefined;
    /** Not there yet when the application ends it at once. */
    let session: Session | undefined;
    const transport: PollingTransport = new PollingTransport(
      {
        overflowed: () => {
          if (session !== undefined) this.#engine.abort(session, "transport error");
        },
        closing: () => {
          cancelExpiry = this.#after(CLOSE_TIMEOUT_MS, () => transport.expire());
        },
        closed: () => {
          cancelExpiry?.();
          // The client has heard of the end, or will not come for it.
          if (session?.closed) session.upgrade?.fail();
          this.#closed(id);
        },
      },
      this.#budget,
    );
    this.#transports.set(id, transport);
    this.#stayAwake();
    session = this.#engine.open(transport, id, context);
    return this.#answer(transport);
  }

  /** A request of a session that is there. */
  async handle(session: Session, request: Request): Promise<Response> {
    const transport = this.#transports.get(session.id);
    if (transport === undefined) return refuse(request, BAD_REQUEST);
    return request.method === "GET"
      ? this.#get(session, transport, request)
      : this.#post(session, transport, request);
  }

  /** A request of a session that is not there (any more): a GET gets what a closing one has left. */
  async finish(id: string, request: Request): Promise<Response> {
    const transport = this.#transports.get(id);
    if (transport === undefined) return refuse(request, UNKNOWN_SESSION);
    if (request.method === "GET") return this.#answer(transport);
    // Too late to matter; a refusal would keep the client from asking for the rest.
    return (await drain(request)) ? received() : refusal(BAD_REQUEST);
  }

  async #get(session: Session, transport: PollingTransport, request: Request): Promise<Response> {
    const gone = (): void => this.#engine.abort(session, "transport error");
    const polled = transport.poll();
    if (polled === undefined) {
      gone();
      return refusal(BAD_REQUEST);
    }
    request.signal.addEventListener("abort", gone);
    if (request.signal.aborted) gone();
    const upgrade = session.upgrade;
    if (upgrade?.status === "probed") this.#after(RELEASE_AFTER_MS, () => upgrade.releasePoll());
    const body = await polled;
    request.signal.removeEventListener("abort", gone);
    return payload(body);
  }

  async #post(session: Session, transport: PollingTransport, request: Request): Promise<Response> {
    const { maxPayload } = this.#engine.config;
    const reading = new AbortController();
    const type = request.headers.get("content-type");
    if (type === "application/octet-stream" || !transport.beginPost(() => reading.abort())) {
      this.#engine.abort(session, "transport error");
      return refuse(request, BAD_REQUEST);
    }
    const text = await readText(request.body, maxPayload, reading.signal, (bytes) =>
      transport.bodyGrew(bytes),
    );
    transport.endPost();
    if (text.ok) {
      if (session.transport !== transport || session.closed) return refusal(BAD_REQUEST);
      return this.#engine.receivePayload(session, text.value) ? received() : refusal(BAD_REQUEST);
    }
    switch (text.error) {
      case "too large":
        this.#engine.abort(session, "payload too large");
        return new Response(null, { status: 413, headers: NO_STORE });
      case "not UTF-8":
        this.#engine.abort(session, "parse error");
        return refusal(BAD_REQUEST);
      case "broken":
        if (session.transport === transport) this.#engine.abort(session, "transport error");
        return refusal(BAD_REQUEST);
      default:
        return text.error satisfies never;
    }
  }

  async #answer(transport: PollingTransport): Promise<Response> {
    const polled = transport.poll();
    return polled === undefined ? refusal(BAD_REQUEST) : payload(await polled);
  }

  /** Ends the sessions that hold the most until there is room: those that hold little must not feel them. */
  #exceeded(): void {
    if (this.#shedding) return;
    this.#shedding = true;
    queueMicrotask(() => {
      this.#shedding = false;
      while (!this.#budget.hasRoomFor(0)) {
        const largest = this.#largest();
        if (largest === undefined) return;
        const session = this.#engine.sessions.get(largest[0]);
        if (session === undefined) largest[1].expire();
        else this.#engine.abort(session, "transport error");
      }
    });
  }

  /** The session that holds the most; whoever has not authenticated counts for several. */
  #largest(): [id: string, transport: PollingTransport] | undefined {
    let largest: [id: string, transport: PollingTransport] | undefined;
    let most = 0;
    for (const [id, transport] of this.#transports) {
      const known = this.#engine.sessions.get(id)?.established ?? false;
      const weight = known ? transport.held : transport.held * STRANGER_WEIGHT;
      if (weight <= most) continue;
      most = weight;
      largest = [id, transport];
    }
    return largest;
  }

  #closed(id: string): void {
    this.#transports.delete(id);
    if (this.#transports.size > 0) return;
    this.#sleepAgain?.();
    this.#sleepAgain = undefined;
  }

  #stayAwake(): void {
    this.#sleepAgain ??= this.#after(AWAKE_MS, () => {
      this.#sleepAgain = undefined;
      this.#stayAwake();
    });
  }
}
