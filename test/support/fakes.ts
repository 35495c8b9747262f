import { Budget, type PollingOwner, PollingTransport } from "../../src/engineio/polling.ts";
import { type EngineApplication, EngineServer } from "../../src/engineio/server.ts";
import { Session } from "../../src/engineio/session.ts";
import type { CloseReason, OutgoingPacket, Transport } from "../../src/engineio/transport.ts";
import { CLOSE_CODES } from "../../src/gateway/websocket-transport.ts";
import type { After } from "../../src/lib/after.ts";
import type { Connected, MembershipAnswer, MembershipOp } from "../../src/rooms/protocol.ts";

/** Lets everything run that waits for nothing but other promises. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A promise that the test settles. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** A clock that moves when told to. */
export class FakeClock {
  now: number;

  constructor(now = 1_000_000) {
    this.now = now;
  }

  readonly read = (): number => this.now;
}

/** Timers that run when the test lets time pass. */
export class FakeTimers {
  #now = 0;
  readonly #set = new Set<{ readonly at: number; readonly run: () => void }>();

  readonly after: After = (ms, run) => {
    const timer = { at: this.#now + ms, run };
    this.#set.add(timer);
    return () => void this.#set.delete(timer);
  };

  /** In how many milliseconds each timer runs, soonest first. */
  get pending(): number[] {
    return this.#soonestFirst().map(({ at }) => at - this.#now);
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#soonestFirst()[0];
      if (next === undefined || next.at > end) break;
      this.#now = next.at;
      this.#set.delete(next);
      next.run();
    }
    this.#now = end;
  }

  #soonestFirst() {
    return [...this.#set].sort((a, b) => a.at - b.at);
  }
}

/** A client's end of a session: records all it gets. */
export class FakeTransport implements Transport {
  readonly name = "websocket";
  readonly sent: OutgoingPacket[] = [];
  readonly closes: { readonly code: number; readonly reason: CloseReason }[] = [];
  /** What was saved last, as the platform would give it back. */
  saved: unknown;
  saves = 0;
  pongAt: number | undefined;

  send(packet: OutgoingPacket): void {
    this.sent.push(packet);
  }

  close(reason: CloseReason): void {
    this.closes.push({ code: CLOSE_CODES[reason], reason });
  }

  abort(reason: CloseReason): void {
    this.close(reason);
  }

  save(state: unknown): void {
    this.saves++;
    this.saved = structuredClone(state);
  }

  lastPongAt(): number | undefined {
    return this.pongAt;
  }

  /** What was sent since the last call. */
  take(): OutgoingPacket[] {
    return this.sent.splice(0);
  }
}

/** A polling transport that tells only what the test asks for, and may hold what it likes. */
export const createPolling = (
  owner: Partial<PollingOwner> = {},
  budget = new Budget(Number.POSITIVE_INFINITY, () => {}),
): PollingTransport =>
  new PollingTransport({ overflowed: () => {}, closing: () => {}, closed: () => {}, ...owner }, budget);

/** A body that comes when, and as far as, the test says. */
export class SlowBody {
  controller!: ReadableStreamDefaultController<Uint8Array>;
  cancelled = false;
  readonly stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      this.controller = controller;
    },
    cancel: () => {
      this.cancelled = true;
    },
  });
}

export const ENGINE_CONFIG = {
  pingInterval: 25_000,
  pingTimeout: 20_000,
  connectTimeout: 5_000,
  maxPayload: 1_000_000,
  upgradeTimeout: 10_000,
};

export const createSession = (
  transport: Transport = new FakeTransport(),
  { id = "local-0.s", openedAt = 0 }: { id?: string; openedAt?: number } = {},
): Session => new Session(transport, { id, openedAt, established: false, pongAt: 0, application: undefined });

/** Records what the engine tells it. */
export class RecordingApplication implements EngineApplication {
  readonly log: unknown[][] = [];

  open(session: Session, context: unknown): void {
    this.log.push(["open", session.id, context]);
  }

  restore(session: Session): void {
    this.log.push(["restore", session.id, session.application]);
  }

  message(session: Session, data: string | Uint8Array): void {
    this.log.push(["message", session.id, data]);
  }

  close(session: Session, reason: CloseReason): void {
    this.log.push(["close", session.id, reason]);
  }
}

/** An engine around an application that needs one to close sessions. */
export const engineFor = (application: EngineApplication, clock = new FakeClock()): EngineServer =>
  new EngineServer(ENGINE_CONFIG, application, clock.read);

export interface UpdateCall {
  readonly room: string;
  readonly ops: readonly MembershipOp[];
  readonly answer: Deferred<MembershipAnswer[]>;
}

/** Rooms as a gateway sees them: every update waits until the test answers it. */
export class ScriptedRooms {
  readonly calls: UpdateCall[] = [];

  readonly update = (room: string, ops: readonly MembershipOp[]): Promise<MembershipAnswer[]> => {
    const answer = new Deferred<MembershipAnswer[]>();
    this.calls.push({ room, ops, answer });
    return answer.promise;
  };

  /** Answers the oldest call: its joins get this position, who connects is new but for this, other ops get nothing. */
  async answer(answer: Partial<Connected> = {}): Promise<UpdateCall> {
    const call = this.next();
    call.answer.resolve(call.ops.map((op) => answerTo(op, answer)));
    await settled();
    return call;
  }

  async fail(error: unknown = new Error("unreachable")): Promise<UpdateCall> {
    const call = this.next();
    call.answer.reject(error);
    await settled();
    return call;
  }

  /** Answers all there is, and what follows from it, in the same way. */
  async answerAll(answer: Partial<Connected> = {}): Promise<UpdateCall[]> {
    const answered: UpdateCall[] = [];
    while (this.calls.length > 0) answered.push(await this.answer(answer));
    return answered;
  }

  next(): UpdateCall {
    const call = this.calls.shift();
    if (call === undefined) throw new Error("No update is waiting for an answer.");
    return call;
  }
}

const answerTo = (op: MembershipOp, answer: Partial<Connected>): MembershipAnswer => {
  const joined = { subscriberCount: 1, epoch: 1, seq: 0 };
  if (op.op === "join") return { ...joined, ...answer };
  if (op.op !== "connect") return undefined;
  const { socketId, pid } = op;
  const created = { recovered: false, socketId, pid, connection: 1, symbols: [], missed: [], logged: 0 };
  return { ...joined, ...created, ...answer };
};
