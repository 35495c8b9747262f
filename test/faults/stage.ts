import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type LocalServer, portIsFree, SERVICE, startServer } from "../../scripts/lib/local-server.ts";
import { KeyedQueue } from "../../src/lib/keyed-queue.ts";
import type { Transports } from "../support/client.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { JWT_VARS, signToken } from "../support/keys.ts";
import type { Random } from "../support/packet-generator.ts";
import { INGEST_TOKEN } from "../support/service.ts";
import { Listener } from "./listener.ts";
import { Publisher } from "./publisher.ts";

/** One client of the cast. */
export interface Part {
  readonly user: string;
  readonly transports: Transports;
  readonly namespace?: "/ws";
}

export interface StageOptions {
  readonly random: Random;
  readonly cast: readonly Part[];
  readonly pingInterval: number;
  readonly pingTimeout: number;
  /** Whether clients come back one at a time: workerd evicts no object that took several upgrades at a time. */
  readonly inTurn: boolean;
  /** Whether each client reaches the service through a network of its own, which can fail. */
  readonly networks: boolean;
  readonly unrulyPublisher: boolean;
}

export const SYMBOLS = ["BTC-USD", "ETH-USD"] as const;
const GATEWAYS = 2;
const HOST = "127.0.0.1";

/** Clients that try a port of the range that the system gives them may connect to themselves. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

const NOT_RUNNING = /it is not currently running/;

const freePort = async (): Promise<number> => {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await portIsFree(HOST, port)) return port;
  }
};

/** A service with its storage on disk, its clients, and a backend that publishes. */
export class Stage {
  readonly random: Random;
  readonly heartbeatMs: number;
  readonly users: readonly string[];
  readonly listeners: Listener[] = [];
  readonly networks: FaultyProxy[] = [];
  readonly publisher: Publisher;
  readonly logs: string[] = [];
  /** A user who sees the others come and go; never through a failing network. */
  watcher!: Listener;
  readonly #options: StageOptions;
  readonly #folder: string;
  readonly #port: number;
  readonly #turns = new KeyedQueue();
  #server: LocalServer | undefined;

  private constructor(options: StageOptions, folder: string, port: number) {
    const { random, cast, pingInterval, pingTimeout, unrulyPublisher } = options;
    this.#options = options;
    this.#folder = folder;
    this.#port = port;
    this.random = random;
    this.heartbeatMs = pingInterval + pingTimeout;
    this.users = [...new Set(cast.map(({ user }) => user))];
    this.publisher = new Publisher({
      origin: `http://${HOST}:${port}`,
      users: this.users,
      symbols: SYMBOLS,
      random,
      unruly: unrulyPublisher,
    });
  }

  /** Everyone is there and in the rooms, and events are published. */
  static async open(options: StageOptions): Promise<Stage> {
    const folder = await mkdtemp(path.join(tmpdir(), "ledgercore-faults-"));
    const stage = new Stage(options, folder, await freePort());
    try {
      await stage.start();
      stage.watcher = await stage.listen({ user: "user_watcher", transports: "websocket" });
      for (const part of options.cast) stage.listeners.push(await stage.#enter(part));
      stage.publisher.start();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  /** Starts workerd on what its storage holds. */
  async start(): Promise<void> {
    const { pingInterval, pingTimeout } = this.#options;
    this.#server = await startServer({
      project: SERVICE,
      host: HOST,
      port: this.#port,
      persist: this.#folder,
      ingestLimit: 1_000_000,
      onLog: (line) => this.logs.push(line),
      vars: {
        ...JWT_VARS,
        INGEST_TOKENS: INGEST_TOKEN,
        GATEWAYS_PER_COLO: String(GATEWAYS),
        PING_INTERVAL: String(pingInterval),
        PING_TIMEOUT: String(pingTimeout),
      },
    });
  }

  /** Kills workerd with SIGKILL: no socket is closed, no object hears of it. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  /**
   * Removes an object from memory, as the platform does; `close` drops its WebSockets, as a deploy does. Says
   * whether it was there.
   */
  async evict(
    className: "Gateway" | "Room",
    name: string,
    webSockets: "close" | "hibernate",
  ): Promise<boolean> {
    try {
      await this.#server?.miniflare.unsafeEvictDurableObject("ledgercore-realtime", className, {
        name,
        webSockets,
      });
      return true;
    } catch (error) {
      if (NOT_RUNNING.test((error as Error).message)) return false;
      throw error;
    }
  }

  /** Names of the gateways, and of the rooms that events are published to. */
  get gateways(): readonly string[] {
    return Array.from({ length: GATEWAYS }, (_, index) => `local-${index}`);
  }
  get rooms(): readonly string[] {
    return [...this.users.map((user) => `user:${user}`), ...SYMBOLS.map((symbol) => `market:${symbol}`)];
  }

  /** A client that reaches the service directly, connected and in the rooms. */
  async listen({ user, transports, namespace = undefined }: Part, port = this.#port): Promise<Listener> {
    const listener = new Listener({
      url: `http://${HOST}:${port}${namespace ?? ""}`,
      user,
      // No token may run out while a suite of many minutes reconnects with it.
      token: await signToken(user, { expiresAt: Math.floor(Date.now() / 1_000) + 7_200 }),
      transports,
      ...(this.#options.inTurn && { turns: this.#turns }),
      symbols: SYMBOLS,
      latestBar: (symbol) => this.publisher.bars.get(symbol) ?? 0,
    });
    await listener.start();
    return listener;
  }

  async close(): Promise<void> {
    await this.publisher.abandon();
    for (const listener of [this.watcher, ...this.listeners]) listener?.close();
    for (const network of this.networks) network.close();
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #enter(part: Part): Promise<Listener> {
    if (!this.#options.networks) return this.listen(part);
    const network = await startFaultyProxy(this.#port);
    this.networks.push(network);
    return this.listen(part, network.port);
  }
}
