/** A packet as it goes out: text packets encoded with their type, a binary message as its bytes. */
export type OutgoingPacket = string | Uint8Array;

/** Why a session ended, in the reference server's words where it has one. */
export type CloseReason =
  | "transport close"
  | "transport error"
  | "ping timeout"
  | "parse error"
  | "payload too large"
  | "connect timeout"
  | "forced close";

export type TransportName = "polling" | "websocket";

/**
 * How a session's packets reach its client, and where the session's state outlives the object's memory.
 * Long-polling and WebSocket sessions differ in this alone.
 */
export interface Transport {
  readonly name: TransportName;
  /** Sends one packet. A transport that is no longer open swallows it: its close is reported separately. */
  send(packet: OutgoingPacket): void;
  /**
   * Closes for the server: the client gets what was sent before, and hears of the end. Nothing is received afterwards,
   * and `EngineServer.transportClosed` is not called for it.
   */
  close(reason: CloseReason): void;
  /** Closes at once, for a client that has ended the session or broken it. Otherwise as `close`. */
  abort(reason: CloseReason): void;
  /** Stores the session's state (structured-cloneable), to be found again after hibernation. */
  save(state: unknown): void;
  /** When the client last answered a ping without waking the object, ms since the epoch. */
  lastPongAt(): number | undefined;
}
