import type { Clock } from "../lib/clock.ts";
import { exceedsBytes } from "../lib/utf8.ts";
import { Heartbeat } from "./heartbeat.ts";
import { decodePacket, encodePacket, PACKET_CODES, type Packet } from "./packet.ts";
import { decodePayload } from "./payload.ts";
import { PollingTransport } from "./polling.ts";
import { Session, type SessionState } from "./session.ts";
import type { CloseReason, Transport } from "./transport.ts";
import { Upgrade } from "./upgrade.ts";

/** What runs on top of Engine.IO: Socket.IO, or anything else that exchanges messages. */
export interface EngineApplication {
  /** A session has opened; OPEN is sent. `context` is what the HTTP layer learnt at the handshake. */
  open(session: Session, context: unknown): void;
  /** A session is back after hibernation, with the state that was saved. */
  restore(session: Session): void;
  message(session: Session, data: string | Uint8Array): void;
  /** Called once per session, whatever ended it. */
  close(session: Session, reason: CloseReason): void;
}

/** Times in milliseconds, sizes in bytes. */
export interface EngineConfig {
  readonly pingInterval: number;
  readonly pingTimeout: number;
  readonly connectTimeout: number;
  readonly maxPayload: number;
  /** How long a client may take from opening a WebSocket for its polling session to using it. */
  readonly upgradeTimeout: number;
}

/** Packets in one payload, which are handled in one turn: deliveries to others wait for it. */
const MAX_PACKETS = 10_000;

/** How long after OPEN, in ms, a session must be established whose client the application has accepted. */
const ACCEPTED_TIMEOUT_MS = 60_000;

/** Engine.IO v4 sessions of one gateway. Knows no platform: transports and time are passed in. */
export class EngineServer {
  readonly sessions = new Map<string, Session>();
  readonly config: EngineConfig;
  readonly heartbeat: Heartbeat;
  readonly #application: EngineApplication;
  readonly #clock: Clock;

  constructor(config: EngineConfig, application: EngineApplication, clock: Clock) {
    this.config = config;
    this.heartbeat = new Heartbeat(config);
    this.#application = application;
    this.#clock = clock;
  }

  /** Opens a session on a fresh transport and sends OPEN (protocol v4, "Handshake"). */
  open(transport: Transport, id: string, context: unknown): Session {
    const session = new Session(transport, {
      id,
      openedAt: this.#clock(),
      established: false,
      pongAt: 0,
      application: undefined,
    });
    this.sessions.set(id, session);
    const { pingInterval, pingTimeout, maxPayload } = this.config;
    const upgrades = transport.name === "polling" ? ["websocket"] : [];
    const data = JSON.stringify({ sid: id, upgrades, pingInterval, pingTimeout, maxPayload });
    session.send(encodePacket({ type: "open", data }));
    this.#application.open(session, context);
    return session;
  }

  /** Takes a session up again from what its transport saved; `roundAt` is when pings were last sent. */
  restore(transport: Transport, state: SessionState, roundAt: number | undefined): Session {
    const session = new Session(transport, state);
    this.heartbeat.restored(session, roundAt);
    this.sessions.set(session.id, session);
    this.#application.restore(session);
    return session;
  }

  /** Handles one frame of a client's WebSocket. */
  receive(session: Session, raw: string | Uint8Array): void {
    if (session.closed) return;
    const { maxPayload } = this.config;
    if (typeof raw === "string" ? exceedsBytes(raw, maxPayload) : raw.byteLength > maxPayload) {
      this.abort(session, "payload too large");
      return;
    }
    const decoded = decodePacket(raw);
    if (!decoded.ok) {
      this.abort(session, "parse error");
      return;
    }
    this.#handle(session, decoded.value);
  }

