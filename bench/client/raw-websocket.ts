import { randomBytes } from "node:crypto";
import net from "node:net";
import { encodeText, FrameReader, OPCODE } from "./frames.ts";

export interface RawWebSocketOptions {
  readonly url: URL;
  readonly path: string;
  /** Whether to offer permessage-deflate, as browsers do. A server that takes it breaks the protocol. */
  readonly offerDeflate?: boolean;
  /** How much is read at a time; 4096 unless told. */
  readonly readBufferBytes?: number;
  /** Called when the WebSocket is open, before the first frame. */
  readonly onOpen?: () => void;
  /** Called with each frame but a close; see `OnFrame`. */
  readonly onText: (buffer: Buffer, start: number, end: number) => void;
  /** Called once, when the connection ends, unless `destroy` has ended it, or breaks the protocol. */
  readonly onEnd: (message: string) => void;
}

const READ_BUFFER_BYTES = 4_096;
const HEAD_END = "\r\n\r\n";
const OFFER = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";

/** A WebSocket that costs little more than the reads it takes: one process holds thousands. */
export class RawWebSocket {
  readonly #options: RawWebSocketOptions;
  readonly #socket: net.Socket;
  readonly #frames: FrameReader;
  #head: string | undefined = "";
  #ended = false;

  constructor(options: RawWebSocketOptions) {
    this.#options = options;
    this.#frames = new FrameReader((opcode, ...text) => {
      if (opcode === OPCODE.close) throw new Error("The server closed the WebSocket.");
      options.onText(...text);
    });
    const { hostname, port, host } = options.url;
    this.#socket = net.connect({
      host: hostname,
      port: Number(port),
      onread: {
        // One for each socket, because some platforms fill it ahead of the read.
        buffer: Buffer.allocUnsafeSlow(options.readBufferBytes ?? READ_BUFFER_BYTES),
        callback: (length, buffer) => {
          this.#read(buffer as Buffer, length);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on("error", (error) => this.#end(error.message));
    this.#socket.on("close", () => this.#end("The connection was closed."));
    this.#socket.write(
      `GET ${options.path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}` +
        `${options.offerDeflate ? OFFER : ""}${HEAD_END}`,
    );
  }

  send(text: string): void {
    this.#socket.write(encodeText(text));
  }

  /** Ends the connection at once, without a closing handshake, as a lost network does. */
  destroy(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #read(buffer: Buffer, length: number): void {
    if (this.#ended) return;
    try {
      if (this.#head === undefined) this.#frames.push(buffer, length);
      else this.#handshake(buffer.subarray(0, length));
    } catch (error) {
      this.#end((error as Error).message);
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
    this.#options.onOpen?.();
    const rest = Buffer.from(head.slice(end + HEAD_END.length), "latin1");
    this.#frames.push(rest, rest.length);
  }

  #end(message: string): void {
    if (this.#ended) return;
    this.destroy();
    this.#options.onEnd(message);
  }
}
