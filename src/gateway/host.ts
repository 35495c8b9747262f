import { checkSessionRequest, isUpgrade, queryOf, UNKNOWN_SESSION } from "../engineio/handshake.ts";
import { type EngineApplication, type EngineConfig, EngineServer } from "../engineio/server.ts";
import type { Session, SessionState } from "../engineio/session.ts";
import type { After, Sleep } from "../lib/after.ts";
import type { Alarms } from "../lib/alarms.ts";
import type { Clock } from "../lib/clock.ts";
import type { Kv } from "../lib/kv.ts";
import { CONTEXT_HEADER, decodeContext } from "./context-header.ts";
import { refuse } from "./handshake-refusal.ts";
import { PollingRequests } from "./polling-requests.ts";
import { Upgrades } from "./upgrades.ts";
import { WebSocketTransport } from "./websocket-transport.ts";

/** The part of `DurableObjectState` that holding WebSockets needs. */
export interface HostState {
  readonly storage: { readonly kv: Pick<Kv, "get" | "put"> };
  acceptWebSocket(webSocket: WebSocket): void;
  getWebSockets(): WebSocket[];
  setWebSocketAutoResponse(pair?: WebSocketRequestResponsePair): void;
  getWebSocketAutoResponseTimestamp(webSocket: WebSocket): Date | null;
}

export interface HostDeps {
  readonly state: HostState;
  readonly alarms: Pick<Alarms<HostAlarm>, "at" | "set" | "ensure">;
  readonly config: EngineConfig;
  readonly maxSessions: number;
  readonly application: EngineApplication;
  readonly createSessionId: () => string;
  /** Checks what the Worker has said of a handshake. */
  readonly parseContext: (value: unknown) => unknown;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly after: After;
}

/** The deadlines that connections need: pings, their answers, and clients that never connect. */
export type HostAlarm = "ping" | "silence" | "connect";

/** Sessions pinged in one turn; deliveries run between turns. */
const PING_SLICE = 250;

/** Key of the time of the last ping round. */
const ROUND_KEY = "ping-round";

/**
 * Holds Engine.IO sessions in a Durable Object, on hibernatable WebSockets and on polling requests, under any
 * application. Pongs on WebSockets are absorbed by the platform (CONN-8); everything else is handed to the
 * `EngineServer`.
 */
export class GatewayHost {
  readonly engine: EngineServer;
  readonly #deps: HostDeps;
  readonly #sessions = new Map<WebSocket, Session>();
  readonly #polling: PollingRequests;
  readonly #upgrades: Upgrades;

