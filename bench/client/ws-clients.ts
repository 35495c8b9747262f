import type net from "node:net";
import WebSocket from "ws";
import { EVENT, ROOM } from "../lib/events.ts";
import type { Target } from "../servers/target.ts";

/** Of an event that is published; a socket that subscribes is first sent the state of its market. */
const EVENT_START = `42["${EVENT}"`;

/** Connecting at a time: a listen queue holds only so many. */
const CONNECTING = 25;

/** Clients on the `ws` package, which speaks permessage-deflate; they count events and bytes, and read no event. */
export class WsClients {
  /** Events received by all of them. */
  received = 0;
  readonly #sockets: WebSocket[] = [];
  #waiting: { readonly count: number; readonly resolve: () => void } | undefined;

  /** Resolves when all are subscribed. */
  async connect(target: Target, count: number, perMessageDeflate: boolean): Promise<void> {
    let next = 0;
    const connectSome = async (): Promise<void> => {
      while (next < count) await this.#connect(target, next++, perMessageDeflate);
    };
    await Promise.all(Array.from({ length: CONNECTING }, connectSome));
  }

  /** Resolves when `count` events have come in all. */
  async until(count: number): Promise<void> {
    if (this.received >= count) return;
    await new Promise<void>((resolve) => {
      this.#waiting = { count, resolve };
    });
  }

  /** Bytes that have come over TCP, WebSocket framing included. */
  bytesRead(): number {
    return this.#sockets.reduce((sum, socket) => sum + tcpOf(socket).bytesRead, 0);
  }

  stop(): void {
    for (const socket of this.#sockets) socket.terminate();
  }

  async #connect({ url, plan }: Target, index: number, perMessageDeflate: boolean): Promise<void> {
    if (plan.protocol !== "socket.io") throw new Error("These clients speak Socket.IO.");
    const socket = new WebSocket(new URL(plan.path, url.href.replace("http", "ws")), { perMessageDeflate });
    this.#sockets.push(socket);
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("The server closed a WebSocket.")));
      socket.on("message", (data) => {
        const packet = data.toString();
        if (packet.startsWith(EVENT_START)) this.#count();
        else if (packet === "2") socket.send("3");
        else if (packet.startsWith("0{")) {
          socket.send(`40${JSON.stringify({ token: plan.tokens[index % plan.tokens.length] })}`);
        } else if (packet.startsWith("40{")) {
          socket.send(`42${JSON.stringify(["subscribe", { room: ROOM }])}`);
        } else if (packet.startsWith('42["subscribed"')) resolve();
      });
    });
    if ((socket.extensions !== "") !== perMessageDeflate) {
      throw new Error(`Compression was not negotiated as asked for: ${JSON.stringify(socket.extensions)}`);
    }
  }

  #count(): void {
    this.received++;
    if (this.#waiting !== undefined && this.received >= this.#waiting.count) this.#waiting.resolve();
  }
}

/** `ws` has no accessor for the bytes on the wire. */
const tcpOf = (socket: WebSocket): net.Socket => (socket as unknown as { _socket: net.Socket })._socket;
