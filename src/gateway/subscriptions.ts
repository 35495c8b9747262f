import type { Frame, Joined } from "../rooms/protocol.ts";
import { eventHead, type Socket } from "../socketio/socket.ts";

/**
 * Where a socket stands with a room. While it is joining, the room may already deliver: those frames are
 * held until the socket has been told that it is subscribed (ROOM-5).
 */
type Subscription = Joining | Cursor;

interface Joining {
  readonly status: "joining";
  readonly held: { readonly epoch: number; readonly frame: Frame }[];
}

/**
 * `epoch` and `seq` of the join: frames up to there were published before it. `logged`: of the personal room's log,
 * the socket has had all up to there; a room that starts anew delivers some of it again.
 */
interface Cursor {
  readonly status: "joined";
  readonly epoch: number;
  readonly seq: number;
  logged: number;
}

interface RoomEntry<S> {
  readonly members: Map<S, Subscription>;
  /** Last frame seen, so that a repeated delivery is sent once. */
  epoch: number;
  seq: number;
}

export interface SubscriptionsDeps<S> {
  /** The socket has been sent the personal room's log up to `logged`. */
  readonly onLogged: (socket: S, logged: number) => void;
}

type AnySocket = Pick<Socket<unknown>, "id" | "nsp" | "write">;

/** Which sockets of this gateway are in which rooms, and what each may be sent. */
export class Subscriptions<S extends AnySocket> {
  readonly #rooms = new Map<string, RoomEntry<S>>();
  readonly #sockets = new Map<S, Set<string>>();
  readonly #deps: SubscriptionsDeps<S>;

  constructor(deps: SubscriptionsDeps<S>) {
    this.#deps = deps;
  }

  has(room: string, socket: S): boolean {
    return this.#rooms.get(room)?.members.has(socket) ?? false;
  }

  /** The rooms of a socket, joining ones included, in the order it joined them. */
  roomsOf(socket: S): ReadonlySet<string> {
    return this.#sockets.get(socket) ?? new Set();
  }

  /** The rooms that have sockets here. */
  rooms(): IterableIterator<string> {
    return this.#rooms.keys();
  }

  /** Whether the room has sockets here, joining ones included. */
  holds(room: string): boolean {
    return this.#rooms.has(room);
  }

  /** The room's sockets here, joining ones included. */
  members(room: string): S[] {
    return [...(this.#rooms.get(room)?.members.keys() ?? [])];
  }

  /** The socket is about to join: from now on its frames are held. Does nothing if it is in the room. */
  hold(room: string, socket: S): void {
    if (!this.has(room, socket)) this.#put(room, socket, { status: "joining", held: [] });
  }

  /**
   * The socket has been told that it joined: sends it the room's state at that time, if it has been asked for, and the
   * frames held since. `logged`: see `Cursor`.
   */
  release(room: string, socket: S, joined: Pick<Joined, "epoch" | "seq" | "snapshot">, logged = 0): void {
    const subscription = this.#rooms.get(room)?.members.get(socket);
    if (subscription?.status !== "joining") return;
    const cursor: Cursor = { status: "joined", epoch: joined.epoch, seq: joined.seq, logged };
    this.#put(room, socket, cursor);
    const head = eventHead(socket.nsp);
    for (const body of joined.snapshot ?? []) socket.write(head + body);
    // A room that began anew between its delivery and the join sent what is of an earlier epoch before the join.
    for (const { epoch, frame } of subscription.held) {
      if (epoch >= joined.epoch && take(socket, cursor, epoch, frame)) socket.write(head + frame.body);
    }
    if (cursor.logged > logged) this.#deps.onLogged(socket, cursor.logged);
  }

  /** A subscription found again after hibernation, when nothing is in flight that it should not get. */
  restore(room: string, socket: S, logged = 0): void {
    this.#put(room, socket, { status: "joined", epoch: 0, seq: 0, logged });
  }

  remove(room: string, socket: S): void {
    const entry = this.#rooms.get(room);
    if (entry?.members.delete(socket) && entry.members.size === 0) this.#rooms.delete(room);
    const rooms = this.#sockets.get(socket);
    if (rooms?.delete(room) && rooms.size === 0) this.#sockets.delete(socket);
  }

  /**
   * Sends frames of a room, which come in order, to its sockets: socket by socket, all frames of one in one
   * go (FAN-2), each frame encoded once per namespace. Returns whether the room has sockets here.
   */
  deliver(room: string, epoch: number, frames: readonly Frame[]): boolean {
    const entry = this.#rooms.get(room);
    if (entry === undefined) return false;
    // Sent by a life of the room that has ended since: what is not logged has been overtaken.
    const late = epoch < entry.epoch;
    const repeats = epoch === entry.epoch && (frames[0]?.seq ?? 0) <= entry.seq;
    const fresh =
      late || repeats
        ? frames.filter((frame) => (late ? frame.logged !== undefined : frame.seq > entry.seq))
        : frames;
    const first = fresh[0];
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return true;
    if (!late) {
      entry.epoch = epoch;
      entry.seq = last.seq;
    }
    const plain = fresh.every((frame) => frame.socketId === undefined && frame.logged === undefined);
    const encoded = new Map<string, string[]>();
    for (const [socket, subscription] of entry.members) {
      if (subscription.status === "joining") {
        for (const frame of fresh) subscription.held.push({ epoch, frame });
        continue;
      }
      let texts = encoded.get(socket.nsp);
      if (texts === undefined) {
        const head = eventHead(socket.nsp);
        texts = fresh.map((frame) => head + frame.body);
        encoded.set(socket.nsp, texts);
      }
      if (plain && isAfter(epoch, first.seq, subscription)) {
        for (const text of texts) socket.write(text);
        continue;
      }
      const { logged } = subscription;
      for (const [index, frame] of fresh.entries()) {
        const text = texts[index];
        if (text !== undefined && take(socket, subscription, epoch, frame)) socket.write(text);
      }
      if (subscription.logged > logged) this.#deps.onLogged(socket, subscription.logged);
    }
    return true;
  }

  #put(room: string, socket: S, subscription: Subscription): void {
    let entry = this.#rooms.get(room);
    if (entry === undefined) {
      entry = { members: new Map(), epoch: 0, seq: 0 };
      this.#rooms.set(room, entry);
    }
    entry.members.set(socket, subscription);
    const rooms = this.#sockets.get(socket);
    if (rooms === undefined) this.#sockets.set(socket, new Set([room]));
    else rooms.add(room);
  }
}

/** Whether a frame came after the join. Later lives of a room have later epochs. */
const isAfter = (epoch: number, seq: number, cursor: Cursor): boolean =>
  epoch > cursor.epoch || (epoch === cursor.epoch && seq > cursor.seq);

/** Whether the socket is to get the frame; it counts as sent then. */
const take = (socket: AnySocket, cursor: Cursor, epoch: number, frame: Frame): boolean => {
  if (frame.socketId !== undefined && frame.socketId !== socket.id) return false;
  if (frame.logged === undefined) return isAfter(epoch, frame.seq, cursor);
  // The log's own numbers tell what is new, in whichever life of the room the frame was delivered.
  if (frame.logged <= cursor.logged) return false;
  cursor.logged = frame.logged;
  return true;
};
