import { DurableObject } from "cloudflare:workers";
import { configOf, type Env } from "../env.ts";
import { sleep } from "../lib/after.ts";
import { describeError, log } from "../lib/log.ts";
import { callRetrying } from "../lib/rpc.ts";
import type { Joined, MembershipOp, Publication, RoomRpc } from "./protocol.ts";
import { RoomCore } from "./room.ts";
import { SqlSubscriberStore } from "./subscriber-store.ts";

/** One room. Named `user:<id>` or `market:<SYMBOL>`; see docs/architecture.md. */
export class Room extends DurableObject<Env> implements RoomRpc {
  readonly #core: RoomCore;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { name } = ctx.id;
    if (name === undefined) throw new Error("A room is addressed by name.");
    // Later lives of the room have later epochs.
    const epoch = Date.now();
    this.#core = new RoomCore({
      name,
      epoch,
      store: new SqlSubscriberStore(ctx.storage.sql),
      deliver: (gateway, frames) =>
        callRetrying(() => env.GATEWAYS.getByName(gateway).deliver(name, epoch, frames), sleep),
      onLost: (gateway, frames, error) =>
        log("error", "frames_lost", { room: name, gateway, frames, error: describeError(error) }),
      presenceLimit: configOf(env).PRESENCE_LIMIT,
      clock: Date.now,
    });
  }

  async update(gateway: string, ops: readonly MembershipOp[]): Promise<(Joined | undefined)[]> {
    return this.#core.update(gateway, ops);
  }

  async publish(publications: readonly Publication[]): Promise<void> {
    this.#core.publish(publications);
  }
}
