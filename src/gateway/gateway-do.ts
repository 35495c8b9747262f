import { createAuthenticate } from "../auth/authenticate.ts";
import type { Env } from "../env.ts";
import { after, sleep } from "../lib/after.ts";
import { describeError, log } from "../lib/log.ts";
import { ID_LENGTH, randomToken } from "../lib/random.ts";
import { callRetrying } from "../lib/rpc.ts";
import type { Frame, GatewayRpc } from "../rooms/protocol.ts";
import { SocketServer } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { RealtimeApplication } from "./application.ts";
import { EngineDurableObject } from "./engine-do.ts";
import { parseContext } from "./handshake-context.ts";
import type { GatewayHost, HostAlarm } from "./host.ts";
import { Memberships } from "./memberships.ts";
import { SqlRoomRegister } from "./room-register.ts";
import type { SocketData } from "./socket-data.ts";
import { Subscriptions } from "./subscriptions.ts";

const createId = () => randomToken(ID_LENGTH);

/** Rooms told in one go after a crash; the rest follow at once, in turns. */
const RECONCILE_BATCH = 200;

/** Holds client connections. Named `<colo>-<n>`; see docs/architecture.md. */
export class Gateway extends EngineDurableObject<Env, "reconcile"> implements GatewayRpc {
  protected readonly host: GatewayHost;
  readonly #subscriptions = new Subscriptions<Socket<SocketData>>();
  readonly #memberships: Memberships;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { config, name } = this;
    this.#memberships = new Memberships({
      register: new SqlRoomRegister(ctx.storage.sql),
      holds: (room) => this.#subscriptions.holds(room),
      members: (room) =>
        this.#subscriptions
          .members(room)
          .map(({ id, data }) => ({ socketId: id, userId: data.principal.userId })),
      update: (room, ops) => callRetrying(() => env.ROOMS.getByName(room).update(name, ops), sleep),
      onStale: (room, error) => {
        log("error", "room_unreachable", { gateway: name, room, error: describeError(error) });
        // One that is due sooner has other rooms to tell.
        if (this.alarms.at("reconcile") === undefined) {
          this.alarms.set("reconcile", Date.now() + config.PING_INTERVAL);
        }
      },
    });
    const application = new RealtimeApplication({
      authenticate: createAuthenticate({ config, apiKeys: env.API_KEYS, clock: Date.now, log }),
      subscriptions: this.#subscriptions,
      memberships: this.#memberships,
      maxRoomsPerSocket: config.MAX_ROOMS_PER_SOCKET,
      maxEventsPerSecond: config.MAX_EVENTS_PER_SECOND,
      createId,
      clock: Date.now,
      log,
    });
    this.host = this.createHost(
      new SocketServer({
        application,
        createId,
        closeSession: (session, reason) => this.host.engine.close(session, reason),
        onError: (error) => log("error", "connect_failed", { gateway: name, error: describeError(error) }),
        after,
      }),
      parseContext,
    );
    this.host.restore();
    this.#memberships.findStale();
    if (this.#memberships.stale.size > 0) this.alarms.set("reconcile", Date.now());
  }

  protected override async due(deadline: HostAlarm | "reconcile"): Promise<number | undefined> {
    return deadline === "reconcile" ? this.#reconcile() : this.host.alarm(deadline);
  }

  async deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean> {
    return this.#subscriptions.deliver(room, epoch, frames);
  }

  /** Tells stale rooms; those that fail again are told after a ping interval, the others at once. */
  async #reconcile(): Promise<number | undefined> {
    const failed = await this.#memberships.reconcile(RECONCILE_BATCH);
    const waiting = this.#memberships.stale.size;
    if (waiting === 0) return undefined;
    return Date.now() + (waiting > failed ? 0 : this.config.PING_INTERVAL);
  }
}
