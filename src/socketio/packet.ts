/** Socket.IO v5 packets: <https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>. */

/** The event's name, then its arguments. Binary arguments, at any depth, are Uint8Array values. */
export type EventData = [name: string | number, ...args: unknown[]];

/**
 * One whole Socket.IO packet. BINARY_EVENT and BINARY_ACK are forms of the wire only: here they are "event" and
 * "ack" with Uint8Array values in their data.
 *
 * `nsp` is "/" for the main namespace and is otherwise the raw text, with the query string that older clients append
 * (`/admin?token=1`).
 */
export type Packet =
  | { type: "connect"; nsp: string; data?: Record<string, unknown> }
  | { type: "disconnect"; nsp: string }
  | { type: "event"; nsp: string; id?: number; data: EventData }
  | { type: "ack"; nsp: string; id: number; data: unknown[] }
  | { type: "connect_error"; nsp: string; data: string | Record<string, unknown> };

/** Names that mean something to the client or server libraries themselves, and so are never events. */
export const RESERVED_EVENTS: ReadonlySet<string | number> = new Set([
  "connect",
  "connect_error",
  "disconnect",
  "disconnecting",
  "newListener",
  "removeListener",
]);
