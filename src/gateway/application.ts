import { type Authenticate, credentialOf } from "../auth/authenticate.ts";
import { INVALID_CREDENTIAL_MESSAGE, type Principal } from "../auth/principal.ts";
import type { Session } from "../engineio/session.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";
import { marketRoom, userRoom } from "../events/rooms.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { Resume } from "../rooms/protocol.ts";
import type {
  ConnectRequest,
  ConnectVerdict,
  DisconnectReason,
  SocketApplication,
  SocketEvent,
  Welcome,
} from "../socketio/server.ts";
import { eventHead, type Socket } from "../socketio/socket.ts";
import { dispatch } from "./dispatch.ts";
import type { Flow } from "./flow.ts";
import type { HandshakeContext } from "./handshake-context.ts";
import type { Memberships } from "./memberships.ts";
import { refuse } from "./refusals.ts";
import type { Requests } from "./requests.ts";
import { RoomRequests } from "./room-requests.ts";
import { memberOf, type SocketData } from "./socket-data.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface ApplicationDeps {
  readonly authenticate: Authenticate;
  readonly subscriptions: Subscriptions<Socket<SocketData>>;
  readonly memberships: Memberships;
  readonly requests: Requests;
  readonly flowOf: (session: Session) => Flow;
  readonly maxRoomsPerSocket: number;
  /** What a socket may emit for long; after a quiet time it may emit ten seconds' worth at once. */
  readonly maxEventsPerSecond: number;
  readonly createId: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

const BURST_S = 10;

/** Longest `pid` and `offset` that are looked at; ours are shorter. */
const MAX_RESUME_CHARS = 100;

const unauthorized = (message: string): ErrorEnvelope => ({ code: "UNAUTHORIZED", message });

/** LedgerCore's Socket.IO application: who may connect, the personal room, and what events do. */
export class RealtimeApplication implements SocketApplication<SocketData> {
  /** The documented production URL makes stock clients join `/ws`; both are the same application (CONN-3). */
  readonly namespaces: ReadonlySet<string> = new Set(["/", "/ws"]);
  readonly #deps: ApplicationDeps;
  readonly rooms: RoomRequests;
  /** What was said of sockets, by id, while it was not known yet which of them this joining one is. */
  readonly #superseded = new WeakMap<Socket<SocketData>, Map<string, number>>();
  /** Forgotten with the object's memory: a socket that let it hibernate has been quiet. */
  readonly #throttles = new WeakMap<Socket<SocketData>, TokenBucket>();

  constructor(deps: ApplicationDeps) {
    this.#deps = deps;
    this.rooms = new RoomRequests(deps);
  }

  async authenticate({ auth, context }: ConnectRequest): Promise<ConnectVerdict<SocketData>> {
    const token = auth?.token;
    if (token === undefined || token === null) {
      // Written by the Worker, see handshake-context.ts.
      const { principal } = context as HandshakeContext;
      if (principal !== undefined) return accept(principal);
      const message = "No token. Send a JWT or API key as auth.token.";
      return { verdict: "refuse", message, data: unauthorized(message) };
    }
    const result =
      typeof token === "string"
        ? await this.#deps.authenticate(credentialOf(token))
        : ({ ok: false, error: { kind: "invalid", reason: "auth.token is not a string" } } as const);
    if (result.ok) return accept(result.value);
    const { kind, reason } = result.error;
    this.#deps.log(kind === "unavailable" ? "error" : "info", "connect_refused", { kind, reason });
    if (kind === "unavailable") return { verdict: "unavailable" };
    return {
      verdict: "refuse",
      message: INVALID_CREDENTIAL_MESSAGE,
      data: unauthorized(INVALID_CREDENTIAL_MESSAGE),
    };
  }