  /** Handles the body of a polling client's POST; false when it is no payload, which closes the session. */
  receivePayload(session: Session, body: string): boolean {
    const decoded = decodePayload(body, { maxPackets: MAX_PACKETS });
    if (!decoded.ok) {
      this.abort(session, "parse error");
      return false;
    }
    for (const packet of decoded.value) {
      if (session.closed) break;
      this.#handle(session, packet);
    }
    return true;
  }

  /**
   * A client tries `transport` for its polling session; `ended` is called when that has worked or failed.
   * `undefined` when the session is not polling, or is trying another one already.
   */
  upgrade(session: Session, transport: Transport, ended: () => void): Upgrade | undefined {
    const from = session.transport;
    if (!(from instanceof PollingTransport) || session.upgrade !== undefined) return undefined;
    session.upgrade = new Upgrade(session, from, transport, ended);
    return session.upgrade;
  }

  /** Ends a session in order, for the server: its client gets what was sent before. */
  close(session: Session, reason: CloseReason): void {
    if (session.closed) return;
    this.#end(session, reason);
    const { transport } = session;
    transport.close(reason);
    // A client that has paused polling does not ask again: it hears of the end on the transport that it is trying.
    if (!(transport instanceof PollingTransport && transport.status === "closing")) session.upgrade?.fail();
  }

  /** Ends a session at once: its client has ended it, broken the protocol, or gone. */
  abort(session: Session, reason: CloseReason): void {
    if (session.closed) return;
    this.#end(session, reason);
    session.upgrade?.fail();
    session.transport.abort(reason);
  }

  /** The client's side of the transport has gone. */
  transportClosed(session: Session, reason: "transport close" | "transport error"): void {
    if (!session.closed) this.#end(session, reason);
  }

  /**
   * Pings the sessions that are due, pausing after each slice of `sliceSize`, so that thousands of pings hold
   * up no delivery. Returns when all are sent.
   */
  async ping(sliceSize: number, pause: () => Promise<void>): Promise<void> {
    const now = this.#clock();
    const due = this.heartbeat.due(this.sessions.values(), now);
    for (const session of due) this.heartbeat.pinged(session, now);
    for (let start = 0; start < due.length; start += sliceSize) {
      if (start > 0) await pause();
      for (const session of due.slice(start, start + sliceSize)) session.send(PACKET_CODES.ping);
    }
  }

  /** Closes those sessions that left a ping unanswered too long; returns when to look again (ms), if ever. */
  closeSilent(sessions: Iterable<Session> = this.sessions.values()): number | undefined {
    const { silent, next } = this.heartbeat.silent(sessions, this.#clock());
    for (const session of silent) this.abort(session, "ping timeout");
    return next;
  }

  /**
   * Closes the sessions whose connect timeout has passed, and returns when the next one's will pass,
   * `undefined` if all are established.
   */
  closeUnestablished(): number | undefined {
    const now = this.#clock();
    let next: number | undefined;
    for (const session of [...this.sessions.values()]) {
      if (session.established) continue;
      const { connectTimeout } = this.config;
      const timeout = session.accepted ? Math.max(connectTimeout, ACCEPTED_TIMEOUT_MS) : connectTimeout;
      const deadline = session.openedAt + timeout;
      if (deadline <= now) this.close(session, "connect timeout");
      else if (next === undefined || deadline < next) next = deadline;
    }
    return next;
  }

  #handle(session: Session, packet: Packet): void {
    switch (packet.type) {
      case "message":
        this.#application.message(session, packet.data);
        return;
      case "pong":
        session.pongAt = this.#clock();
        return;
      case "close":
        this.abort(session, "transport close");
        return;
      case "noop":
      case "upgrade":
        return;
      // Only a server opens and pings; the reference server closes on a ping of a v4 client.
      case "open":
      case "ping":
        this.abort(session, "parse error");
        return;
      default:
        packet satisfies never;
    }
  }

  #end(session: Session, reason: CloseReason): void {
    session.closed = true;
    this.sessions.delete(session.id);
    this.#application.close(session, reason);
  }
}
