import type { Session } from "../engineio/session.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";
import { parseRoom, userRoom } from "../events/rooms.ts";
import { KeyedQueue } from "../lib/keyed-queue.ts";
import { ok, type Result } from "../lib/result.ts";
import type { SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import type { Flow } from "./flow.ts";
import type { Memberships } from "./memberships.ts";
import { refuse, refuseInvalid } from "./refusals.ts";
import { memberOf, type SocketData, symbolOf, symbolsOf } from "./socket-data.ts";
import type { Subscriptions } from "./subscriptions.ts";

export interface RoomRequestsDeps {
  readonly subscriptions: Subscriptions<Socket<SocketData>>;
  readonly memberships: Memberships;
  readonly flowOf: (session: Session) => Flow;
  readonly maxRoomsPerSocket: number;
}

type Ack = SocketEvent["ack"];

/** Seconds after which a subscribe that failed on our side is worth trying again. */
const RETRY_AFTER_S = 5;

/** `subscribe` and `unsubscribe` (ROOM-1 to ROOM-3, ROOM-5, MKT-2). */
export class RoomRequests {
  readonly #deps: RoomRequestsDeps;
  /** A socket's requests for one room are answered in the order they came. */
  readonly #queue = new KeyedQueue();
  /** Rooms that sockets are about to leave. */
  readonly #leaving = new WeakMap<Socket<SocketData>, Set<string>>();

  constructor(deps: RoomRequestsDeps) {
    this.#deps = deps;
  }

  subscribe(socket: Socket<SocketData>, room: string, ack: Ack): void {
    const refusal = refusalOf(room, socket.data.principal.userId);
    if (refusal === "malformed") {
      const message = "Expected market:<SYMBOL>, such as market:BTC-USD";
      refuseInvalid(socket, "subscribe", [{ path: "room", message }], ack);
      return;
    }
    if (refusal !== undefined) {
      refuseRoom(socket, room, refusal, ack);
      return;
    }
    void this.#queue.run(`${socket.id} ${room}`, () => this.#join(socket, room, ack));
  }

  unsubscribe(socket: Socket<SocketData>, room: string, ack: Ack): void {
    if (room === userRoom(socket.data.principal.userId)) {
      const message = "The personal room cannot be left";
      refuseInvalid(socket, "unsubscribe", [{ path: "room", message }], ack);
      return;
    }
    void this.#queue.run(`${socket.id} ${room}`, () => this.#leave(socket, room, ack));
  }

  async #join(socket: Socket<SocketData>, room: string, ack: Ack): Promise<void> {
    const { subscriptions, memberships, maxRoomsPerSocket } = this.#deps;
    const flow = this.#deps.flowOf(socket.session);
    // Who subscribes over and over, and does not read, is not sent the room's state over and over.
    if (flow.full !== undefined) await flow.full;
    if (!socket.connected) return;
    const isNew = !subscriptions.has(room, socket);
    if (isNew && this.symbolsOf(socket).length >= maxRoomsPerSocket) {
      const message = `A socket may subscribe to ${maxRoomsPerSocket} rooms. Unsubscribe from one first.`;
      refuse(socket, "rate_limit_error", { code: "RATE_LIMITED", message }, ack);
      return;
    }
    subscriptions.hold(room, socket);
    // `subscribed` promises that recovery brings the socket back.
    const [joined, recorded] = await Promise.all([
      // Who subscribes again has the room's state.
      memberships.join(room, { ...memberOf(socket), ...(isNew && { snapshot: true }) }),
      isNew ? this.#record(socket) : ok(undefined),
    ]);
    // Disconnecting has told the room already.
    if (!socket.connected) return;
    // Rooms that were about to be left, and could not, still count.
    const full = isNew && socket.data.symbols.length >= maxRoomsPerSocket;
    if (!joined.ok || !recorded.ok || full) {
      if (isNew) {
        subscriptions.remove(room, socket);
        memberships.leave(room, memberOf(socket));
        await this.#record(socket);
        if (!socket.connected) return;
      }
      refuseRoom(socket, room, unavailable("joined"), ack);
      return;
    }
    if (isNew) setRooms(socket, [...socket.data.symbols, symbolOf(room)]);
    const answer = { room, subscriberCount: joined.value.subscriberCount };
    socket.emit("subscribed", answer);
    ack?.(answer);
    subscriptions.release(room, socket, joined.value);
    for (const body of joined.value.snapshot ?? []) flow.sent(body.length);
  }

  async #leave(socket: Socket<SocketData>, room: string, ack: Ack): Promise<void> {
    if (!socket.connected) return;
    const { subscriptions, memberships } = this.#deps;
    if (subscriptions.has(room, socket)) {
      const leaving = this.#leaving.get(socket) ?? new Set();
      this.#leaving.set(socket, leaving.add(room));
      // `unsubscribed` promises that recovery does not bring the socket back.
      const recorded = await this.#record(socket);
      leaving.delete(room);
      if (!socket.connected) return;
      if (!recorded.ok) {
        refuseRoom(socket, room, unavailable("left"), ack);
        return;
      }
      subscriptions.remove(room, socket);
      const symbol = symbolOf(room);
      setRooms(
        socket,
        socket.data.symbols.filter((other) => other !== symbol),
      );
      memberships.leave(room, memberOf(socket));
    }
    socket.emit("unsubscribed", { room });
    ack?.({ room });
  }

  /** The market rooms to bring a socket back to: those that it is in, or about to be in. */
  symbolsOf(socket: Socket<SocketData>): string[] {
    const leaving = this.#leaving.get(socket);
    return symbolsOf([...this.#deps.subscriptions.roomsOf(socket)].filter((room) => !leaving?.has(room)));
  }

  /** Lets the personal room know which rooms the socket is in, or about to be in. */
  #record(socket: Socket<SocketData>): Promise<Result<unknown, "unavailable">> {
    const { id: socketId, data } = socket;
    return this.#deps.memberships.subscriptions(userRoom(data.principal.userId), {
      socketId,
      connection: data.connection,
      symbols: this.symbolsOf(socket),
    });
  }
}

const unavailable = (done: "joined" | "left"): ErrorEnvelope => ({
  code: "INTERNAL",
  message: `The room could not be ${done}. Try again.`,
  retryAfter: RETRY_AFTER_S,
});

const setRooms = (socket: Socket<SocketData>, symbols: readonly string[]): void => {
  socket.data = { ...socket.data, symbols };
  socket.save();
};

/** Why `userId` may not subscribe to `room` (ROOM-2); `undefined` if it may. */
const refusalOf = (room: string, userId: string): ErrorEnvelope | "malformed" | undefined => {
  if (!/^(?:market|user):/.test(room)) {
    return { code: "NOT_FOUND", message: "There is no such kind of room. Subscribe to market:<SYMBOL>." };
  }
  const parsed = parseRoom(room);
  if (parsed === undefined) return "malformed";
  if (parsed.kind === "user" && parsed.userId !== userId) {
    return {
      code: "UNAUTHORIZED",
      message: "This is another user's room. Yours is joined when you connect.",
    };
  }
  return undefined;
};

/** The event names the room; the acknowledgement belongs to a request that named it. */
const refuseRoom = (socket: Socket<SocketData>, room: string, error: ErrorEnvelope, ack: Ack): void => {
  socket.emit("subscribe_error", { ...error, room });
  ack?.({ error });
};
