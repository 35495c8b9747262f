import { EngineServer } from "../../../src/engineio/server.ts";
import type { Session, SessionState } from "../../../src/engineio/session.ts";
import type { OutgoingPacket, Transport } from "../../../src/engineio/transport.ts";
import { RealtimeApplication } from "../../../src/gateway/application.ts";
import { Flows } from "../../../src/gateway/flow.ts";
import { Memberships } from "../../../src/gateway/memberships.ts";
import { RequestRegister } from "../../../src/gateway/request-register.ts";
import { Requests } from "../../../src/gateway/requests.ts";
import { memberOf, type SocketData } from "../../../src/gateway/socket-data.ts";
import { Subscriptions } from "../../../src/gateway/subscriptions.ts";
import { callRetrying } from "../../../src/lib/rpc.ts";
import type { MembershipOp } from "../../../src/rooms/protocol.ts";
import { SocketServer } from "../../../src/socketio/server.ts";
import type { Socket } from "../../../src/socketio/socket.ts";
import { ENGINE_CONFIG } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";
import type { World } from "./recovery-model.ts";
import { CLOSED, type Client } from "./recovery-model-client.ts";
import type { Lane, Life } from "./recovery-model-network.ts";

const { pingInterval, pingTimeout } = ENGINE_CONFIG;

/** Clients of the model make no requests. */
const NO_REQUESTS = new RequestRegister(new TestStorage().sql);

/** Without an event for so long the platform takes an object out of memory. */
const IDLE_MS = 10_000;

/** How a gateway hears of a connection that its client has lost. */
export type Notice = "now" | "later" | "timeout";

/** A WebSocket with its attachment. */
export class Connection implements Transport {
  readonly name = "websocket";
  readonly gateway: Gateway;
  readonly up: Lane<string | typeof CLOSED>;
  readonly down: Lane<string | typeof CLOSED>;
  readonly #client: Client;
  #gone = false;
  saved: SessionState | undefined;
  /** Which connection of its socket this is. */
  number = 0;
  /** When pings tell the gateway of a client that has gone without a word. */
  silentAt: number | undefined;

