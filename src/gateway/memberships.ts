import { err, ok, type Result } from "../lib/result.ts";
import type { Connected, Joined, MembershipAnswer, MembershipOp } from "../rooms/protocol.ts";

/** Remembers, across the object's death, in which rooms this gateway has sockets. */
export interface RoomRegister {
  all(): string[];
  /** Those whose picture of this gateway may be wrong. */
  stale(): string[];
  add(room: string): void;
  /** Says of a room that is there whether it is stale. */
  mark(room: string, stale: boolean): void;
  remove(room: string): void;
}

export interface MembershipsDeps {
  readonly register: RoomRegister;
  /** Whether this gateway holds sockets in a room now, joining ones included. */
  readonly holds: (room: string) => boolean;
  /** The changes that tell a room all that is true of this gateway's part in it; `undefined` while that is open. */
  readonly truth: (room: string) => MembershipOp[] | undefined;
  /** Tells a room; retries what may be retried, then throws. */
  readonly update: (room: string, ops: readonly MembershipOp[]) => Promise<MembershipAnswer[]>;
  /**
   * A room's picture of this gateway may be wrong until `reconcile` succeeds; with an error, because it could not be
   * told.
   */
  readonly onStale: (room: string, error?: unknown) => void;
}

type Op<Name> = Extract<MembershipOp, { op: Name }>;

/** A room's answer, or that it could not be told: whether it has heard is unknown. */
type Told<Answer> = Result<Answer, "unavailable">;

interface Pending {
  readonly op: MembershipOp;
  readonly settle: (result: Told<MembershipAnswer>) => void;
}

/** Ops in one RPC; a joining storm must not make a message the room cannot take. */
const MAX_BATCH = 500;

/**
 * Tells rooms who joins and leaves. Each room has a queue with one RPC in flight: changes arrive in order,
 * and those made meanwhile go together in the next. The register is written before the first join is sent
 * and cleared after the last leave was heard, so a gateway that lost its sockets knows whom to tell (ROOM-6).
 */
export class Memberships {
  readonly #deps: MembershipsDeps;
  readonly #queues = new Map<string, Pending[]>();
  readonly #registered: Set<string>;
  readonly #stale = new Set<string>();

  constructor(deps: MembershipsDeps) {
    this.#deps = deps;
    this.#registered = new Set(deps.register.all());
  }

  /** To be called once the sockets that outlived the object's memory are back: the other rooms are stale, too. */
  findStale(): void {
    for (const room of this.#deps.register.stale()) this.#stale.add(room);
    for (const room of this.#registered) {
      if (!this.#deps.holds(room)) this.#stale.add(room);
    }
  }

  /** Rooms whose picture of this gateway may be wrong. */
  get stale(): ReadonlySet<string> {
    return this.#stale;
  }

  /** Resolves once the room counts the socket in. */
  async join(room: string, op: Omit<Op<"join">, "op">): Promise<Told<Joined>> {
    this.#register(room);
    // What answers a join.
    return this.#ask<Joined>(room, { op: "join", ...op });
  }

  /** Resolves once the personal room has recovered the socket, or counts it in as a new one. */
  async connect(room: string, op: Omit<Op<"connect">, "op">): Promise<Told<Connected>> {
    this.#register(room);
    // What answers a connect.
    return this.#ask<Connected>(room, { op: "connect", ...op });
  }

  /** Resolves once the personal room would bring the socket back to these rooms. */
  async subscriptions(room: string, op: Omit<Op<"subscriptions">, "op">): Promise<Told<unknown>> {
    return this.#enqueue(room, { op: "subscriptions", ...op });
  }

  /** Tells the room in the background. */
  leave(room: string, { socketId, connection, final }: Omit<Op<"leave">, "op">): void {
    // A socket that left before its room had answered is in no room of this gateway any more.
    this.#register(room);
    void this.#enqueue(room, { op: "leave", socketId, connection, ...(final !== undefined && { final }) });
  }

  /** The room may count sockets that are not here: it will be told. */
  doubt(room: string): void {
    this.#markStale(room);
    this.#deps.onStale(room);
  }

  /** Tells up to `limit` stale rooms the whole truth. Resolves with how many failed again. */
  async reconcile(limit: number): Promise<number> {
    const rooms = [...this.#stale].slice(0, limit);
    for (const room of rooms) this.#stale.delete(room);
    const results = await Promise.all(
      rooms.map(async (room) => {
        const truth = this.#deps.truth(room);
        if (truth === undefined) {
          this.#stale.add(room);
          return false;
        }
        const told = await Promise.all(truth.map((op) => this.#enqueue(room, op)));
        if (!told.every(({ ok }) => ok)) return false;
        if (this.#registered.has(room) && !this.#stale.has(room)) this.#deps.register.mark(room, false);
        return true;
      }),
    );
    return results.filter((ok) => !ok).length;
  }

  async #ask<Answer extends MembershipAnswer>(room: string, op: MembershipOp): Promise<Told<Answer>> {
    const told = await this.#enqueue(room, op);
    if (!told.ok) return told;
    return told.value === undefined ? err("unavailable") : ok(told.value as Answer);
  }

  #markStale(room: string): void {
    this.#stale.add(room);
    this.#deps.register.mark(room, true);
  }

  #register(room: string): void {
    if (this.#registered.has(room)) return;
    this.#registered.add(room);
    this.#deps.register.add(room);
  }

  #enqueue(room: string, op: MembershipOp): Promise<Told<MembershipAnswer>> {
    return new Promise((settle) => {
      const queue = this.#queues.get(room);
      if (queue !== undefined) {
        queue.push({ op, settle });
        return;
      }
      this.#queues.set(room, [{ op, settle }]);
      void this.#drain(room);
    });
  }

  async #drain(room: string): Promise<void> {
    const queue = this.#queues.get(room);
    if (queue === undefined) return;
    while (queue.length > 0) {
      const batch = queue.splice(0, MAX_BATCH);
      try {
        const answers = await this.#deps.update(
          room,
          batch.map(({ op }) => op),
        );
        for (const [index, { settle }] of batch.entries()) settle(ok(answers[index]));
      } catch (error) {
        this.#markStale(room);
        this.#deps.onStale(room, error);
        for (const { settle } of batch) settle(err("unavailable"));
      }
    }
    this.#queues.delete(room);
    if (this.#stale.has(room) || this.#deps.holds(room)) return;
    this.#registered.delete(room);
    this.#deps.register.remove(room);
  }
}
