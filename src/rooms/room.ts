import type { Clock } from "../lib/clock.ts";
import { encodeEventBody } from "../socketio/encode.ts";
import { Outbox } from "./outbox.ts";
import type { Frame, Joined, MembershipOp, Publication } from "./protocol.ts";
import { type SubscriberStore, Subscribers } from "./subscribers.ts";

export interface RoomDeps {
  /** The room's name, `user:<id>` or `market:<SYMBOL>`. */
  readonly name: string;
  /** Names this life of the room: sequence numbers compare within one epoch only. */
  readonly epoch: number;
  readonly store: SubscriberStore;
  /** Delivers to one gateway; see `OutboxDeps`. */
  readonly deliver: (gateway: string, frames: readonly Frame[]) => Promise<boolean>;
  readonly onLost: (gateway: string, frames: number, error: unknown) => void;
  /** Above this many subscribers presence is not sent (ROOM-4). */
  readonly presenceLimit: number;
  readonly clock: Clock;
}

/** A room's subscribers and fan-out. It talks to gateways, never to sockets. */
export class RoomCore {
  readonly #deps: RoomDeps;
  readonly #subscribers: Subscribers;
  readonly #outboxes = new Map<string, Outbox>();
  #seq = 0;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
    this.#subscribers = new Subscribers(deps.store);
  }

  get subscriberCount(): number {
    return this.#subscribers.size;
  }

  /** Applies a gateway's changes in order; see `RoomRpc.update`. */
  update(gateway: string, ops: readonly MembershipOp[]): (Joined | undefined)[] {
    this.#outbox(gateway).changed();
    const answers = ops.map((op) => {
      switch (op.op) {
        case "join":
          return this.#join(gateway, op.socketId, op.userId);
        case "leave":
          this.#leave(gateway, op.socketId);
          return undefined;
        case "sync":
          this.#sync(gateway, op.members);
          return undefined;
        default:
          return op satisfies never;
      }
    });
    if (this.#subscribers.socketsOf(gateway).size === 0) this.#outbox(gateway).clear();
    this.#forgetIdle(gateway);
    this.#flush();
    return answers;
  }

  /** Queues events for every gateway with subscribers, in order. */
  publish(publications: readonly Publication[]): void {
    for (const publication of publications) this.#push(publication);
    this.#flush();
  }

  #join(gateway: string, socketId: string, userId: string): Joined {
    const change = this.#subscribers.add({ gateway, socketId, userId });
    if (change === "user") this.#presence("user_joined_room", userId, this.#subscribers.size);
    // The position is taken after the presence event, so the socket does not hear of itself.
    return { subscriberCount: this.#subscribers.size, epoch: this.#deps.epoch, seq: this.#seq };
  }

  #leave(gateway: string, socketId: string): void {
    const { size } = this.#subscribers;
    const userId = this.#subscribers.userOf(socketId);
    const change = this.#subscribers.remove(gateway, socketId);
    if (change === "user" && userId !== undefined) this.#presence("user_left_room", userId, size);
  }

  #sync(gateway: string, members: readonly { socketId: string; userId: string }[]): void {
    const live = new Set(members.map(({ socketId }) => socketId));
    for (const { socketId, userId } of members) this.#join(gateway, socketId, userId);
    for (const socketId of [...this.#subscribers.socketsOf(gateway)]) {
      if (!live.has(socketId)) this.#leave(gateway, socketId);
    }
  }

  /** `size` is the room's with the user in it: who came unannounced leaves unannounced. */
  #presence(event: "user_joined_room" | "user_left_room", userId: string, size: number): void {
    const { name, presenceLimit, clock } = this.#deps;
    if (size > presenceLimit) return;
    const at = event === "user_joined_room" ? "joinedAt" : "leftAt";
    this.#push({ body: encodeEventBody(event, [{ userId, room: name, [at]: clock() }]) });
  }

  #push({ body, socketId }: Publication): void {
    const seq = ++this.#seq;
    const frame: Frame = socketId === undefined ? { seq, body } : { seq, body, socketId };
    for (const gateway of this.#subscribers.gateways()) this.#outbox(gateway).push(frame);
  }

  #flush(): void {
    for (const outbox of this.#outboxes.values()) outbox.flush();
  }

  /** An outbox is kept while a batch is on its way, so that a gateway that returns gets no second one. */
  #forgetIdle(gateway: string): void {
    if (this.#subscribers.socketsOf(gateway).size > 0) return;
    if (this.#outboxes.get(gateway)?.idle) this.#outboxes.delete(gateway);
  }

  #outbox(gateway: string): Outbox {
    let outbox = this.#outboxes.get(gateway);
    if (outbox === undefined) {
      outbox = new Outbox({
        deliver: (frames) => this.#deps.deliver(gateway, frames),
        onEmpty: () => this.update(gateway, [{ op: "sync", members: [] }]),
        onIdle: () => this.#forgetIdle(gateway),
        onLost: (frames, error) => this.#deps.onLost(gateway, frames, error),
      });
      this.#outboxes.set(gateway, outbox);
    }
    return outbox;
  }
}