  constructor(world: World, gateway: Gateway, client: Client) {
    this.gateway = gateway;
    this.#client = client;
    this.up = world.network.lane((message) => gateway.receive(this, message));
    this.down = world.network.lane((message) => {
      if (!this.#gone) client.receive(message);
    });
  }

  /** The client loses the connection. */
  drop(notice: Notice): void {
    this.#gone = true;
    this.down.waiting.length = 0;
    this.#client.down();
    if (notice === "later") {
      this.up.waiting.push(CLOSED);
      return;
    }
    this.up.waiting.length = 0;
    if (notice === "now") this.gateway.receive(this, CLOSED);
    else this.silentAt = this.gateway.world.now + pingInterval + pingTimeout;
  }

  send(packet: OutgoingPacket): void {
    const text = String(packet);
    if (!this.#gone && text.startsWith("4")) this.down.waiting.push(text);
  }

  close(): void {
    this.saved = undefined;
    this.gateway.connections.delete(this);
    this.up.waiting.length = 0;
    if (!this.#gone) this.down.waiting.push(CLOSED);
  }

  abort(): void {
    this.close();
  }

  save(state: SessionState): void {
    this.saved = structuredClone(state);
    const { sockets } = state.application as { sockets: { data: SocketData }[] };
    this.number = sockets[0]?.data.connection ?? 0;
  }

  lastPongAt(): undefined {
    return undefined;
  }
}

/** A gateway's object: what outlives its memory. */
export class Gateway {
  readonly world: World;
  readonly name: string;
  readonly connections = new Set<Connection>();
  /** Rooms, and whether they are stale. */
  readonly register = new Map<string, boolean>();
  reconcileAt: number | undefined;
  /** When its ping alarm starts it again after a crash. */
  startAt: number | undefined;
  activeAt = 0;
  #life: GatewayLife | undefined;
  #before: GatewayLife | undefined;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
  }

  /** The object in memory: it is started by whatever comes for it. */
  get life(): GatewayLife {
    this.activeAt = this.world.now;
    this.startAt = undefined;
    if (this.#life === undefined) {
      if (this.#before !== undefined) this.#before.replaced = true;
      this.#life = new GatewayLife(this);
      this.#before = this.#life;
      this.#life.start();
    }
    return this.#life;
  }

  open(client: Client): void {
    const connection = new Connection(this.world, this, client);
    client.connection = connection;
    this.connections.add(connection);
    this.life.open(connection, client.userId);
    connection.up.waiting.push(client.connect);
  }

  receive(connection: Connection, message: string | typeof CLOSED): void {
    if (this.connections.has(connection)) this.life.receive(connection, message);
  }

  /** Memory and connections are gone. */
  crash(): void {
    if (this.#life === undefined) return;
    this.#life.dead = true;
    this.#life = undefined;
    for (const connection of [...this.connections]) connection.close();
    this.startAt = this.world.now + pingInterval;
  }

  /** Memory is gone, if it is idle. */
  hibernate(): void {
    if (this.#life === undefined || this.#life.busy > 0) return;
    if (this.world.now - this.activeAt < IDLE_MS) return;
    this.#life.dead = true;
    this.#life = undefined;
    // Sessions that were not established have ended long before.
    for (const connection of [...this.connections]) if (connection.saved === undefined) connection.close();
  }
}

/** One life of a gateway's object: wired as in `gateway-do.ts`. */
export class GatewayLife implements Life {
  dead = false;
  replaced = false;
  busy = 0;
  readonly subscriptions = new Subscriptions<Socket<SocketData>>({
    onLogged: (socket, logged) => {
      socket.data = { ...socket.data, logged };
      socket.save();
    },
  });
  readonly memberships: Memberships;
  readonly engine: EngineServer;
  readonly #gateway: Gateway;
  readonly #application: RealtimeApplication;
  readonly #sessions = new Map<Connection, Session>();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    const { world, name, register } = gateway;
    const { createId } = world;
    const clock = () => world.now;
    this.memberships = new Memberships({
      register: {
        all: () => [...register.keys()],
        stale: () => [...register].filter(([, stale]) => stale).map(([room]) => room),
        add: (room) => void register.set(room, register.get(room) ?? false),
        mark: (room, stale) => void (register.has(room) && register.set(room, stale)),
        remove: (room) => void register.delete(room),
      },
      holds: (room) => this.subscriptions.holds(room),
      truth: (room) => this.#truth(room),
      update: (room, ops) =>
        callRetrying(
          () => world.network.call(this, () => world.room(room).update(name, ops)),
          (ms) => world.sleep(this, ms),
        ),
      onStale: () => {
        gateway.reconcileAt ??= world.now + pingInterval;
      },
    });
    const flows = new Flows({
      window: Number.POSITIVE_INFINITY,
      clock,
      sleep: (ms) => world.sleep(this, ms),
    });
    const flowOf = (session: Session) => flows.of(session);
    this.#application = new RealtimeApplication({
      authenticate: async () => ({ ok: false, error: { kind: "invalid", reason: "none is sent" } }),
      subscriptions: this.subscriptions,
      memberships: this.memberships,
      requests: new Requests({
        register: NO_REQUESTS,
        start: () => new Promise(() => {}),
        publish: async () => {},
        onUntold: () => {},
        maxRequestsPerSocket: 1,
        maxRequestsPerUser: 1,
        timeoutMs: 1_000,
        flowOf,
        applications: [],
        createId,
        after: (ms, run) => world.after(this, ms, run),
        log: () => {},
      }),
      flowOf,
      maxRoomsPerSocket: 100,
      maxEventsPerSecond: 1_000_000,
      createId,
      clock,
      log: () => {},
    });
    const server: SocketServer<SocketData> = new SocketServer({
      application: this.#application,
      createId,
      closeSession: (session, reason) => this.engine.close(session, reason),
      onError: (error) => {
        world.faults.push(`connect failed: ${error}`);
      },
      after: (ms, run) => world.after(this, ms, run),
    });
    this.engine = new EngineServer(ENGINE_CONFIG, server, clock);
  }

  start(): void {
    for (const connection of this.#gateway.connections) {
      if (connection.saved === undefined) continue;
      const session = this.engine.restore(connection, connection.saved, undefined);
      this.#sessions.set(connection, session);
    }
    this.memberships.findStale();
    if (this.memberships.stale.size > 0) this.#gateway.reconcileAt = this.#gateway.world.now;
  }

  open(connection: Connection, userId: string): void {
    const context = { principal: { kind: "jwt", userId } };
    this.#sessions.set(connection, this.engine.open(connection, this.#gateway.world.createId(), context));
  }

  receive(connection: Connection, message: string | typeof CLOSED): void {
    const session = this.#sessions.get(connection);
    if (session === undefined) return;
    if (message !== CLOSED) {
      this.engine.receive(session, message);
      return;
    }
    this.#sessions.delete(connection);
    this.#gateway.connections.delete(connection);
    this.engine.transportClosed(session, "transport close");
  }

  silent(connection: Connection): void {
    const session = this.#sessions.get(connection);
    if (session !== undefined) this.engine.abort(session, "ping timeout");
  }

  supersede(room: string, socketId: string, connection: number): void {
    for (const { session } of this.#application.supersede(room, socketId, connection)) {
      this.engine.abort(session, "forced close");
    }
  }

  async reconcile(): Promise<void> {
    const failed = await this.memberships.reconcile(200);
    const waiting = this.memberships.stale.size;
    if (waiting === 0 || this.dead) return;
    this.#gateway.reconcileAt = this.#gateway.world.now + (waiting > failed ? 0 : pingInterval);
  }

  #truth(room: string): MembershipOp[] | undefined {
    const sockets = this.subscriptions.members(room);
    if (sockets.some(({ data }) => data.connection === 0)) return undefined;
    const sync: MembershipOp = { op: "sync", members: sockets.map(memberOf) };
    if (!room.startsWith("user:")) return [sync];
    const subscriptions = sockets.map((socket): MembershipOp => {
      const symbols = this.#application.rooms.symbolsOf(socket);
      return { op: "subscriptions", socketId: socket.id, connection: socket.data.connection, symbols };
    });
    return [sync, ...subscriptions];
  }
}
