import type { Frame, Joined } from "../rooms/protocol.ts";
import { eventHead, type Socket } from "../socketio/socket.ts";

/**
 * Where a socket stands with a room. While it is joining, the room may already deliver: those frames are
 * held until the socket has been told that it is subscribed (ROOM-5).
 */
type Subscription =
  | { readonly status: "joining"; readonly held: { readonly epoch: number; readonly frame: Frame }[] }
  /** `epoch` and `seq` of the join; frames up to there were published before it. */
  | { readonly status: "joined"; readonly epoch: number; readonly seq: number };

/** After hibernation nothing is in flight, so there is no frame to refuse. */
const RESTORED: Subscription = { status: "joined", epoch: 0, seq: 0 };

interface RoomEntry<S> {
  readonly members: Map<S, Subscription>;
  /** Last frame seen, so that a repeated delivery is sent once. */
  epoch: number;
  seq: number;
}

type AnySocket = Pick<Socket<unknown>, "id" | "nsp" | "write">;

/** Which sockets of this gateway are in which rooms, and what each may be sent. */
export class Subscriptions<S extends AnySocket> {
  readonly #rooms = new Map<string, RoomEntry<S>>();
  readonly #sockets = new Map<S, Set<string>>();

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

  /** The socket has been told that it joined: sends it the frames held since. */
  release(room: string, socket: S, joined: Joined): void {
    const subscription = this.#rooms.get(room)?.members.get(socket);
    if (subscription?.status !== "joining") return;
    const cursor: Subscription = { status: "joined", epoch: joined.epoch, seq: joined.seq };
    this.#put(room, socket, cursor);
    const head = eventHead(socket.nsp);
    for (const { epoch, frame } of subscription.held) {
      // A room that began anew between its delivery and the join sent this before the join.
      if (epoch >= joined.epoch && isFor(socket, cursor, epoch, frame)) socket.write(head + frame.body);
    }
  }

  /** A subscription found again after hibernation. */
  restore(room: string, socket: S): void {
    this.#put(room, socket, RESTORED);
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
    const repeats = epoch === entry.epoch && (frames[0]?.seq ?? 0) <= entry.seq;
    const fresh = repeats ? frames.filter((frame) => frame.seq > entry.seq) : frames;
    const first = fresh[0];
    const last = fresh.at(-1);
    if (first === undefined || last === undefined) return true;
    entry.epoch = epoch;
    entry.seq = last.seq;
    const forAll = fresh.every((frame) => frame.socketId === undefined);
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
      if (forAll && (subscription.epoch !== epoch || subscription.seq < first.seq)) {
        for (const text of texts) socket.write(text);
        continue;
      }
      for (const [index, frame] of fresh.entries()) {
        const text = texts[index];
        if (text !== undefined && isFor(socket, subscription, epoch, frame)) socket.write(text);
      }
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

const isFor = (
  socket: AnySocket,
  subscription: Extract<Subscription, { status: "joined" }>,
  epoch: number,
  frame: Frame,
): boolean =>
  (frame.socketId === undefined || frame.socketId === socket.id) &&
  (subscription.epoch !== epoch || frame.seq > subscription.seq);
