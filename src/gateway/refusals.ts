import type { ErrorEnvelope, ValidationError, ValidationIssue } from "../events/envelope.ts";
import type { SocketEvent } from "../socketio/server.ts";
import type { Socket } from "../socketio/socket.ts";

/** Longest event name repeated to the client that sent it. */
const MAX_NAME_CHARS = 100;

/** Refuses a client's event: emits `event` with the error, and gives an acknowledgement `{error}`. */
export const refuse = (
  socket: Pick<Socket<unknown>, "emit">,
  event: string,
  error: ErrorEnvelope,
  ack: SocketEvent["ack"],
): void => {
  socket.emit(event, error);
  ack?.({ error });
};

/** Refuses a client's event called `name` for what it carries (ERR-1). */
export const refuseInvalid = (
  socket: Pick<Socket<unknown>, "emit">,
  name: string,
  issues: ValidationIssue[],
  ack: SocketEvent["ack"],
  message = `The payload of ${name} is not valid.`,
): void => {
  const error: ValidationError = {
    code: "VALIDATION_FAILED",
    message,
    event: name.slice(0, MAX_NAME_CHARS).toWellFormed(),
    issues,
  };
  refuse(socket, "validation_error", error, ack);
};
