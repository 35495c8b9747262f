import type { CloseReason, OutgoingPacket, Transport } from "../engineio/transport.ts";

/** The close code of RFC 6455 (section 7.4.1) that says why, as far as one does. */
export const CLOSE_CODES: Record<CloseReason, number> = {
  "transport close": 1000,
  "forced close": 1000,
  "transport error": 1001,
  "ping timeout": 1001,
  "parse error": 1002,
  "connect timeout": 1008,
  "payload too large": 1009,
};

/** The part of a hibernatable WebSocket that the transport uses. */
export interface HibernatableWebSocket {
  send(message: string | ArrayBuffer | ArrayBufferView): void;
  close(code: number, reason: string): void;
  serializeAttachment(attachment: unknown): void;
}

/** A session on a hibernatable WebSocket: its state lives in the socket's attachment (at most 16,384 bytes). */
export class WebSocketTransport implements Transport {
  readonly name = "websocket";
  readonly #webSocket: HibernatableWebSocket;
  readonly #autoResponseAt: () => Date | null;

  constructor(webSocket: HibernatableWebSocket, autoResponseAt: () => Date | null) {
    this.#webSocket = webSocket;
    this.#autoResponseAt = autoResponseAt;
  }

  send(packet: OutgoingPacket): void {
    try {
      this.#webSocket.send(packet);
    } catch {
      // Closing already; its close event ends the session.
    }
  }

  close(reason: CloseReason): void {
    // A peer that is gone answers no close: the object may wake with this socket still there.
    this.#webSocket.serializeAttachment(null);
    this.#webSocket.close(CLOSE_CODES[reason], reason);
  }

  abort(reason: CloseReason): void {
    this.close(reason);
  }

  save(state: unknown): void {
    this.#webSocket.serializeAttachment(state);
  }

  lastPongAt(): number | undefined {
    return this.#autoResponseAt()?.getTime();
  }
}
