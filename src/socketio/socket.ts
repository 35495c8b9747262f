import type { Session } from "../engineio/session.ts";
import type { OutgoingPacket } from "../engineio/transport.ts";
import type { After } from "../lib/after.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { encodePacket, eventPrefix } from "./encode.ts";
import type { Packet } from "./packet.ts";

/** What a socket needs of its server. */
export interface SocketHost {
  /** Stores the socket's state with the session. */
  save(): void;
  /** Takes the socket out of its namespace. */
  leave(): void;
  readonly after: After;
}

export type AckError = "timeout" | "disconnected";

type Acknowledge = (result: Result<readonly unknown[], AckError>) => void;

/** One Socket.IO socket: a session's place in one namespace. Its id is public. */
export class Socket<Data> {
  readonly session: Session;
  readonly nsp: string;
  /** Final once CONNECT is answered. */
  id: string;
  /** The application's state of this socket: structured-cloneable, stored by `save`. */
  data: Data;
  /** Whether CONNECT has been answered and the socket not yet left. */
  connected: boolean;
  readonly #host: SocketHost;
  /** Answers that are waited for, by the id asked with. */
  readonly #acks = new Map<number, Acknowledge>();
  #nextAckId: number;

  constructor(
    session: Session,
    state: { nsp: string; id: string; data: Data; connected: boolean },
    host: SocketHost,
    firstAckId = 0,
  ) {
    this.session = session;
    this.nsp = state.nsp;
    this.id = state.id;
    this.data = state.data;
    this.connected = state.connected;
    this.#host = host;
    this.#nextAckId = firstAckId;
  }

  /** Sends a packet of this namespace with whatever binary attachments it holds. */
  packet(packet: Packet): void {
    for (const part of encodePacket(packet)) this.session.sendMessage(part);
  }

  emit(name: string, ...args: unknown[]): void {
    this.packet({ type: "event", nsp: this.nsp, data: [name, ...args] });
  }

  /**
   * Emits an event and asks for an acknowledgement: resolves to the client's arguments. The timeout keeps the object
   * in memory, where the question is remembered.
   */
  emitWithAck(
    timeoutMs: number,
    name: string,
    ...args: unknown[]
  ): Promise<Result<readonly unknown[], AckError>> {
    if (!this.connected) return Promise.resolve(err("disconnected"));
    const id = this.#nextAckId++;
    this.packet({ type: "event", nsp: this.nsp, id, data: [name, ...args] });
    return new Promise((resolve) => {
      const cancelTimeout = this.#host.after(timeoutMs, () => acknowledge(err("timeout")));
      const acknowledge: Acknowledge = (result) => {
        cancelTimeout();
        this.#acks.delete(id);
        resolve(result);
      };
      this.#acks.set(id, acknowledge);
    });
  }

  /** The client has acknowledged event `id`; one that nobody waits for is ignored, as by the reference server. */
  acknowledged(id: number, args: readonly unknown[]): void {
    this.#acks.get(id)?.(ok(args));
  }

  /** Ends this socket from the server's side: a stock client says `io server disconnect` and does not return. */
  disconnect(): void {
    if (!this.connected) return;
    this.packet({ type: "disconnect", nsp: this.nsp });
    this.#host.leave();
  }

  /** The socket has left its namespace, for whatever reason. */
  left(): void {
    this.connected = false;
    for (const acknowledge of [...this.#acks.values()]) acknowledge(err("disconnected"));
  }

  /** Sends an event already encoded, starting with `eventHead(nsp)`. */
  write(frame: OutgoingPacket): void {
    this.session.send(frame);
  }

  /** Stores `data` with the session. */
  save(): void {
    this.#host.save();
  }
}

/** Engine.IO message type and Socket.IO event head of `nsp`; followed by an event body it is a whole frame. */
export const eventHead = (nsp: string): string => `4${eventPrefix(nsp)}`;
