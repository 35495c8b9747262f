import { RpcTarget } from "cloudflare:workers";
import { createAuthenticate } from "../auth/authenticate.ts";
import { decodeAnswer } from "../backends/wire.ts";
import type { Session } from "../engineio/session.ts";
import type { Env } from "../env.ts";
import { parseRoom } from "../events/rooms.ts";
import { after, sleep } from "../lib/after.ts";
import { describeError, log } from "../lib/log.ts";
import { ID_LENGTH, randomToken } from "../lib/random.ts";
import { callRetrying } from "../lib/rpc.ts";
import { Busyness, Links } from "../rooms/links.ts";
import type { FanOutRpc, Frame, GatewayRpc, MembershipOp, Relayed } from "../rooms/protocol.ts";
import { SocketServer } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { RealtimeApplication } from "./application.ts";
import { EngineDurableObject } from "./engine-do.ts";
import { Flows } from "./flow.ts";
import { parseContext } from "./handshake-context.ts";
import type { GatewayHost, HostAlarm } from "./host.ts";
import { Memberships } from "./memberships.ts";
import { PATIENCE_MS, relayTo } from "./relay.ts";
import { RequestRegister } from "./request-register.ts";
import { Requests } from "./requests.ts";
import { SqlRoomRegister } from "./room-register.ts";
import { memberOf, type SocketData } from "./socket-data.ts";
import { Subscriptions } from "./subscriptions.ts";

const createId = () => randomToken(ID_LENGTH);

/** Reaches nothing but our own entrypoint. */
const RUNNER_URL = "https://requests/";

/** Rooms told in one go after a crash; the rest follow at once, in turns. */
const RECONCILE_BATCH = 200;

/**
 * - `reconcile`: rooms are to be told which sockets are here
 * - `lost`: sockets are to be told which of their requests were lost
 */
type GatewayAlarm = "reconcile" | "lost";

/** What the other end of a link may call (FAN-5). */
class GatewayLink extends RpcTarget implements FanOutRpc {
  readonly #gateway: FanOutRpc;

  constructor(gateway: FanOutRpc) {
    super();
    this.#gateway = gateway;
  }

  async deliver(...args: Parameters<FanOutRpc["deliver"]>): Promise<boolean> {
    return this.#gateway.deliver(...args);
  }

  async relay(...args: Parameters<FanOutRpc["relay"]>): Promise<Relayed> {
    return this.#gateway.relay(...args);
  }
}

