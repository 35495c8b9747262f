import { type AnswerEvent, acceptedOf, errorBody, errorOf } from "../backends/answer.ts";
import type { BackendRequest, Refusal, RequestName } from "../backends/backend.ts";
import { BROKEN, RETRY_AFTER_S } from "../backends/failures.ts";
import type { Answer } from "../backends/wire.ts";
import type { Session } from "../engineio/session.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";
import { userRoom } from "../events/rooms.ts";
import type { After } from "../lib/after.ts";
import { describeError, type Log } from "../lib/log.ts";
import type { Publication } from "../rooms/protocol.ts";
import type { SocketEvent } from "../socketio/server.ts";
import { eventHead, type Socket } from "../socketio/socket.ts";
import type { Flow } from "./flow.ts";
import { refuse } from "./refusals.ts";
import type { OpenRequest, RequestRegister } from "./request-register.ts";
import type { SocketData } from "./socket-data.ts";

export interface RequestsDeps {
  readonly register: RequestRegister;
  /** Has a request answered, outside this object. Throws when that cannot be reached. */
  readonly start: (request: BackendRequest, signal: AbortSignal) => Promise<Answer>;
  /** Publishes into a personal room; retries what may be retried, then throws. */
  readonly publish: (room: string, publication: Publication) => Promise<void>;
  /** A lost request could not be told of: `tellLost` is to be called, in a while. */
  readonly onUntold: () => void;
  readonly maxRequestsPerSocket: number;
  /** Of all their sockets here. */
  readonly maxRequestsPerUser: number;
  readonly timeoutMs: number;
  readonly flowOf: (session: Session) => Flow;
  /** The applications that are open to users whose token names none. */
  readonly applications: readonly string[];
  readonly createId: () => string;
  readonly after: After;
  readonly log: Log;
}

type Ack = SocketEvent["ack"];

interface Running {
  readonly open: OpenRequest;
  readonly controller: AbortController;
  readonly cancelTimeout: () => void;
}

/** Lost requests told of in one go; a crash may leave thousands. */
const TELL_BATCH = 200;

const LOST: ErrorEnvelope = {
  code: "INTERNAL",
  message: "The connection was lost before the answer was complete. Send the request again.",
};

const UNREACHABLE: ErrorEnvelope = {
  code: "INTERNAL",
  message: "The request could not be started. Send it again.",
  retryAfter: RETRY_AFTER_S,
};

/**
 * The requests of this gateway's sockets, from acceptance to the one terminal event (REQ-1). They are answered
 * elsewhere: what happens here is passing on what comes. Each is in the register while it runs, so that a socket that
 * is recovered, here or elsewhere, hears of those whose answer its former connection, or this object, took with it.
 */
