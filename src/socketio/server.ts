import type { EngineApplication } from "../engineio/server.ts";
import type { Session } from "../engineio/session.ts";
import type { CloseReason } from "../engineio/transport.ts";
import type { After } from "../lib/after.ts";
import { randomInteger } from "../lib/random.ts";
import { Decoder } from "./decode.ts";
import { encodePacket } from "./encode.ts";
import type { Packet } from "./packet.ts";
import { Socket, type SocketHost } from "./socket.ts";

export type DisconnectReason = CloseReason | "client namespace disconnect" | "server namespace disconnect";

/** An application's answer to CONNECT. */
export type ConnectVerdict<Data> =
  | { readonly verdict: "accept"; readonly data: Data }
  | { readonly verdict: "refuse"; readonly message: string; readonly data?: unknown }
  /** Cannot be decided now: the transport is closed without CONNECT_ERROR, so that a stock client retries. */
  | { readonly verdict: "unavailable" };

export interface ConnectRequest {
  readonly nsp: string;
  readonly auth: Record<string, unknown> | undefined;
  /** What the HTTP layer learnt at the handshake. */
  readonly context: unknown;
}

/** How CONNECT is answered. */
export interface Welcome {
  /** The socket's private session id, by which its client may recover it (connection state recovery). */
  readonly pid?: string;
  /** Called right after the answer. */
  connected(): void;
}

export interface SocketEvent {
  readonly name: string;
  readonly args: readonly unknown[];
  /** Present when the client asked for an acknowledgement; answers it. */
  readonly ack?: (...args: unknown[]) => void;
}

/** What runs on top of Socket.IO. */
export interface SocketApplication<Data> {
  readonly namespaces: ReadonlySet<string>;
  /** Decides on a CONNECT packet. */
  authenticate(request: ConnectRequest): Promise<ConnectVerdict<Data>>;
  /**
   * Prepares an accepted socket before CONNECT is answered: a recovered one gets its former `id` here. `auth` is what
   * the client sent. `undefined` closes the transport.
   */
  join(socket: Socket<Data>, auth: ConnectRequest["auth"]): Promise<Welcome | undefined>;
  /** A connected socket is back after hibernation. */
  restore(socket: Socket<Data>): void;
  event(socket: Socket<Data>, event: SocketEvent): void;
  /** Called once for each socket that `join` was called for. */
  disconnect(socket: Socket<Data>, reason: DisconnectReason): void;
}

export interface SocketServerDeps<Data> {
  readonly application: SocketApplication<Data>;
  /** Makes a socket id. */
  readonly createId: () => string;
  /** Ends a session from the server's side. */
  readonly closeSession: (session: Session, reason: CloseReason) => void;
  /** Told of a failed handler; the session is closed. */
  readonly onError: (error: unknown) => void;
  readonly after: After;
}

interface SavedState<Data> {
  readonly context: unknown;
  readonly sockets: readonly { readonly nsp: string; readonly id: string; readonly data: Data }[];
}

type SocketState<Data> =
  | { readonly status: "connecting"; readonly socket?: Socket<Data> }
  | { readonly status: "connected"; readonly socket: Socket<Data> };

interface Client<Data> {
  readonly decoder: Decoder;
  readonly context: unknown;
  readonly states: Map<string, SocketState<Data>>;
  /** CONNECTs refused so far. */
  refused: number;
}

/** Longest unknown namespace that is repeated to the client that named it. */
const MAX_NAMESPACE_CHARS = 200;

/** Refusals after which a session is closed: stock clients do not ask again, so these are guesses. */
const MAX_REFUSED = 10;

/** Socket.IO v5 over Engine.IO sessions: namespaces, CONNECT, events and acks. */
export class SocketServer<Data> implements EngineApplication {
  readonly #deps: SocketServerDeps<Data>;
  readonly #clients = new Map<Session, Client<Data>>();

  constructor(deps: SocketServerDeps<Data>) {
    this.#deps = deps;
  }

  open(session: Session, context: unknown): void {
    this.#clients.set(session, { decoder: new Decoder(), context, states: new Map(), refused: 0 });
    this.#save(session);
  }

  restore(session: Session): void {
    // Written by `#save` of this class.
    const saved = session.application as SavedState<Data>;
    const client: Client<Data> = {
      decoder: new Decoder(),
      context: saved.context,
      states: new Map(),
      refused: 0,
    };
    this.#clients.set(session, client);
    for (const { nsp, id, data } of saved.sockets) {
      // Questions asked before are forgotten: a late answer to one must not answer a new one.
      const socket = this.#socket(session, { nsp, id, data, connected: true }, randomInteger());
      client.states.set(nsp, { status: "connected", socket });
      this.#deps.application.restore(socket);
    }
  }

