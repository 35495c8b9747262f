import { KeyedQueue } from "../../src/lib/keyed-queue.ts";
import type { Transports } from "../support/client.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { signToken } from "../support/keys.ts";
import type { Random } from "../support/packet-generator.ts";
import { eventually } from "./eventually.ts";
import { Listener } from "./listener.ts";
import { HOST, MortalService } from "./mortal-service.ts";
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

/** How long the last events may take to reach everyone; only a failing run waits that long. */
const PATIENCE_MS = 20_000;

/** No token may run out while a suite of many minutes reconnects with it. */
const TOKEN_S = 7_200;

/** A service, its clients, and a backend that publishes. */
export class Stage {
  readonly service: MortalService;
  readonly random: Random;
  readonly heartbeatMs: number;
  readonly users: readonly string[];
  /** Where events are published. */
  readonly rooms: readonly string[];
  readonly listeners: Listener[] = [];
  /** Of each listener, if they have any. */
  readonly networks: FaultyProxy[] = [];
  readonly publisher: Publisher;
  /** What went wrong in the course of a scenario. */
  readonly problems: string[] = [];
  /** A user who sees the others come and go; never through a failing network. */
  watcher!: Listener;
  readonly #options: StageOptions;
  readonly #turns = new KeyedQueue();

  private constructor(options: StageOptions, service: MortalService) {
    const { random, cast, pingInterval, pingTimeout, unrulyPublisher } = options;
    this.#options = options;
    this.service = service;
    this.random = random;
    this.heartbeatMs = pingInterval + pingTimeout;
    this.users = [...new Set(cast.map(({ user }) => user))];
    this.rooms = [
      ...this.users.map((user) => `user:${user}`),
      ...SYMBOLS.map((symbol) => `market:${symbol}`),
    ];
    this.publisher = new Publisher({
      origin: `http://${HOST}:${service.port}`,
      users: this.users,
      symbols: SYMBOLS,
      random,
      unruly: unrulyPublisher,
    });
  }

  /** Everyone is there and in the rooms, and events are published. */
  static async open(options: StageOptions): Promise<Stage> {
    const service = await MortalService.create({
      PING_INTERVAL: String(options.pingInterval),
      PING_TIMEOUT: String(options.pingTimeout),
    });
    const stage = new Stage(options, service);
    try {
      await service.start();
      stage.watcher = await stage.#listen({ user: "user_watcher", transports: "websocket" }, service.port);
      for (const part of options.cast) stage.listeners.push(await stage.#enter(part));
      stage.publisher.start();
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  sentTo({ user }: Listener): readonly number[] {
    return this.publisher.personal.get(user) ?? [];
  }

  /** Waits until every client has the last personal event and the last bars; says who has not got them. */
  async missing(): Promise<readonly string[]> {
    const everyone = [this.watcher, ...this.listeners];
    await eventually(() => everyone.every((listener) => this.#hasAll(listener)), PATIENCE_MS);
    return everyone
      .filter((listener) => !this.#hasAll(listener))
      .map(({ name }) => `${name} has not got the last that was accepted`);
  }

  async close(): Promise<void> {
    await this.publisher.abandon();
    for (const listener of [this.watcher, ...this.listeners]) listener?.close();
    for (const network of this.networks) network.close();
    await this.service.remove();
  }

  #hasAll(listener: Listener): boolean {
    const last = this.sentTo(listener).at(-1);
    return (
      listener.connected &&
      (last === undefined || listener.personal.includes(last)) &&
      SYMBOLS.every((symbol) => listener.bars.get(symbol) === this.publisher.bars.get(symbol))
    );
  }

  async #enter(part: Part): Promise<Listener> {
    const { port } = this.service;
    if (!this.#options.networks) return this.#listen(part, port);
    const network = await startFaultyProxy(port);
    this.networks.push(network);
    return this.#listen(part, network.port);
  }

  async #listen({ user, transports, namespace }: Part, port: number): Promise<Listener> {
    const listener = new Listener({
      url: `http://${HOST}:${port}${namespace ?? ""}`,
      user,
      token: await signToken(user, { expiresAt: Math.floor(Date.now() / 1_000) + TOKEN_S }),
      transports,
      symbols: SYMBOLS,
      latestBar: (symbol) => this.publisher.bars.get(symbol) ?? 0,
      ...(this.#options.inTurn && { turns: this.#turns }),
    });
    await listener.start();
    return listener;
  }
}