  /**
   * Joins the personal room before CONNECT is answered, so that nothing after it is missed (CONN-7), and recovers what
   * the client says it was (USER-2): wholly, or not at all.
   */
  async join(socket: Socket<SocketData>, auth: ConnectRequest["auth"]): Promise<Welcome | undefined> {
    const { subscriptions, memberships, clock, createId } = this.#deps;
    const { userId } = socket.data.principal;
    const room = userRoom(userId);
    const resume = resumeOf(auth);
    subscriptions.hold(room, socket);
    const told = await memberships.connect(room, {
      ...{ userId, socketId: socket.id, pid: createId() },
      ...(resume !== undefined && { resume }),
    });
    if (!told.ok) return undefined;
    const { value: connected } = told;
    const { symbols, connection, logged } = connected;
    // It may have been recovered by a call whose answer was lost, and not when that was repeated.
    if (resume !== undefined && !connected.recovered) memberships.doubt(room);
    socket.id = connected.socketId;
    socket.data = { ...socket.data, symbols, connection, logged };
    if (socket.session.closed || connection <= (this.#superseded.get(socket)?.get(socket.id) ?? 0)) {
      memberships.leave(room, { socketId: socket.id, connection });
      return undefined;
    }
    const rejoined = await Promise.all(symbols.map((symbol) => this.#rejoin(socket, symbol)));
    if (socket.session.closed || rejoined.includes(undefined)) return undefined;
    return {
      pid: connected.pid,
      connected: () => {
        socket.emit("connected", { userId, sid: socket.id, timestamp: clock() });
        const head = eventHead(socket.nsp);
        for (const body of connected.missed) socket.write(head + body);
        subscriptions.release(room, socket, connected, logged);
        for (const release of rejoined) release?.();
      },
    };
  }

  /** Brings a recovered socket back to a market room. */
  async #rejoin(socket: Socket<SocketData>, symbol: string): Promise<(() => void) | undefined> {
    const { subscriptions, memberships } = this.#deps;
    const room = marketRoom(symbol);
    subscriptions.hold(room, socket);
    const joined = await memberships.join(room, { ...memberOf(socket), snapshot: true });
    if (!joined.ok) return undefined;
    return () => subscriptions.release(room, socket, joined.value);
  }

  /**
   * A socket has come back on a later connection: returns those of its sockets here that live on `connection` or an
   * earlier one. One whose personal room has said so, and whose answer is on its way, ends when that has come.
   */
  supersede(room: string, socketId: string, connection: number): Socket<SocketData>[] {
    const ended: Socket<SocketData>[] = [];
    for (const socket of this.#deps.subscriptions.members(room)) {
      const { id, data } = socket;
      if (data.connection === 0) {
        const noted = this.#superseded.get(socket) ?? new Map<string, number>();
        noted.set(socketId, Math.max(connection, noted.get(socketId) ?? 0));
        this.#superseded.set(socket, noted);
      } else if (id === socketId && data.connection <= connection) ended.push(socket);
    }
    return ended;
  }

  restore(socket: Socket<SocketData>): void {
    const { subscriptions } = this.#deps;
    const { principal, symbols, logged } = socket.data;
    subscriptions.restore(userRoom(principal.userId), socket, logged);
    for (const symbol of symbols) subscriptions.restore(marketRoom(symbol), socket);
  }

  event(socket: Socket<SocketData>, event: SocketEvent): void {
    if (!this.#throttle(socket).take()) {
      const { maxEventsPerSecond } = this.#deps;
      const message = `A socket may emit ${maxEventsPerSecond} events a second. Slow down.`;
      refuse(socket, "rate_limit_error", { code: "RATE_LIMITED", message, retryAfter: 1 }, event.ack);
      return;
    }
    dispatch(socket, event, {
      rooms: this.rooms,
      requests: this.#deps.requests,
      clock: this.#deps.clock,
    });
  }

  disconnect(socket: Socket<SocketData>, reason: DisconnectReason): void {
    const { subscriptions, memberships, requests } = this.#deps;
    const { connection } = socket.data;
    // Only the client's connection has gone, unless one side has ended the socket itself: then nobody comes back.
    const final = reason === "client namespace disconnect" || reason === "server namespace disconnect";
    requests.cancel(socket, final);
    for (const room of [...subscriptions.roomsOf(socket)]) {
      subscriptions.remove(room, socket);
      // The personal room has not said yet who the socket is: `join` tells it.
      if (connection > 0) memberships.leave(room, { socketId: socket.id, connection, final });
    }
  }

  #throttle(socket: Socket<SocketData>): TokenBucket {
    let throttle = this.#throttles.get(socket);
    if (throttle === undefined) {
      const { maxEventsPerSecond, clock } = this.#deps;
      throttle = new TokenBucket(maxEventsPerSecond, maxEventsPerSecond * BURST_S, clock);
      this.#throttles.set(socket, throttle);
    }
    return throttle;
  }
}

const accept = (principal: Principal): ConnectVerdict<SocketData> => ({
  verdict: "accept",
  data: { principal, symbols: [], connection: 0, logged: 0 },
});

/** What a stock client adds to `auth` when it was connected before. */
const resumeOf = (auth: ConnectRequest["auth"]): Resume | undefined => {
  const { pid, offset } = auth ?? {};
  if (typeof pid !== "string" || pid.length > MAX_RESUME_CHARS) return undefined;
  return typeof offset === "string" && offset.length <= MAX_RESUME_CHARS ? { pid, offset } : { pid };
};