export class Requests {
  readonly #deps: RequestsDeps;
  readonly #running = new Map<Socket<SocketData>, Map<string, Running>>();
  /** Requests in the register that do not run any more. */
  readonly #lost = new Map<string, OpenRequest>();
  /** How many requests run, by user. */
  readonly #users = new Map<string, number>();

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
    for (const open of deps.register.all()) this.#lost.set(open.id, open);
  }

  /** Whether there are lost requests that have not been told of. */
  get hasLost(): boolean {
    return this.#lost.size > 0;
  }

  /** Has a request answered whose payload has passed the catalogue's schema. */
  request<N extends RequestName>(
    socket: Socket<SocketData>,
    event: N,
    payload: BackendRequest<N>["payload"],
    ack: Ack,
  ): void {
    const { createId, maxRequestsPerSocket, maxRequestsPerUser } = this.#deps;
    const { principal } = socket.data;
    const ofSocket = this.#running.get(socket)?.size ?? 0;
    if (ofSocket >= maxRequestsPerSocket || this.#ofUser(principal.userId) >= maxRequestsPerUser) {
      const message = `A socket may have ${maxRequestsPerSocket} requests answered at a time, a user ${maxRequestsPerUser}. Wait for one to end.`;
      refuse(socket, "rate_limit_error", { code: "RATE_LIMITED", message, retryAfter: 1 }, ack);
      return;
    }
    const applications = principal.applications ?? this.#deps.applications;
    const named = "applicationId" in payload ? payload.applicationId : undefined;
    const request: BackendRequest<N> = {
      ...{ id: createId(), event, payload, userId: principal.userId, socketId: socket.id },
      ...{ applicationId: named ?? applications[0] ?? "", applications },
    };
    void this.#run(socket, request as BackendRequest, ack);
  }

  /**
   * The socket is gone: nobody waits for its answers. Unless it is gone for good, it may be recovered, and is told then
   * which requests were lost.
   */
  cancel(socket: Socket<SocketData>, forGood: boolean): void {
    for (const { open, controller } of this.#running.get(socket)?.values() ?? []) {
      this.#stop(socket, open.id);
      controller.abort();
      if (forGood) this.#deps.register.remove(open.id);
      else {
        this.#lost.set(open.id, open);
        void this.#tell(open);
      }
    }
  }

  /** Tells of lost requests, a batch at a time. */
  async tellLost(): Promise<void> {
    const lost = [...this.#lost.values()];
    for (let start = 0; start < lost.length; start += TELL_BATCH) {
      await Promise.all(lost.slice(start, start + TELL_BATCH).map((open) => this.#tell(open)));
    }
  }

  async #run(socket: Socket<SocketData>, request: BackendRequest, ack: Ack): Promise<void> {
    const { start, log } = this.#deps;
    const { id, event } = request;
    let signal: AbortSignal;
    try {
      ({ signal } = this.#begin(socket, request));
    } catch (error) {
      log("error", "request_not_begun", { request: event, id, error: describeError(error) });
      refuseWith(socket, request, UNREACHABLE, ack);
      return;
    }
    let accepted = false;
    try {
      const answer = await start(request, signal);
      if (!this.#runs(socket, id)) return;
      switch (answer.status) {
        case "accepted":
          accepted = true;
          ack?.(acceptedOf(request));
          await this.#passOn(socket, id, answer.events);
          // Without a terminal event, whoever answered has died.
          this.#fail(socket, request, BROKEN);
          break;
        case "deferred":
          this.#end(socket, id);
          ack?.(acceptedOf(request));
          break;
        case "refused":
          this.#end(socket, id);
          this.#refuse(socket, request, answer.refusal, ack);
          break;
        default:
          answer satisfies never;
      }
    } catch (error) {
      if (!this.#runs(socket, id)) return;
      log("error", "request_broken", { request: event, id, error: describeError(error) });
      if (accepted) this.#fail(socket, request, BROKEN);
      else this.#fail(socket, request, UNREACHABLE, ack);
    }
  }

  #begin(socket: Socket<SocketData>, request: BackendRequest): AbortController {
    const { register, after, timeoutMs } = this.#deps;
    const { id, userId, socketId } = request;
    const controller = new AbortController();
    const open: OpenRequest = { id, room: userRoom(userId), socketId, body: errorBody(request, LOST) };
    register.add(open);
    const cancelTimeout = after(timeoutMs, () => {
      const message = `The answer took longer than ${timeoutMs / 1_000} s. Ask for less.`;
      this.#fail(socket, request, { code: "INTERNAL", message });
      controller.abort();
    });
    const running = this.#running.get(socket) ?? new Map<string, Running>();
    this.#running.set(socket, running.set(id, { open, controller, cancelTimeout }));
    this.#users.set(userId, this.#ofUser(userId) + 1);
    return controller;
  }

  async #passOn(socket: Socket<SocketData>, id: string, events: AsyncIterable<AnswerEvent>): Promise<void> {
    const head = eventHead(socket.nsp);
    const flow = this.#deps.flowOf(socket.session);
    for await (const { body, terminal } of events) {
      if (!this.#runs(socket, id)) return;
      if (terminal) this.#end(socket, id);
      socket.write(head + body);
      if (terminal) return;
      flow.sent(body.length);
      if (flow.full !== undefined) await flow.full;
    }
  }

  #refuse(socket: Socket<SocketData>, request: BackendRequest, refusal: Refusal, ack: Ack): void {
    if (refusal.event === "insufficient_credits") {
      const { required, available } = refusal.data;
      const message = `This costs ${required} credits; ${available} are available.`;
      socket.emit(refusal.event, refusal.data);
      ack?.({ error: { code: "UNAUTHORIZED", message, ...refusal.data } });
      return;
    }
    if (refusal.event === "error") refuseWith(socket, request, refusal.data, ack);
    else refuse(socket, refusal.event, refusal.data, ack);
  }

  /** Ends a request that still runs with its family's error event. */
  #fail(socket: Socket<SocketData>, request: BackendRequest, envelope: ErrorEnvelope, ack?: Ack): void {
    if (!this.#runs(socket, request.id)) return;
    this.#end(socket, request.id);
    refuseWith(socket, request, envelope, ack);
  }

  #runs(socket: Socket<SocketData>, id: string): boolean {
    return this.#running.get(socket)?.has(id) ?? false;
  }

  #ofUser(userId: string): number {
    return this.#users.get(userId) ?? 0;
  }

  #stop(socket: Socket<SocketData>, id: string): void {
    const running = this.#running.get(socket);
    running?.get(id)?.cancelTimeout();
    running?.delete(id);
    if (running?.size === 0) this.#running.delete(socket);
    const { userId } = socket.data.principal;
    const left = this.#ofUser(userId) - 1;
    if (left > 0) this.#users.set(userId, left);
    else this.#users.delete(userId);
  }

  /** The terminal event is about to be sent: whatever happens now, no other will be. */
  #end(socket: Socket<SocketData>, id: string): void {
    this.#stop(socket, id);
    this.#deps.register.remove(id);
  }

  /** Once in the personal room's log, the event reaches the socket when it is recovered; its id keeps it single. */
  async #tell({ id, room, socketId, body }: OpenRequest): Promise<void> {
    const { publish, register, onUntold, log } = this.#deps;
    try {
      await publish(room, { id: `request:${id}`, body, delivery: "durable", socketId });
    } catch (error) {
      log("error", "lost_request_untold", { id, error: describeError(error) });
      onUntold();
      return;
    }
    this.#lost.delete(id);
    register.remove(id);
  }
}

/** Refuses a request with its family's error event. */
const refuseWith = (
  socket: Socket<SocketData>,
  request: BackendRequest,
  envelope: ErrorEnvelope,
  ack: Ack,
): void => {
  const { event, data } = errorOf(request, envelope);
  refuse(socket, event, data, ack);
};
