import type { IncomingHttpHeaders } from "node:http";
import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";

/** A client that speaks the wire itself, for what no stock client would send. */
export class RawClient {
  readonly frames: string[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Resolves with the answer if the upgrade is refused. */
  readonly refused: Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: unknown }>;
  readonly #webSocket: WebSocket;
  #wake: (() => void)[] = [];

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#webSocket = new WebSocket(url, { headers });
    this.#webSocket.on("message", (data, isBinary) => {
      this.frames.push(isBinary ? `<${(data as Buffer).toString("hex")}>` : data.toString());
      this.#notify();
    });
    this.#webSocket.on("error", () => undefined);
    this.refused = new Promise((resolve) =>
      this.#webSocket.on("unexpected-response", async (_, response) => {
        let body = "";
        for await (const chunk of response) body += chunk;
        resolve({ status: response.statusCode, headers: response.headers, body: JSON.parse(body) });
      }),
    );
    this.closed = new Promise((resolve) =>
      this.#webSocket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString() });
        this.#notify();
      }),
    );
  }

  /** What was negotiated beside the protocol itself (RFC 6455, section 9). */
  get extensions(): string {
    return this.#webSocket.extensions;
  }

  /** From now on, answers pings as a client does. */
  answerPings(): void {
    this.#webSocket.on("message", (data) => {
      if (data.toString() === "2") this.send("3");
    });
  }

  /** How many frames start with `head`. */
  count(head: string): number {
    return this.frames.filter((frame) => frame.startsWith(head)).length;
  }

  /** Resolves with the `nth` frame that starts with `head`, which may have come already. */
  async frame(head: string, nth = 1): Promise<string> {
    for (;;) {
      const found = this.frames.filter((frame) => frame.startsWith(head))[nth - 1];
      if (found !== undefined) return found;
      if (this.#webSocket.readyState === WebSocket.CLOSED) throw new Error(`Closed without a frame ${head}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Resolves with the server's Close frame, without waiting for the TCP connection to end. */
  async closeFrame(): Promise<{ code: number; reason: string }> {
    while (this.#webSocket.readyState < WebSocket.CLOSING) await setTimeout(10);
    this.#webSocket.terminate();
    return this.closed;
  }

  send(data: string | Uint8Array): void {
    if (this.#webSocket.readyState === WebSocket.CONNECTING)
      this.#webSocket.once("open", () => this.send(data));
    else this.#webSocket.send(data);
  }

  close(): void {
    this.#webSocket.close();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}

/** The Engine.IO endpoint of a service, for a WebSocket. */
export const engineUrl = (serviceUrl: string, path = "/socket.io/"): string =>
  `${serviceUrl}${path}?EIO=4&transport=websocket`;
