import { clientEvent } from "../events/catalogue.ts";
import type { ClientEvent, Family } from "../events/define.ts";
import { type ErrorEnvelope, issuesOf } from "../events/envelope.ts";
import type { Clock } from "../lib/clock.ts";
import type { SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { refuse, refuseInvalid } from "./refusals.ts";
import type { RoomRequests } from "./room-requests.ts";
import type { SocketData } from "./socket-data.ts";

export interface DispatchDeps {
  readonly rooms: RoomRequests;
  /** Makes the id of a request. */
  readonly createId: () => string;
  readonly clock: Clock;
}

/** Checks a client's event against the catalogue and does what it asks. */
export const dispatch = (socket: Socket<SocketData>, event: SocketEvent, deps: DispatchDeps): void => {
  const { name, args, ack } = event;
  const definition = clientEvent(name);
  if (definition === undefined) {
    const issues = [{ path: "", message: "Unknown event" }];
    refuseInvalid(socket, name, issues, ack, "There is no such event.");
    return;
  }
  const payload = definition.schema.safeParse(args[0]);
  if (!payload.success || args.length > 1) {
    const issues = payload.success
      ? [{ path: "", message: "Expected one payload" }]
      : issuesOf(payload.error);
    refuseInvalid(socket, name, issues, ack);
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
  refuse(socket, error, failure, ack);
};