  message(session: Session, data: string | Uint8Array): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    const decoded = client.decoder.add(data);
    if (!decoded.ok) {
      this.#deps.closeSession(session, "parse error");
      return;
    }
    if (decoded.value !== undefined) this.#receive(session, client, decoded.value);
  }

  close(session: Session, reason: CloseReason): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    this.#clients.delete(session);
    for (const state of client.states.values()) this.#left(state, reason);
  }

  #receive(session: Session, client: Client<Data>, packet: Packet): void {
    const state = client.states.get(packet.nsp);
    if (packet.type === "connect" && state === undefined) {
      this.#connect(session, client, packet.nsp, packet.data).catch((error) => {
        this.#deps.onError(error);
        this.#deps.closeSession(session, "forced close");
      });
      return;
    }
    // A second CONNECT, or anything before CONNECT is answered: the reference server closes the session.
    if (state?.status !== "connected") {
      this.#deps.closeSession(session, "parse error");
      return;
    }
    switch (packet.type) {
      case "event":
        this.#event(state.socket, packet);
        return;
      case "ack":
        state.socket.acknowledged(packet.id, packet.data);
        return;
      case "disconnect":
        this.#leave(state.socket, "client namespace disconnect");
        return;
      case "connect":
      case "connect_error":
        this.#deps.closeSession(session, "parse error");
        return;
      default:
        packet satisfies never;
    }
  }

  async #connect(
    session: Session,
    client: Client<Data>,
    nsp: string,
    auth: Record<string, unknown> | undefined,
  ): Promise<void> {
    const { application, closeSession } = this.#deps;
    if (!application.namespaces.has(nsp)) {
      if (nsp.length > MAX_NAMESPACE_CHARS) {
        closeSession(session, "parse error");
        return;
      }
      this.#refuse(session, client, nsp, { message: "Invalid namespace" });
      return;
    }
    client.states.set(nsp, { status: "connecting" });
    const verdict = await application.authenticate({ nsp, auth, context: client.context });
    if (session.closed) return;
    if (verdict.verdict === "unavailable") {
      closeSession(session, "forced close");
      return;
    }
    if (verdict.verdict === "refuse") {
      client.states.delete(nsp);
      const { message, data } = verdict;
      this.#refuse(session, client, nsp, data === undefined ? { message } : { message, data });
      return;
    }
    session.accepted = true;
    const socket = this.#socket(session, {
      nsp,
      id: this.#deps.createId(),
      data: verdict.data,
      connected: false,
    });
    client.states.set(nsp, { status: "connecting", socket });
    const welcome = await application.join(socket, auth);
    if (session.closed) return;
    if (welcome === undefined) {
      closeSession(session, "forced close");
      return;
    }
    socket.connected = true;
    client.states.set(nsp, { status: "connected", socket });
    this.#save(session, true);
    const { pid } = welcome;
    socket.packet({ type: "connect", nsp, data: { sid: socket.id, ...(pid !== undefined && { pid }) } });
    welcome.connected();
  }

  #refuse(session: Session, client: Client<Data>, nsp: string, data: Record<string, unknown>): void {
    for (const part of encodePacket({ type: "connect_error", nsp, data })) session.sendMessage(part);
    if (++client.refused === MAX_REFUSED) this.#deps.closeSession(session, "forced close");
  }

  #event(socket: Socket<Data>, packet: Extract<Packet, { type: "event" }>): void {
    const [name, ...args] = packet.data;
    const { id, nsp } = packet;
    const event: SocketEvent = { name: String(name), args };
    if (id === undefined) {
      this.#deps.application.event(socket, event);
      return;
    }
    let answered = false;
    const ack = (...data: unknown[]): void => {
      if (answered || !socket.connected) return;
      answered = true;
      socket.packet({ type: "ack", nsp, id, data });
    };
    this.#deps.application.event(socket, { ...event, ack });
  }

  /** Takes one socket out of its session, which goes on. */
  #leave(socket: Socket<Data>, reason: DisconnectReason): void {
    const states = this.#clients.get(socket.session)?.states;
    const state = states?.get(socket.nsp);
    if (state?.socket !== socket) return;
    states?.delete(socket.nsp);
    this.#left(state, reason);
    this.#save(socket.session);
  }

  #left(state: SocketState<Data>, reason: DisconnectReason): void {
    if (state.socket === undefined) return;
    state.socket.left();
    this.#deps.application.disconnect(state.socket, reason);
  }

  #socket(
    session: Session,
    state: { nsp: string; id: string; data: Data; connected: boolean },
    firstAckId?: number,
  ): Socket<Data> {
    const host: SocketHost = {
      save: () => this.#save(session),
      leave: () => this.#leave(socket, "server namespace disconnect"),
      after: this.#deps.after,
    };
    const socket: Socket<Data> = new Socket(session, state, host, firstAckId);
    return socket;
  }

  #save(session: Session, established?: boolean): void {
    const client = this.#clients.get(session);
    if (client === undefined) return;
    const sockets: SavedState<Data>["sockets"][number][] = [];
    for (const state of client.states.values()) {
      if (state.status !== "connected") continue;
      const { nsp, id, data } = state.socket;
      sockets.push({ nsp, id, data });
    }
    session.save({ context: client.context, sockets } satisfies SavedState<Data>, established);
  }
}
