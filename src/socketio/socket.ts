import type { Session } from "../engineio/session.ts";
import type { OutgoingPacket } from "../engineio/transport.ts";
import { encodePacket, eventPrefix } from "./encode.ts";
import type { Packet } from "./packet.ts";

/** One Socket.IO socket: a session's place in one namespace. Its id is public. */
export class Socket<Data> {
  readonly session: Session;
  readonly nsp: string;
  readonly id: string;
  /** The application's state of this socket: structured-cloneable, stored by `save`. */
  data: Data;
  /** Whether CONNECT has been answered and the socket not yet left. */
  connected: boolean;
  readonly #store: () => void;

  constructor(
    session: Session,
    state: { nsp: string; id: string; data: Data; connected: boolean },
    store: () => void,
  ) {
    this.session = session;
    this.nsp = state.nsp;
    this.id = state.id;
    this.data = state.data;
    this.connected = state.connected;
    this.#store = store;
  }

  /** Sends a packet of this namespace with whatever binary attachments it holds. */
  packet(packet: Packet): void {
    for (const part of encodePacket(packet)) this.session.sendMessage(part);
  }

  emit(name: string, ...args: unknown[]): void {
    this.packet({ type: "event", nsp: this.nsp, data: [name, ...args] });
  }

  /** Sends an event already encoded, starting with `eventHead(nsp)`. */
  write(frame: OutgoingPacket): void {
    this.session.send(frame);
  }

  /** Stores `data` with the session. */
  save(): void {
    this.#store();
  }
}

/** Engine.IO message type and Socket.IO event head of `nsp`; followed by an event body it is a whole frame. */
export const eventHead = (nsp: string): string => `4${eventPrefix(nsp)}`;
