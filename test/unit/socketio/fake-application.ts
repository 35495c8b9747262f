import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import type {
  ConnectRequest,
  ConnectVerdict,
  DisconnectReason,
  SocketApplication,
  SocketEvent,
  Welcome,
} from "../../../src/socketio/server.ts";
import { SocketServer } from "../../../src/socketio/server.ts";
import type { Socket } from "../../../src/socketio/socket.ts";
import { Deferred, engineFor, FakeTimers, FakeTransport, settled } from "../../support/fakes.ts";

export interface Data {
  readonly user: string;
}

/** Decides when the test says so, and records what it is told. */
export class FakeApplication implements SocketApplication<Data> {
  readonly namespaces = new Set(["/", "/ws"]);
  readonly requests: {
    readonly request: ConnectRequest;
    readonly verdict: Deferred<ConnectVerdict<Data>>;
  }[] = [];
  readonly joins: {
    readonly socket: Socket<Data>;
    readonly auth: ConnectRequest["auth"];
    readonly done: Deferred<Welcome | undefined>;
  }[] = [];
  readonly restored: Socket<Data>[] = [];
  readonly events: { readonly socket: Socket<Data>; readonly event: SocketEvent }[] = [];
  readonly disconnects: (readonly [string, DisconnectReason])[] = [];

  authenticate(request: ConnectRequest): Promise<ConnectVerdict<Data>> {
    const verdict = new Deferred<ConnectVerdict<Data>>();
    this.requests.push({ request, verdict });
    return verdict.promise;
  }

  join(socket: Socket<Data>, auth: ConnectRequest["auth"]): Promise<Welcome | undefined> {
    const done = new Deferred<Welcome | undefined>();
    this.joins.push({ socket, auth, done });
    return done.promise;
  }

  restore(socket: Socket<Data>): void {
    this.restored.push(socket);
  }

  event(socket: Socket<Data>, event: SocketEvent): void {
    this.events.push({ socket, event });
  }

  disconnect(socket: Socket<Data>, reason: DisconnectReason): void {
    this.disconnects.push([socket.id, reason]);
  }
}

export interface Stack {
  readonly application: FakeApplication;
  readonly engine: EngineServer;
  readonly errors: unknown[];
  readonly timers: FakeTimers;
}

/** Engine.IO and Socket.IO over the fake application; socket ids are `sid1`, `sid2`, … */
export const createStack = (application = new FakeApplication()): Stack => {
  const errors: unknown[] = [];
  const timers = new FakeTimers();
  let ids = 0;
  const server: SocketServer<Data> = new SocketServer({
    after: timers.after,
    application,
    createId: () => `sid${++ids}`,
    closeSession: (session, reason) => engine.close(session, reason),
    onError: (error) => void errors.push(error),
  });
  const engine = engineFor(server);
  return { application, engine, errors, timers };
};

/** A client of the stack, with OPEN already taken. */
export const openClient = ({ engine }: Stack): { transport: FakeTransport; session: Session } => {
  const transport = new FakeTransport();
  const session = engine.open(transport, "session", { ip: "here" });
  transport.take();
  return { transport, session };
};

/** Joins a client to the namespace that its CONNECT names, and returns the socket. */
export const connectSocket = async (
  { application, engine }: Stack,
  session: Session,
  connect = "40",
): Promise<Socket<Data>> => {
  engine.receive(session, connect);
  application.requests.at(-1)?.verdict.resolve({ verdict: "accept", data: { user: "u" } });
  await settled();
  const join = application.joins.at(-1);
  if (join === undefined) throw new Error("Nobody joins.");
  join.done.resolve({ connected: () => {} });
  await settled();
  return join.socket;
};
