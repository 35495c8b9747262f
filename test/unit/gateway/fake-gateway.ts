import type { Authenticate } from "../../../src/auth/authenticate.ts";
import type { Session } from "../../../src/engineio/session.ts";
import { RealtimeApplication } from "../../../src/gateway/application.ts";
import { type FlowDeps, Flows } from "../../../src/gateway/flow.ts";
import type { HandshakeContext } from "../../../src/gateway/handshake-context.ts";
import { Memberships } from "../../../src/gateway/memberships.ts";
import { RequestRegister } from "../../../src/gateway/request-register.ts";
import { Requests, type RequestsDeps } from "../../../src/gateway/requests.ts";
import type { SocketData } from "../../../src/gateway/socket-data.ts";
import { Subscriptions } from "../../../src/gateway/subscriptions.ts";
import { after } from "../../../src/lib/after.ts";
import type { Connected } from "../../../src/rooms/protocol.ts";
import { SocketServer } from "../../../src/socketio/server.ts";
import type { Socket } from "../../../src/socketio/socket.ts";
import {
  engineFor,
  FakeClock,
  FakeTimers,
  FakeTransport,
  ScriptedRooms,
  settled,
} from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";

/**
 * The whole gateway over scripted rooms. Token `t` is user `u`'s; ids are `id1`, …: first a socket's own, then the
 * private one proposed for it, then those of its requests.
 */
export class FakeGateway {
  readonly rooms = new ScriptedRooms();
  readonly clock = new FakeClock(1_234);
  readonly subscriptions = new Subscriptions<Socket<SocketData>>({
    onLogged: (socket, logged) => {
      socket.data = { ...socket.data, logged };
      socket.save();
    },
  });
  readonly logged: unknown[][] = [];
  readonly credentials: string[] = [];
  /** What `authenticate` answers. */
  answer: Awaited<ReturnType<Authenticate>> = { ok: true, value: { kind: "jwt", userId: "u" } };
  readonly timers = new FakeTimers();
  readonly requests: Requests;
  readonly engine;
  readonly application;

  /** `requests`: how they are answered; storage that outlives the object, with `storage`. */
  constructor(
    maxRoomsPerSocket = 100,
    {
      storage = new TestStorage(),
      window = 1_000_000,
      sleep = async () => {},
      ...requests
    }: Partial<RequestsDeps & FlowDeps> & { storage?: TestStorage } = {},
  ) {
    let ids = 0;
    const createId = () => `id${++ids}`;
    const flows = new Flows({ window, clock: this.clock.read, sleep });
    const flowOf = (session: Session) => flows.of(session);
    this.requests = new Requests({
      register: new RequestRegister(storage.sql),
      start: () => new Promise(() => {}),
      publish: async () => {},
      onUntold: () => {},
      maxRequestsPerSocket: 10,
      maxRequestsPerUser: 50,
      timeoutMs: 300_000,
      flowOf,
      applications: ["demo"],
      createId,
      after: this.timers.after,
      log: (...line) => void this.logged.push(line),
      ...requests,
    });
    const memberships = new Memberships({
      register: {
        all: () => [],
        stale: () => [],
        add: () => {},
        mark: () => {},
        remove: () => {},
      },
      holds: (room) => this.subscriptions.holds(room),
      truth: () => undefined,
      update: this.rooms.update,
      onStale: () => {},
    });
    this.application = new RealtimeApplication({
      authenticate: async (credential) => {
        this.credentials.push(credential);
        return this.answer;
      },
      subscriptions: this.subscriptions,
      memberships,
      requests: this.requests,
      flowOf,
      maxRoomsPerSocket,
      maxEventsPerSecond: 1_000,
      createId,
      clock: this.clock.read,
      log: (...line) => void this.logged.push(line),
    });
    const server: SocketServer<SocketData> = new SocketServer({
      after,
      application: this.application,
      createId,
      closeSession: (session, reason) => this.engine.close(session, reason),
      onError: (error) => {
        throw error;
      },
    });
    this.engine = engineFor(server, this.clock);
  }

  open(context: HandshakeContext = {}): FakeClient {
    const transport = new FakeTransport();
    const session = this.engine.open(transport, `s${this.engine.sessions.size}`, context);
    transport.take();
    return new FakeClient(this, transport, session);
  }

  /** A client that is connected and knows it; `connected` is what its personal room answers. */
  async connect(connected: Partial<Connected> = {}): Promise<FakeClient> {
    const client = this.open({ principal: { kind: "jwt", userId: "u" } });
    client.send("40");
    await settled();
    await this.rooms.answer(connected);
    client.transport.take();
    return client;
  }
}

export class FakeClient {
  readonly gateway: FakeGateway;
  readonly transport: FakeTransport;
  readonly session;

  constructor(
    gateway: FakeGateway,
    transport: FakeTransport,
    session: ReturnType<FakeGateway["engine"]["open"]>,
  ) {
    this.gateway = gateway;
    this.transport = transport;
    this.session = session;
  }

  send(frame: string): void {
    this.gateway.engine.receive(this.session, frame);
  }

  /** Emits an event, with an ack id if one is given. */
  emit(name: string, payload?: unknown, ackId: number | "" = ""): void {
    this.send(`42${ackId}${JSON.stringify(payload === undefined ? [name] : [name, payload])}`);
  }

  /** What the client got since it last looked: events as arrays, acks as `{id, data}`. */
  take(): unknown[] {
    return this.transport.take().map((packet) => {
      const match = /^4([23])(\d*)(\[.*)$/.exec(String(packet));
      if (match === null) return packet;
      const data: unknown = JSON.parse(match[3] ?? "");
      return match[1] === "2" ? data : { id: Number(match[2]), data };
    });
  }
}