  constructor(deps: HostDeps) {
    this.#deps = deps;
    this.engine = new EngineServer(deps.config, deps.application, deps.clock);
    this.#polling = new PollingRequests(this.engine, deps.after);
    this.#upgrades = new Upgrades(this.engine, deps.after);
    if (this.engine.heartbeat.hibernates) {
      // Engine.IO's pong, answered with a noop that clients ignore: an answer is what the platform requires.
      deps.state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("3", "6"));
    }
  }

  /** Takes up the sessions whose WebSockets outlived the object's memory. To be called when it wakes. */
  restore(): void {
    const { state } = this.#deps;
    const roundAt = state.storage.kv.get<number>(ROUND_KEY);
    for (const webSocket of state.getWebSockets()) {
      // Written by `Session.save`. Null: closed by us, or tried for a session that has gone with the memory.
      const saved = webSocket.deserializeAttachment() as SessionState | null;
      if (saved === null) {
        webSocket.close();
        continue;
      }
      this.#sessions.set(webSocket, this.engine.restore(this.#transport(webSocket), saved, roundAt));
    }
  }

  /** Answers a request that the Worker has checked; 503 when it opens a session and the gateway is full. */
  fetch(request: Request): Response | Promise<Response> {
    const query = queryOf(request.url);
    const id = query.get("sid");
    const upgrade = isUpgrade(request);
    if (!id) return this.#open(request, upgrade);
    const session = this.#live(id);
    if (session === undefined) {
      return upgrade ? refuse(request, UNKNOWN_SESSION) : this.#polling.finish(id, request);
    }
    const checked = checkSessionRequest({ query, upgrade }, session.transport.name);
    if (!checked.ok) return refuse(request, checked.error);
    return upgrade ? this.#upgrade(session) : this.#polling.handle(session, request);
  }

  message(webSocket: WebSocket, message: string | ArrayBuffer): void {
    const frame = typeof message === "string" ? message : new Uint8Array(message);
    const session = this.#sessions.get(webSocket);
    if (session !== undefined) {
      this.engine.receive(session, frame);
      return;
    }
    const upgraded = this.#upgrades.receive(webSocket, frame);
    if (upgraded !== undefined) this.#sessions.set(webSocket, upgraded);
  }

  closed(webSocket: WebSocket, reason: "transport close" | "transport error"): void {
    this.#upgrades.closed(webSocket);
    const session = this.#sessions.get(webSocket);
    this.#sessions.delete(webSocket);
    if (session !== undefined) this.engine.transportClosed(session, reason);
    // Without an answer of our own the TCP connection of a client that closes stays open.
    webSocket.close();
  }

  /** Does what is due, and returns when to do it again (ms since the epoch), if ever. */
  async alarm(name: HostAlarm): Promise<number | undefined> {
    const { alarms, clock, config, sleep, state } = this.#deps;
    const { engine } = this;
    switch (name) {
      case "ping": {
        const now = clock();
        // Without a session nothing is sent, and the next one starts the heartbeat again.
        if (engine.sessions.size > 0) {
          state.storage.kv.put(ROUND_KEY, now);
          await engine.ping(PING_SLICE, () => sleep(0));
          alarms.ensure("silence", now + config.pingTimeout);
        }
        return engine.heartbeat.nextRound(engine.sessions.values(), now);
      }
      case "silence":
        return engine.closeSilent();
      case "connect":
        return engine.closeUnestablished();
      default:
        return name satisfies never;
    }
  }

  /** The session of that id; one that is overdue ends here, if its alarm is late. */
  #live(id: string): Session | undefined {
    const session = this.engine.sessions.get(id);
    if (session !== undefined) this.engine.closeSilent([session]);
    return session?.closed ? undefined : session;
  }

  #open(request: Request, upgrade: boolean): Response | Promise<Response> {
    const { alarms, clock, config, createSessionId, maxSessions, parseContext } = this.#deps;
    if (this.engine.sessions.size >= maxSessions) return new Response(null, { status: 503 });
    const context = parseContext(decodeContext(request.headers.get(CONTEXT_HEADER)));
    const now = clock();
    if (alarms.at("ping") === undefined) alarms.set("ping", this.engine.heartbeat.firstRound(now));
    alarms.ensure("connect", now + config.connectTimeout);
    const id = createSessionId();
    if (!upgrade) return this.#polling.open(id, context);
    const { 0: client, 1: server } = new WebSocketPair();
    this.#accept(server);
    this.#sessions.set(server, this.engine.open(this.#transport(server), id, context));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Lets a client try a WebSocket for its polling session; one that it may not try is closed at once. */
  #upgrade(session: Session): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#accept(server);
    if (!this.#upgrades.begin(session, server, this.#transport(server))) server.close();
    return new Response(null, { status: 101, webSocket: client });
  }

  /**
   * With an interval too short to hibernate in there is nothing to win from it, and an ordinary WebSocket needs no
   * answer to pongs: docs/decisions/0008-ordinary-websockets-for-short-intervals.md.
   */
  #accept(webSocket: WebSocket): void {
    if (this.engine.heartbeat.hibernates) {
      this.#deps.state.acceptWebSocket(webSocket);
      return;
    }
    webSocket.binaryType = "arraybuffer";
    webSocket.accept();
    webSocket.addEventListener("message", ({ data }) => this.message(webSocket, data));
    webSocket.addEventListener("close", () => this.closed(webSocket, "transport close"));
    webSocket.addEventListener("error", () => this.closed(webSocket, "transport error"));
  }

  #transport(webSocket: WebSocket): WebSocketTransport {
    return new WebSocketTransport(webSocket, () =>
      this.#deps.state.getWebSocketAutoResponseTimestamp(webSocket),
    );
  }
}
