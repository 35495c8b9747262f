import { setTimeout } from "node:timers/promises";
import WebSocket from "ws";
import { Inbox, type Open, type Packet, parseOpen, type Wire, type WireOptions, within } from "./wire.ts";

/** How a WebSocket ended: `status` if the upgrade was refused, else the close code. */
export interface Ended {
  readonly status?: number;
  readonly code?: number;
}

/** A WebSocket that speaks Engine.IO packets. */
export class WebSocketClient implements Wire {
  pings = 0;
  readonly #ended: Promise<Ended>;
  readonly #webSocket: WebSocket;
  readonly #inbox = new Inbox<Packet>();

  constructor(url: string, { answersPings = true }: WireOptions = {}) {
    this.#webSocket = new WebSocket(url);
    this.#webSocket.on("message", (data: Buffer, isBinary) => {
      const packet = isBinary ? new Uint8Array(data) : data.toString();
      if (packet === "2") {
        this.pings++;
        if (answersPings) this.send("3");
      } else if (packet !== "6") this.#inbox.push(packet);
    });
    // What goes wrong ends in `close`, or in the refusal of the upgrade.
    this.#webSocket.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      this.#webSocket.on("close", (code) => resolve({ code }));
      this.#webSocket.on("unexpected-response", (request, response) => {
        resolve({ status: response.statusCode ?? 0 });
        request.destroy();
      });
    });
    this.#ended.then(({ status, code }) => this.#inbox.end(`status ${status}, close code ${code}`));
  }

  /** How the WebSocket ended: refused, or closed after the upgrade. */
  get closed(): Promise<Ended> {
    return within(this.#end(), "the end of a WebSocket");
  }

  /** A server's Close frame is the end, even where it keeps the TCP connection for a while. */
  async #end(): Promise<Ended> {
    let ended: Ended | undefined;
    this.#ended.then((how) => {
      ended = how;
    });
    while (ended === undefined && this.#webSocket.readyState !== WebSocket.CLOSING) await setTimeout(10);
    if (ended === undefined) this.#webSocket.terminate();
    return this.#ended;
  }

  async open(): Promise<Open> {
    return parseOpen(await this.receive());
  }

  send(...packets: Packet[]): void {
    if (this.#webSocket.readyState === WebSocket.CONNECTING)
      this.#webSocket.once("open", () => this.send(...packets));
    else for (const packet of packets) this.#webSocket.send(packet, () => undefined);
  }

  receive(): Promise<Packet> {
    return this.#inbox.next();
  }

  close(): void {
    if (this.#webSocket.readyState === WebSocket.CONNECTING) this.#webSocket.terminate();
    else this.#webSocket.close();
  }
}
