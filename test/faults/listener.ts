import { setTimeout } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import type { Ack, ClientToServerEvents, ServerToClientEvents } from "../../src/events/client.ts";
import { marketRoom } from "../../src/events/rooms.ts";
import type { KeyedQueue } from "../../src/lib/keyed-queue.ts";
import type { Transports } from "../support/client.ts";

export interface ListenerOptions {
  readonly url: string;
  readonly user: string;
  readonly token: string;
  readonly transports: Transports;
  /** Lets clients connect one at a time, instead of each when it likes to. */
  readonly turns?: KeyedQueue;
  readonly symbols: readonly string[];
  /** The latest bar of a symbol that the service has accepted. */
  readonly latestBar: (symbol: string) => number;
}

/** A time without the service: from the client's `disconnect` to its `connect`, and to the first event after. */
export interface Outage {
  readonly since: number;
  readonly backAfterMs: number;
  eventAfterMs: number | undefined;
}

/** How soon clients come back, so that the suite does not wait for them; and when they give up an attempt. */
const RECONNECTION = { reconnectionDelay: 50, reconnectionDelayMax: 300, timeout: 2_000 };

/** How long the answer to a subscribe may take. */
const ANSWER_MS = 5_000;

/** A stock client that keeps an account of what it gets. */
export class Listener {
  readonly user: string;
  readonly name: string;
  readonly socket: Socket<ServerToClientEvents, ClientToServerEvents>;
  /** Numbers of the personal events received, in order. */
  readonly personal: number[] = [];
  /** The latest bar received of each symbol. */
  readonly bars = new Map<string, number>();
  readonly outages: Outage[] = [];
  /** Reconnects that were not recovered, or not as the same socket. */
  unrecovered = 0;
  /** Bars older than one received before, or than the current one at a reconnect. */
  staleBars = 0;
  /** Of which user the last presence event told what. */
  readonly presence: string[] = [];
  /** What must never happen. */
  readonly problems: string[] = [];
  readonly #options: ListenerOptions;
  #id: string | undefined;
  /** Since when it is without the service. */
  #lostAt: number | undefined;
  /** Symbols without a bar since the last connect, and what that bar must be at least. */
  readonly #first = new Map<string, number>();

  constructor(options: ListenerOptions) {
    const { url, user, token, transports, turns } = options;
    this.#options = options;
    this.user = user;
    this.name = `${user} on ${transports}`;
    this.socket = io(url, {
      ...RECONNECTION,
      reconnection: turns === undefined,
      ...(transports !== "default" && { transports: [transports] }),
      forceNew: true,
      auth: { token },
    });
    this.#listen();
  }

  get connected(): boolean {
    return this.socket.connected;
  }

  /** Enters its market rooms, once and for all: it never subscribes again. */
  async start(): Promise<void> {
    if (!this.connected) await new Promise<void>((resolve) => this.socket.once("connect", resolve));
    for (const symbol of this.#options.symbols) await this.subscriberCount(marketRoom(symbol));
  }

  /** Of a room that it is in; NaN, and a problem, if the service does not say. */
  async subscriberCount(room: string): Promise<number> {
    try {
      const answer: Ack<"subscribe"> = await this.socket
        .timeout(ANSWER_MS)
        .emitWithAck("subscribe", { room });
      if (!("error" in answer)) return answer.subscriberCount;
      this.problems.push(`${this.name} may not be in ${room}: ${answer.error.message}`);
    } catch (error) {
      this.problems.push(`${this.name} heard nothing of ${room}: ${error}`);
    }
    return Number.NaN;
  }

  /** Resolves when all that the server sent before has been received. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once("pong", () => resolve());
      this.socket.emit("ping");
    });
  }

  /** Makes the service end the session, for a packet that cannot be read. */
  sendNonsense(): void {
    if (this.connected) this.socket.io.engine.write("9");
  }

  close(): void {
    this.socket.disconnect();
  }

  #listen(): void {
    const { socket } = this;
    socket.io.on("open", () => {
      // Whatever is accepted before CONNECT goes out is part of the state that the socket comes back to.
      for (const symbol of this.#options.symbols) {
        this.#first.set(symbol, Math.max(this.bars.get(symbol) ?? 0, this.#options.latestBar(symbol)));
      }
    });
    socket.on("connect", () => this.#connected());
    socket.on("disconnect", (reason) => {
      // Also said of a connection that broke before it was one.
      if (this.#lostAt !== undefined || reason === "io client disconnect") return;
      this.#lostAt = performance.now();
      void this.#options.turns?.run("connect", () => this.#comeBack());
    });
    socket.on("connect_error", (error) => {
      if (!socket.active) this.problems.push(`${this.name} was refused: ${error.message}`);
    });
    socket.on("credits_granted", ({ amount }) => this.personal.push(Number(amount)));
    socket.on("market_chart_initial_data", ({ symbol, series }) => {
      const newest = series.at(-1);
      if (newest !== undefined) this.#bar(symbol, newest.timestamp);
    });
    socket.on("market_chart_live_update", ({ symbol, timestamp }) => this.#bar(symbol, timestamp));
    socket.on("user_joined_room", ({ userId, room }) => this.presence.push(`${userId} joined ${room}`));
    socket.on("user_left_room", ({ userId, room }) => this.presence.push(`${userId} left ${room}`));
    socket.on("subscribe_error", ({ message }) => this.problems.push(`${this.name}: ${message}`));
    socket.onAny((event) => {
      const outage = this.outages.at(-1);
      if (event === "connected" || outage === undefined || outage.eventAfterMs !== undefined) return;
      outage.eventAfterMs = performance.now() - outage.since;
    });
  }

  /** What the client does by itself, unless clients take turns. */
  async #comeBack(): Promise<void> {
    const { socket } = this;
    while (!socket.connected) {
      await setTimeout(RECONNECTION.reconnectionDelay);
      await new Promise<void>((resolve) => {
        const outcomes = ["connect", "connect_error", "disconnect"] as const;
        const ended = (): void => {
          for (const event of outcomes) socket.off(event, ended);
          resolve();
        };
        for (const event of outcomes) socket.on(event, ended);
        socket.connect();
      });
    }
  }

  #connected(): void {
    const { id, recovered } = this.socket;
    if (this.#lostAt !== undefined) {
      const backAfterMs = performance.now() - this.#lostAt;
      this.outages.push({ since: this.#lostAt, backAfterMs, eventAfterMs: undefined });
      if (!recovered || id !== this.#id) this.unrecovered++;
    }
    this.#lostAt = undefined;
    this.#id = id;
  }

  #bar(symbol: string, number: number): void {
    const before = this.bars.get(symbol) ?? 0;
    const least = this.#first.get(symbol) ?? before + 1;
    this.#first.delete(symbol);
    if (number < least) {
      this.staleBars++;
      this.problems.push(`${this.name}: bar ${number} of ${symbol} after ${before}, not ${least}`);
    }
    this.bars.set(symbol, Math.max(before, number));
  }
}
