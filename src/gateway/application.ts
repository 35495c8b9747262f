import { type Authenticate, credentialOf } from "../auth/authenticate.ts";
import { INVALID_CREDENTIAL_MESSAGE } from "../auth/principal.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";
import { marketRoom, userRoom } from "../events/rooms.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { ConnectRequest, ConnectVerdict, SocketApplication, SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { dispatch } from "./dispatch.ts";
import type { HandshakeContext } from "./handshake-context.ts";
import type { Memberships } from "./memberships.ts";
import { refuse } from "./refusals.ts";
import { RoomRequests } from "./room-requests.ts";
import type { SocketData } from "./socket-data.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface ApplicationDeps {
  readonly authenticate: Authenticate;
  readonly subscriptions: Subscriptions<Socket<SocketData>>;
  readonly memberships: Memberships;
  readonly maxRoomsPerSocket: number;
  /** What a socket may emit for long; after a quiet time it may emit ten seconds' worth at once. */
  readonly maxEventsPerSecond: number;
  readonly createId: () => string;
  readonly clock: Clock;
  readonly log: Log;
}

const BURST_S = 10;

const unauthorized = (message: string): ErrorEnvelope => ({ code: "UNAUTHORIZED", message });

/** LedgerCore's Socket.IO application: who may connect, the personal room, and what events do. */
export class RealtimeApplication implements SocketApplication<SocketData> {
  /** The documented production URL makes stock clients join `/ws`; both are the same application (CONN-3). */
  readonly namespaces: ReadonlySet<string> = new Set(["/", "/ws"]);
  readonly #deps: ApplicationDeps;
  readonly #rooms: RoomRequests;
  /** Forgotten with the object's memory: a socket that let it hibernate has been quiet. */
  readonly #throttles = new WeakMap<Socket<SocketData>, TokenBucket>();

  constructor(deps: ApplicationDeps) {
    this.#deps = deps;
    this.#rooms = new RoomRequests(deps);
  }

  async authenticate({ auth, context }: ConnectRequest): Promise<ConnectVerdict<SocketData>> {
    const token = auth?.token;
    if (token === undefined || token === null) {
      // Written by the Worker, see handshake-context.ts.
      const { principal } = context as HandshakeContext;
      if (principal !== undefined) return { verdict: "accept", data: { principal, symbols: [] } };
      const message = "No token. Send a JWT or API key as auth.token.";
      return { verdict: "refuse", message, data: unauthorized(message) };
    }
    const result =
      typeof token === "string"
        ? await this.#deps.authenticate(credentialOf(token))
        : ({ ok: false, error: { kind: "invalid", reason: "auth.token is not a string" } } as const);
    if (result.ok) return { verdict: "accept", data: { principal: result.value, symbols: [] } };
    const { kind, reason } = result.error;
    this.#deps.log(kind === "unavailable" ? "error" : "info", "connect_refused", { kind, reason });
    if (kind === "unavailable") return { verdict: "unavailable" };
    return {
      verdict: "refuse",
      message: INVALID_CREDENTIAL_MESSAGE,
      data: unauthorized(INVALID_CREDENTIAL_MESSAGE),
    };
  }

  /** Joins the personal room before CONNECT is answered, so that nothing after it is missed (CONN-7). */
  async join(socket: Socket<SocketData>): Promise<(() => void) | undefined> {
    const { subscriptions, memberships, clock } = this.#deps;
    const { userId } = socket.data.principal;
    const room = userRoom(userId);
    subscriptions.hold(room, socket);
    const joined = await memberships.join(room, { socketId: socket.id, userId });
    if (!joined.ok) return undefined;
    return () => {
      socket.emit("connected", { userId, sid: socket.id, timestamp: clock() });
      subscriptions.release(room, socket, joined.value);
    };
  }

  restore(socket: Socket<SocketData>): void {
    const { subscriptions } = this.#deps;
    subscriptions.restore(userRoom(socket.data.principal.userId), socket);
    for (const symbol of socket.data.symbols) subscriptions.restore(marketRoom(symbol), socket);
  }

  event(socket: Socket<SocketData>, event: SocketEvent): void {
    if (!this.#throttle(socket).take()) {
      const { maxEventsPerSecond } = this.#deps;
      const message = `A socket may emit ${maxEventsPerSecond} events a second. Slow down.`;
      refuse(socket, "rate_limit_error", { code: "RATE_LIMITED", message, retryAfter: 1 }, event.ack);
      return;
    }
    dispatch(socket, event, {
      rooms: this.#rooms,
      createId: this.#deps.createId,
      clock: this.#deps.clock,
    });
  }

  disconnect(socket: Socket<SocketData>): void {
    const { subscriptions, memberships } = this.#deps;
    for (const room of [...subscriptions.roomsOf(socket)]) {
      subscriptions.remove(room, socket);
      memberships.leave(room, socket.id);
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
