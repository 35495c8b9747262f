import { type BackendRequest, isRequestName } from "../backends/backend.ts";
import { clientEvent } from "../events/catalogue.ts";
import { issuesOf } from "../events/envelope.ts";
import type { Clock } from "../lib/clock.ts";
import type { SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";
import { refuseInvalid } from "./refusals.ts";
import type { Requests } from "./requests.ts";
import type { RoomRequests } from "./room-requests.ts";
import type { SocketData } from "./socket-data.ts";

export interface DispatchDeps {
  readonly rooms: RoomRequests;
  readonly requests: Requests;
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
    // All payloads have passed the catalogue's schema.
    case "subscribe":
      deps.rooms.subscribe(socket, (payload.data as { room: string }).room, ack);
      return;
    case "unsubscribe":
      deps.rooms.unsubscribe(socket, (payload.data as { room: string }).room, ack);
      return;
    default:
      if (!isRequestName(name)) throw new Error(`The catalogue does not say what answers ${name}.`);
      deps.requests.request(socket, name, payload.data as BackendRequest["payload"], ack);
  }
};
