import { clientEvent } from "../events/catalogue.ts";
import type { ClientEvent, Family } from "../events/define.ts";
import {
  type ErrorEnvelope,
  issuesOf,
  type ValidationError,
  type ValidationIssue,
} from "../events/envelope.ts";
import type { Clock } from "../lib/clock.ts";
import type { SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import type { RoomRequests } from "./room-requests.ts";
import type { SocketData } from "./socket-data.ts";

export interface DispatchDeps {
  readonly rooms: RoomRequests;
  /** Makes the id of a request. */
  readonly createId: () => string;
  readonly clock: Clock;
}

/** Longest event name repeated to the client that sent it. */
const MAX_NAME_CHARS = 100;

/** Checks a client's event against the catalogue and does what it asks. */
export const dispatch = (socket: Socket<SocketData>, event: SocketEvent, deps: DispatchDeps): void => {
  const { name, args, ack } = event;
  const definition = clientEvent(name);
  if (definition === undefined) {
    invalid(socket, event, "There is no such event.", [{ path: "", message: "Unknown event" }]);
    return;
  }
  const payload = definition.schema.safeParse(args[0]);
  if (!payload.success || args.length > 1) {
    const issues = payload.success
      ? [{ path: "", message: "Expected one payload" }]
      : issuesOf(payload.error);
    invalid(socket, event, `The payload of ${name} is not valid.`, issues);
    return;
  }
  switch (name) {
    case "ping": {
      const answer = { timestamp: deps.clock() };
      socket.emit("pong", answer);
      ack?.(answer);
      return;
    }
    // Both payloads have passed the catalogue's schema.
    case "subscribe":
      deps.rooms.subscribe(socket, (payload.data as { room: string }).room, ack);
      return;
    case "unsubscribe":
      deps.rooms.unsubscribe(socket, (payload.data as { room: string }).room, ack);
      return;
    default:
      unanswered(socket, definition, payload.data, ack, deps.createId);
  }
};

const invalid = (
  socket: Socket<SocketData>,
  { name, ack }: SocketEvent,
  message: string,
  issues: ValidationIssue[],
): void => {
  const error: ValidationError = {
    code: "VALIDATION_FAILED",
    message,
    event: name.slice(0, MAX_NAME_CHARS).toWellFormed(),
    issues,
  };
  socket.emit("validation_error", error);
  ack?.({ error });
};

/** The ids that a family's error event carries beside the envelope (ERR-1). */
const errorIds: Partial<Record<Family, (payload: unknown, createId: () => string) => object>> = {
  query: (_, createId) => ({ queryId: createId() }),
  compliance: (_, createId) => ({ jobId: createId() }),
  chat: (payload) => ({ conversationId: (payload as { conversationId: string }).conversationId }),
};

/** Requests need a backend, and none is configured. */
const unanswered = (
  socket: Socket<SocketData>,
  { name, family, error }: ClientEvent,
  payload: unknown,
  ack: SocketEvent["ack"],
  createId: () => string,
): void => {
  if (error === undefined) throw new Error(`The catalogue names no error event for ${name}.`);
  const envelope: ErrorEnvelope = {
    code: "INTERNAL",
    message: `No backend is configured to answer ${name}.`,
  };
  const failure = { ...errorIds[family]?.(payload, createId), ...envelope };
  socket.emit(error, failure);
  ack?.({ error: failure });
};
