import { EVENT } from "../lib/events.ts";
import { PERSONAL_EVENT } from "../lib/personal-events.ts";
import { readNumber, startsWith } from "./bytes.ts";
import type { ConnectPlan } from "./messages.ts";
import { RawWebSocket } from "./raw-websocket.ts";

export interface LoadSocketOptions {
  readonly url: URL;
  readonly plan: ConnectPlan;
  /** Whether to offer permessage-deflate, as browsers do. A server that takes it fails the socket. */
  readonly offerDeflate: boolean;
  /** Which of the plan's tokens to use. */
  readonly index: number;
  /** Called with each event's timestamp. */
  readonly onEvent: (timestamp: number) => void;
  /** Called with the payload of each text frame, valid during the call only; says whether it is dealt with. */
  readonly onText: (buffer: Buffer, start: number, end: number) => boolean;
  /** Called when the connection ends or breaks the protocol. */
  readonly onFailure: (message: string) => void;
}

/** Room for some hundred frames. */
const READ_BUFFER_BYTES = 16_384;
const MARKET_START = Buffer.from(`42["${EVENT}",`);
const PERSONAL_START = Buffer.from(`42["${PERSONAL_EVENT}",`);
const TIMESTAMP = Buffer.from('"timestamp":');
const PING = 0x32;
const PONG = "3";

/** A client that subscribes, and then only counts: it reads no more of an event than its number. */
export class LoadSocket {
  /** Resolves when every event from now on is received. */
  readonly ready: Promise<void>;
  readonly #options: LoadSocketOptions;
  readonly #webSocket: RawWebSocket;
  readonly #resolve: () => void;
  /** Rooms it has not been told of yet that it is in them. */
  #awaited = 0;

  constructor(options: LoadSocketOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolve = resolve;
    const { url, plan, offerDeflate, onFailure } = options;
    this.#webSocket = new RawWebSocket({
      url,
      path: plan.path,
      offerDeflate,
      readBufferBytes: READ_BUFFER_BYTES,
      onOpen: () => plan.protocol === "plain" && resolve(),
      onText: (...text) => this.#text(...text),
      onEnd: onFailure,
    });
  }

  #text(buffer: Buffer, start: number, end: number): void {
    const { onText, onEvent } = this.#options;
    if (onText(buffer, start, end)) return;
    if (startsWith(buffer, start, MARKET_START) || startsWith(buffer, start, PERSONAL_START)) {
      onEvent(readNumber(buffer, start, end, TIMESTAMP));
    } else if (end - start === 1 && buffer[start] === PING) this.#webSocket.send(PONG);
    else this.#converse(buffer.toString("utf8", start, end));
  }

  /** The few packets between the upgrade and the first event. */
  #converse(packet: string): void {
    const { plan, index } = this.#options;
    if (plan.protocol !== "socket.io") return;
    if (packet.startsWith("0{")) {
      const token = plan.tokens[index % plan.tokens.length];
      this.#webSocket.send(`40${JSON.stringify({ token })}`);
    } else if (packet.startsWith("40{")) {
      const rooms = plan.rooms[index % plan.rooms.length] ?? [];
      this.#awaited = rooms.length;
      for (const room of rooms) this.#webSocket.send(`42${JSON.stringify(["subscribe", { room }])}`);
      if (rooms.length === 0) this.#resolve();
    } else if (packet.startsWith('42["subscribed",')) {
      if (--this.#awaited === 0) this.#resolve();
    } else if (packet.startsWith("44") || packet.startsWith('42["subscribe_error",')) {
      throw new Error(`The server refused: ${packet}`);
    }
  }
}