/** Holds client connections. Named `<colo>-<n>`; see docs/architecture.md. */
export class Gateway extends EngineDurableObject<Env, GatewayAlarm> implements GatewayRpc {
  protected readonly host: GatewayHost;
  readonly #subscriptions = new Subscriptions<Socket<SocketData>>({
    onLogged: (socket, logged) => {
      socket.data = { ...socket.data, logged };
      socket.save();
    },
  });
  readonly #memberships: Memberships;
  /** To gateways that this one relays to. */
  readonly #links: Links;
  readonly #called = new Busyness(Date.now);
  readonly #requests: Requests;
  readonly #application: RealtimeApplication;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const { config, name } = this;
    this.#memberships = new Memberships({
      register: new SqlRoomRegister(ctx.storage.sql),
      holds: (room) => this.#subscriptions.holds(room),
      truth: (room) => this.#truth(room),
      update: (room, ops) => callRetrying(() => env.ROOMS.getByName(room).update(name, ops), sleep),
      onStale: (room, error) => {
        if (error !== undefined) {
          log("error", "room_unreachable", { gateway: name, room, error: describeError(error) });
        }
        // One that is due sooner has other rooms to tell.
        this.alarms.ensure("reconcile", Date.now() + config.PING_INTERVAL);
      },
    });
    this.#links = new Links({ gateway: (other) => env.GATEWAYS.getByName(other), clock: Date.now, after });
    const flows = new Flows({ window: config.STREAM_WINDOW, clock: Date.now, sleep });
    const flowOf = (session: Session) => flows.of(session);
    this.#requests = new Requests({
      register: new RequestRegister(ctx.storage.sql),
      start: async (request, signal) =>
        decodeAnswer(
          await ctx.exports.RequestRunner.fetch(RUNNER_URL, {
            method: "POST",
            body: JSON.stringify(request),
            signal,
          }),
        ),
      publish: async (room, publication) => {
        const call = () => env.ROOMS.getByName(room).publish([publication]);
        const [outcome] = await callRetrying(call, sleep);
        if (outcome === "overloaded") throw new Error("The room is overloaded.");
      },
      onUntold: () => this.alarms.ensure("lost", Date.now() + config.PING_INTERVAL),
      maxRequestsPerSocket: config.MAX_REQUESTS_PER_SOCKET,
      maxRequestsPerUser: config.MAX_REQUESTS_PER_USER,
      timeoutMs: config.REQUEST_TIMEOUT,
      flowOf,
      applications: config.APPLICATIONS,
      createId,
      after,
      log,
    });
    this.#application = new RealtimeApplication({
      authenticate: createAuthenticate({ config, apiKeys: env.API_KEYS, clock: Date.now, log }),
      subscriptions: this.#subscriptions,
      memberships: this.#memberships,
      requests: this.#requests,
      flowOf,
      maxRoomsPerSocket: config.MAX_ROOMS_PER_SOCKET,
      maxEventsPerSecond: config.MAX_EVENTS_PER_SECOND,
      createId,
      clock: Date.now,
      log,
    });
    this.host = this.createHost(
      new SocketServer({
        application: this.#application,
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
    if (this.#requests.hasLost) this.alarms.set("lost", Date.now());
  }

  protected override async due(deadline: HostAlarm | GatewayAlarm): Promise<number | undefined> {
    switch (deadline) {
      case "reconcile":
        return this.#reconcile();
      case "lost":
        // Not awaited: a room that does not answer must hold up no heartbeat.
        void this.#requests.tellLost();
        return this.#requests.hasLost ? Date.now() + this.config.PING_INTERVAL : undefined;
      default:
        return this.host.alarm(deadline);
    }
  }

  async deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean> {
    return this.#deliver(room, epoch, frames);
  }

  async relay(
    room: string,
    epoch: number,
    frames: readonly Frame[],
    others: readonly string[],
  ): Promise<Relayed> {
    const deliver = async (gateway: string) =>
      gateway === this.name
        ? this.#deliver(room, epoch, frames)
        : this.#links.call(gateway, (rpc) => rpc.deliver(room, epoch, frames), PATIENCE_MS);
    // The others first: what is sent here holds up what comes after it.
    return relayTo([...others, this.name], deliver, after);
  }

  async link(): Promise<GatewayLink | undefined> {
    return this.#called.count() ? new GatewayLink(this) : undefined;
  }

  async supersede(room: string, socketId: string, connection: number): Promise<void> {
    for (const { session } of this.#application.supersede(room, socketId, connection)) {
      this.host.engine.abort(session, "forced close");
    }
  }

  async #deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean> {
    this.#called.count();
    const held = this.#subscriptions.deliver(room, epoch, frames);
    // The answer lets the room send on. It comes when what was sent is written, as far as clients take it: what waits for
    // longer is better off in the room, where it makes batches and gives way to what is newer.
    await sleep(0);
    return held;
  }

  #truth(room: string): MembershipOp[] | undefined {
    const sockets = this.#subscriptions.members(room);
    // The personal room is about to say who this one is.
    if (sockets.some(({ data }) => data.connection === 0)) return undefined;
    const sync: MembershipOp = { op: "sync", members: sockets.map(memberOf) };
    if (parseRoom(room)?.kind !== "user") return [sync];
    const subscriptions = sockets.map((socket): MembershipOp => {
      const { id: socketId, data } = socket;
      const symbols = this.#application.rooms.symbolsOf(socket);
      return { op: "subscriptions", socketId, connection: data.connection, symbols };
    });
    return [sync, ...subscriptions];
  }

  /** Tells stale rooms; those that fail again are told after a ping interval, the others at once. */
  async #reconcile(): Promise<number | undefined> {
    const failed = await this.#memberships.reconcile(RECONCILE_BATCH);
    const waiting = this.#memberships.stale.size;
    if (waiting === 0) return undefined;
    return Date.now() + (waiting > failed ? 0 : this.config.PING_INTERVAL);
  }
}
