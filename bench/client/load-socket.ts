import { randomBytes } from "node:crypto";
import net from "node:net";
import { EVENT } from "../lib/events.ts";
import { readNumber, startsWith } from "./bytes.ts";
import { encodeText, FrameReader, OPCODE } from "./frames.ts";
import type { ConnectPlan } from "./messages.ts";

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

/** Room for some hundred frames; one for each socket, because some platforms fill it ahead of the read. */
const READ_BUFFER_BYTES = 16_384;
const HEAD_END = "\r\n\r\n";
const OFFER = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
const EVENT_START = Buffer.from(`42["${EVENT}",`);
const TIMESTAMP = Buffer.from('"timestamp":');
const PING = 0x32;
const PONG_FRAME = encodeText("3");

/** A raw WebSocket that costs little more than the reads it takes: one process holds thousands. */
export class LoadSocket {
  /** Resolves when every event from now on is received. */
  readonly ready: Promise<void>;
  readonly #options: LoadSocketOptions;
  readonly #socket: net.Socket;
  readonly #frames = new FrameReader((...frame) => this.#frame(...frame));
  readonly #resolve: () => void;
  #head: string | undefined = "";
  /** Rooms it has not been told of yet that it is in them. */
  #awaited = 0;

  constructor(options: LoadSocketOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#resolve = resolve;
    const { hostname, port, host } = options.url;
    this.#socket = net.connect({
      host: hostname,
      port: Number(port),
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
        callback: (length, buffer) => {
          this.#read(buffer as Buffer, length);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (error) => options.onFailure(error.message));
    this.#socket.on("close", () => options.onFailure("The connection was closed."));
    this.#socket.write(
      `GET ${options.plan.path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}` +
        `${options.offerDeflate ? OFFER : ""}${HEAD_END}`,
    );
  }

  #read(buffer: Buffer, length: number): void {
    try {
      if (this.#head === undefined) this.#frames.push(buffer, length);
      else this.#handshake(buffer.subarray(0, length));
    } catch (error) {
      this.#options.onFailure((error as Error).message);
    }
  }

  #handshake(chunk: Buffer): void {
    this.#head += chunk.toString("latin1");
    const head = this.#head ?? "";
    const end = head.indexOf(HEAD_END);
    if (end === -1) return;
    if (!head.startsWith("HTTP/1.1 101 ")) throw new Error(`The upgrade was refused: ${head}`);
    if (/^sec-websocket-extensions:/im.test(head)) throw new Error(`The server chose an extension: ${head}`);
    this.#head = undefined;
    if (this.#options.plan.protocol === "plain") this.#resolve();
    const rest = Buffer.from(head.slice(end + HEAD_END.length), "latin1");
    this.#frames.push(rest, rest.length);
  }

  #frame(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === OPCODE.text && this.#options.onText(buffer, start, end)) return;
    if (opcode === OPCODE.text && startsWith(buffer, start, EVENT_START)) {
      this.#options.onEvent(readNumber(buffer, start + EVENT_START.length, end, TIMESTAMP));
      return;
    }
    if (opcode === OPCODE.text && end - start === 1 && buffer[start] === PING) {
      this.#socket.write(PONG_FRAME);
      return;
    }
    if (opcode === OPCODE.close) throw new Error("The server closed the WebSocket.");
    this.#converse(buffer.toString("utf8", start, end));
  }

  /** The few packets between the upgrade and the first event. */
  #converse(packet: string): void {
    const { plan, index } = this.#options;
    if (plan.protocol !== "socket.io") return;
    if (packet.startsWith("0{")) {
      const token = plan.tokens[index % plan.tokens.length];
      this.#socket.write(encodeText(`40${JSON.stringify({ token })}`));
    } else if (packet.startsWith("40{")) {
      const rooms = plan.rooms[index % plan.rooms.length] ?? [];
      this.#awaited = rooms.length;
      for (const room of rooms)
        this.#socket.write(encodeText(`42${JSON.stringify(["subscribe", { room }])}`));
      if (rooms.length === 0) this.#resolve();
    } else if (packet.startsWith('42["subscribed",')) {
      if (--this.#awaited === 0) this.#resolve();
    } else if (packet.startsWith("44") || packet.startsWith('42["subscribe_error",')) {
      throw new Error(`The server refused: ${packet}`);
    }
  }
}
