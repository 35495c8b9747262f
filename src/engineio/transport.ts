/** A packet as it goes out: text packets encoded with their type, a binary message as its bytes. */
export type OutgoingPacket = string | Uint8Array;

/** Close codes of RFC 6455 that the server uses. */
export const CLOSE_CODE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  policyViolation: 1008,
  messageTooBig: 1009,
} as const;

export type CloseCode = (typeof CLOSE_CODE)[keyof typeof CLOSE_CODE];

/**
 * How a session's packets reach its client, and where the session's state outlives the object's memory.
 * Long-polling and WebSocket sessions differ in this alone.
 */
export interface Transport {
  readonly name: "websocket";
  /** Sends one packet. A transport that is no longer open swallows it: its close is reported separately. */
  send(packet: OutgoingPacket): void;
  /** Closes; nothing is sent or received afterwards, and `EngineServer.transportClosed` is not called for it. */
  close(code: CloseCode, reason: string): void;
  /** Stores the session's state (structured-cloneable), to be found again after hibernation. */
  save(state: unknown): void;
  /** When the client last answered a ping without waking the object, ms since the epoch. */
  lastPongAt(): number | undefined;
}
