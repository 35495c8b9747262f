import { PACKET_CODES } from "./packet.ts";
import type { OutgoingPacket, Transport } from "./transport.ts";
import type { Upgrade } from "./upgrade.ts";

/** What must survive hibernation. `application` belongs to the layer above. */
export interface SessionState {
  readonly id: string;
  readonly openedAt: number;
  readonly established: boolean;
  readonly pongAt: number;
  readonly application: unknown;
}

/** One Engine.IO connection. Its id is a secret: it routes to its gateway and admits to the session. */
export class Session {
  readonly id: string;
  /** ms since the epoch. */
  readonly openedAt: number;
  closed = false;
  /** The WebSocket that a polling session is trying. */
  upgrade: Upgrade | undefined;
  /** When a pong last arrived through the object itself, ms since the epoch. */
  pongAt: number;
  /** When the session was last pinged, or opened. */
  lastPingAt: number;
  /** When the oldest ping without an answer was sent. */
  unansweredAt: number | undefined;
  /** The application knows who the client is, and is about to establish the session: it has longer than others. */
  accepted = false;
  #transport: Transport;
  #established: boolean;
  #application: unknown;

  constructor(transport: Transport, state: SessionState) {
    this.#transport = transport;
    this.id = state.id;
    this.openedAt = state.openedAt;
    this.pongAt = state.pongAt;
    this.lastPingAt = state.openedAt;
    this.#established = state.established;
    this.#application = state.application;
  }

  get transport(): Transport {
    return this.#transport;
  }

  /** Goes on with another transport. */
  moveTo(transport: Transport): void {
    this.#store(transport);
    this.#transport = transport;
  }

  /** When the client last answered a ping, ms since the epoch; 0 before the first. */
  get aliveAt(): number {
    return Math.max(this.pongAt, this.#transport.lastPongAt() ?? 0);
  }

  /**
   * Asks whether the client has read all that was sent; what is returned says whether it has, or is gone. A client
   * answers a ping when it comes to it, after what came before. Pings are told apart by the time of their answers, in
   * ms: to be called later than at `aliveAt`.
   */
  probe(): () => boolean {
    const before = this.aliveAt;
    this.send(PACKET_CODES.ping);
    return () => this.closed || this.aliveAt > before;
  }

  /** Whether the client has been connected to the application. */
  get established(): boolean {
    return this.#established;
  }

  /** The application's state of this session. */
  get application(): unknown {
    return this.#application;
  }

  /** Replaces the application's state and stores it with the transport. */
  save(application: unknown, established = this.#established): void {
    this.#application = application;
    this.#established = established;
    this.#store();
  }

  /** Sends an already encoded packet. */
  send(packet: OutgoingPacket): void {
    if (!this.closed) this.#transport.send(packet);
  }

  /** Sends a message: text gets the message type, bytes are a binary message as they are. */
  sendMessage(data: OutgoingPacket): void {
    this.send(typeof data === "string" ? `4${data}` : data);
  }

  #store(transport = this.#transport): void {
    if (this.closed) return;
    transport.save({
      id: this.id,
      openedAt: this.openedAt,
      established: this.#established,
      pongAt: this.pongAt,
      application: this.#application,
    } satisfies SessionState);
  }
}
