import { DurableObject } from "cloudflare:workers";
import { createAuthenticate } from "../auth/authenticate.ts";
import { configOf, type Env } from "../env.ts";
import { Alarms } from "../lib/alarms.ts";
import { describeError, log } from "../lib/log.ts";
import { ID_LENGTH, randomToken } from "../lib/random.ts";
import { callRetrying } from "../lib/rpc.ts";
import type { Frame, GatewayRpc } from "../rooms/protocol.ts";
import { SocketServer } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { RealtimeApplication } from "./application.ts";
import { decodeContext } from "./handshake-context.ts";
import { GatewayHost, type HostAlarm } from "./host.ts";
import { Memberships } from "./memberships.ts";
import { createSessionId } from "./names.ts";
import { SqlRoomRegister } from "./room-register.ts";
import type { SocketData } from "./socket-data.ts";
import { Subscriptions } from "./subscriptions.ts";

const createId = () => randomToken(ID_LENGTH);
const sleep = (ms: number) => scheduler.wait(ms);

/** Rooms told in one go after a crash; the rest follow at once, in turns. */
const RECONCILE_BATCH = 200;
const ALARM_RETRY_MS = 5_000;

/** Holds client connections. Named `<colo>-<n>`; see docs/architecture.md. */
export class Gateway extends DurableObject<Env> implements GatewayRpc {
  readonly #host: GatewayHost;
  readonly #subscriptions = new Subscriptions<Socket<SocketData>>();
  readonly #memberships: Memberships;
  readonly #alarms: Alarms<HostAlarm | "reconcile">;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = configOf(env);
    const name = ctx.id.name;
    if (name === undefined) throw new Error("A gateway is addressed by name.");
    this.#alarms = new Alarms(ctx.storage);
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
        if (this.#alarms.at("reconcile") === undefined) {
          this.#alarms.set("reconcile", Date.now() + config.PING_INTERVAL);
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
    this.#host = new GatewayHost({
      state: ctx,
      alarms: this.#alarms,
      config: {
        pingInterval: config.PING_INTERVAL,
        pingTimeout: config.PING_TIMEOUT,
        connectTimeout: config.CONNECT_TIMEOUT,
        maxPayload: config.MAX_PAYLOAD,
      },
      maxSessions: config.MAX_SESSIONS_PER_GATEWAY,
      application: new SocketServer({
        application,
        createId,
        closeSession: (session, reason) => this.#host.engine.close(session, reason),
        onError: (error) => log("error", "connect_failed", { gateway: name, error: describeError(error) }),
      }),
      createSessionId: () => createSessionId(name),
      decodeContext,
      clock: Date.now,
      sleep,
    });
    this.#host.restore();
    this.#memberships.findStale();
    if (this.#memberships.stale.size > 0) this.#alarms.set("reconcile", Date.now());
  }

  override fetch(request: Request): Response {
    return this.#host.upgrade(request);
  }

  override webSocketMessage(webSocket: WebSocket, message: string | ArrayBuffer): void {
    this.#host.message(webSocket, message);
  }

  override webSocketClose(webSocket: WebSocket): void {
    this.#host.closed(webSocket, "transport close");
    // Without an answer of our own the TCP connection of a client that closes stays open.
    webSocket.close();
  }

  override webSocketError(webSocket: WebSocket): void {
    this.#host.closed(webSocket, "transport error");
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    for (const name of this.#alarms.takeDue(now, now + ALARM_RETRY_MS)) {
      try {
        const next = await (name === "reconcile" ? this.#reconcile() : this.#host.alarm(name));
        if (next === undefined) this.#alarms.clear(name);
        else this.#alarms.set(name, next);
      } catch (error) {
        // The retry stands: a deadline lost to a failure would be a heartbeat that never beats again.
        log("error", "alarm_failed", { alarm: name, error: describeError(error) });
      }
    }
  }

  async deliver(room: string, epoch: number, frames: readonly Frame[]): Promise<boolean> {
    return this.#subscriptions.deliver(room, epoch, frames);
  }

  /** Tells stale rooms; those that fail again are told after a ping interval, the others at once. */
  async #reconcile(): Promise<number | undefined> {
    const failed = await this.#memberships.reconcile(RECONCILE_BATCH);
    const waiting = this.#memberships.stale.size;
    if (waiting === 0) return undefined;
    return Date.now() + (waiting > failed ? 0 : configOf(this.env).PING_INTERVAL);
  }
}
