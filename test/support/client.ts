import { io, type ManagerOptions, type Socket, type SocketOptions } from "socket.io-client";
import type { ClientToServerEvents, ServerToClientEvents } from "../../src/events/client.ts";

/** How a client is told to connect; `default` polls and then upgrades. */
export const TRANSPORTS = ["websocket", "polling", "default"] as const;
export type Transports = (typeof TRANSPORTS)[number];

export interface ClientOptions {
  /** Another version's `io` than the latest's. */
  readonly io?: typeof io;
  /** `websocket` unless told otherwise. */
  readonly transports?: Transports;
  /** Where to connect instead of the service itself, such as a proxy in front of it. */
  readonly origin?: string;
  /** Added to the URL: `/ws` makes the client join that namespace. */
  readonly path?: string;
  readonly token?: string;
  readonly socket?: Partial<ManagerOptions & SocketOptions>;
}

interface Received {
  readonly event: string;
  readonly payload: unknown;
}

/** How long an event that must come may take; only a failing test waits that long. */
const PATIENCE_MS = 15_000;

/** A stock socket.io-client that remembers what it gets, so that tests await events instead of sleeping. */
export class TestClient {
  readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  /** Everything received, in order, including `connect`, `connect_error` and `disconnect`. */
  readonly received: Received[] = [];
  readonly #taken = new Set<Received>();
  #wake: (() => void)[] = [];

  constructor(url: string, token: string | undefined, options: ClientOptions = {}) {
    const { transports = "websocket", socket } = options;
    this.socket = (options.io ?? io)(url, {
      ...(transports !== "default" && { transports: [transports] }),
      reconnection: false,
      forceNew: true,
      ...(token !== undefined && { auth: { token: `Bearer ${token}` } }),
      ...socket,
    });
    this.socket.onAny((event: string, payload: unknown) => this.#add(event, payload));
    this.socket.on("connect", () => this.#add("connect", this.socket.id));
    this.socket.on("connect_error", (error) => this.#add("connect_error", error));
    this.socket.on("disconnect", (reason) => this.#add("disconnect", reason));
  }

  /** The payload of the next event of that name that no one has taken yet, which may have come already. */
  // biome-ignore lint/suspicious/noExplicitAny: the assertions of tests say what a payload is
  async next(event: string, accept: (payload: any) => boolean = () => true): Promise<any> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = this.received.find(
        (item) => item.event === event && !this.#taken.has(item) && accept(item.payload),
      );
      if (found !== undefined) {
        this.#taken.add(found);
        return found.payload;
      }
      await this.#changed(deadline, event);
    }
  }

  /** Resolves when `count` events of that name have come; returns their payloads, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: the assertions of tests say what a payload is
  async all(event: string, count: number): Promise<any[]> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const payloads = this.payloads(event);
      if (payloads.length >= count) return payloads;
      await this.#changed(deadline, event);
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the assertions of tests say what a payload is
  payloads(event: string): any[] {
    return this.received.filter((item) => item.event === event).map(({ payload }) => payload);
  }

  names(): string[] {
    return this.received.map(({ event }) => event);
  }

  async subscribe(room: string): Promise<{ room: string; subscriberCount: number }> {
    this.socket.emit("subscribe", { room });
    return this.next("subscribed", (answer: { room: string }) => answer.room === room);
  }

  /** The answer of a request with an acknowledgement; every version of the client knows callbacks. */
  // biome-ignore lint/suspicious/noExplicitAny: the assertions of tests say what a payload is
  request(event: "subscribe" | "unsubscribe", room: string): Promise<any> {
    return new Promise((resolve) => this.socket.emit(event, { room }, resolve));
  }

  /** What the session runs on now. */
  get transport(): string | undefined {
    return this.socket.io.engine?.transport.name;
  }

  /** The Engine.IO session's id. */
  get sessionId(): string {
    return (this.socket.io.engine as unknown as { id: string }).id;
  }

  /** Resolves when a client of the default transports, which is connected, has left polling. */
  async upgraded(): Promise<void> {
    const { engine } = this.socket.io;
    if (engine.transport.name === "websocket") return;
    await new Promise((resolve) => engine.once("upgrade", resolve));
  }

  /** Breaks the connection as a network does that is gone; the client tries again when told to. */
  async drop(): Promise<void> {
    this.socket.io.engine.close();
    await this.next("disconnect");
  }

  async comeBack(): Promise<void> {
    this.socket.connect();
    await this.next("connected");
  }

  /** Resolves when all that the server sent before has been received. */
  async settled(): Promise<void> {
    this.socket.emit("ping");
    await this.next("pong");
  }

  close(): void {
    this.socket.disconnect();
  }

  #add(event: string, payload: unknown): void {
    this.received.push({ event, payload });
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }

  #changed(deadline: number, event: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`No ${event} came. Received: ${JSON.stringify(this.names().slice(-30))}`)),
        Math.max(0, deadline - Date.now()),
      );
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
