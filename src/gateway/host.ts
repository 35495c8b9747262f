import { type EngineApplication, type EngineConfig, EngineServer } from "../engineio/server.ts";
import type { Session, SessionState } from "../engineio/session.ts";
import type { Alarms } from "../lib/alarms.ts";
import type { Clock } from "../lib/clock.ts";
import type { Sleep } from "../lib/rpc.ts";
import { CONTEXT_HEADER } from "./handshake-context.ts";
import { WebSocketTransport } from "./websocket-transport.ts";

/** The part of `DurableObjectState` that holding WebSockets needs. */
export interface HostState {
  readonly storage: { readonly kv: SyncKvStorage };
  acceptWebSocket(webSocket: WebSocket): void;
  getWebSockets(): WebSocket[];
  setWebSocketAutoResponse(pair?: WebSocketRequestResponsePair): void;
  getWebSocketAutoResponseTimestamp(webSocket: WebSocket): Date | null;
}

export interface HostDeps {
  readonly state: HostState;
  readonly alarms: Pick<Alarms<HostAlarm>, "at" | "set">;
  readonly config: EngineConfig;
  readonly maxSessions: number;
  readonly application: EngineApplication;
  readonly createSessionId: () => string;
  /** Reads the Worker's context header. */
  readonly decodeContext: (header: string | null) => unknown;
  readonly clock: Clock;
  readonly sleep: Sleep;
}

/** The deadlines that connections need: pings, their answers, and clients that never connect. */
export type HostAlarm = "ping" | "silence" | "connect";

/** Sessions pinged in one turn; deliveries run between turns. */
const PING_SLICE = 250;

/** Key of the time of the last ping round. */
const ROUND_KEY = "ping-round";

/**
 * Holds Engine.IO sessions on a Durable Object's hibernatable WebSockets, under any application. Pongs are
 * absorbed by the platform (CONN-8); everything else is handed to the `EngineServer`.
 */
export class GatewayHost {
  readonly engine: EngineServer;
  readonly #deps: HostDeps;
  readonly #sessions = new Map<WebSocket, Session>();

  constructor(deps: HostDeps) {
    this.#deps = deps;
    this.engine = new EngineServer(deps.config, deps.application, deps.clock);
    // Engine.IO's pong, answered with a noop that clients ignore: an answer is what the platform requires.
    deps.state.setWebSocketAutoResponse(new WebSocketRequestResponsePair("3", "6"));
  }

  /** Takes up the sessions whose WebSockets outlived the object's memory. To be called when it wakes. */
  restore(): void {
    const { state } = this.#deps;
    const roundAt = state.storage.kv.get<number>(ROUND_KEY);
    for (const webSocket of state.getWebSockets()) {
      // Written by `Session.save`, or null for a session closed by us whose peer has not answered.
      const saved = webSocket.deserializeAttachment() as SessionState | null;
      if (saved === null) continue;
      this.#sessions.set(webSocket, this.engine.restore(this.#transport(webSocket), saved, roundAt));
    }
  }

  /** Opens a session for a handshake that the Worker has checked; 503 when the gateway is full. */
  upgrade(request: Request): Response {
    const { state, alarms, clock, config } = this.#deps;
    if (this.engine.sessions.size >= this.#deps.maxSessions) return new Response(null, { status: 503 });
    const context = this.#deps.decodeContext(request.headers.get(CONTEXT_HEADER));
    const { 0: client, 1: server } = new WebSocketPair();
    state.acceptWebSocket(server);
    const session = this.engine.open(this.#transport(server), this.#deps.createSessionId(), context);
    this.#sessions.set(server, session);
    const now = clock();
    if (alarms.at("ping") === undefined) alarms.set("ping", this.engine.heartbeat.firstRound(now));
    if (alarms.at("connect") === undefined) alarms.set("connect", now + config.connectTimeout);
    return new Response(null, { status: 101, webSocket: client });
  }

  message(webSocket: WebSocket, message: string | ArrayBuffer): void {
    const session = this.#sessions.get(webSocket);
    if (session === undefined) return;
    this.engine.receive(session, typeof message === "string" ? message : new Uint8Array(message));
  }

  closed(webSocket: WebSocket, reason: "transport close" | "transport error"): void {
    const session = this.#sessions.get(webSocket);
    this.#sessions.delete(webSocket);
    if (session !== undefined) this.engine.transportClosed(session, reason);
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
          if (alarms.at("silence") === undefined) alarms.set("silence", now + config.pingTimeout);
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

  #transport(webSocket: WebSocket): WebSocketTransport {
    return new WebSocketTransport(webSocket, () =>
      this.#deps.state.getWebSocketAutoResponseTimestamp(webSocket),
    );
  }
}
