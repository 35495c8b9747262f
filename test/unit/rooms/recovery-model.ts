import { settled } from "../../support/fakes.ts";
import { Client, type SessionFacts } from "./recovery-model-client.ts";
import { Gateway, type Notice } from "./recovery-model-gateway.ts";
import { type Life, Network } from "./recovery-model-network.ts";
import { type Accepted, Room } from "./recovery-model-room.ts";

const SYMBOLS = ["BTC-USD", "ETH-USD"] as const;

/** Times from here on are long enough for all messages that are on their way. */
const LONG_MS = 5_000;

/** How long a copy of a client may stay away. */
const COPY_MS = 10_000;

interface Timer {
  readonly at: number;
  readonly life: Life;
  readonly run: () => void;
}

export type Command =
  | { readonly connect: number; readonly gateway: number; readonly notice: Notice }
  | { readonly step: number; readonly lost: boolean }
  | { readonly drain: true }
  | { readonly durable: number; readonly id: number | undefined; readonly to: number | undefined }
  | { readonly transient: true }
  | { readonly bar: number }
  | { readonly drop: number; readonly notice: Notice }
  | { readonly subscribe: number; readonly symbol: number }
  | { readonly unsubscribe: number; readonly symbol: number }
  | { readonly leave: number }
  | { readonly copy: number; readonly to: number }
  | { readonly restart: number }
  | { readonly crash: number }
  | { readonly hibernate: number }
  | { readonly pass: number }
  | { readonly outage: number };

const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index % list.length];
  if (item === undefined) throw new Error("An empty list has no items.");
  return item;
};

/** Rooms, gateways, clients, and a network that does what the test says. */
export class World {
  now = 1_000_000;
  readonly windowMs: number;
  readonly faults: string[] = [];
  readonly network = new Network();
  readonly sessions = new Map<string, SessionFacts>();
  /** What waited for some gateway was given up, or died with its room. */
  framesLost = false;
  recoveries = 0;
  readonly #rooms = new Map<string, Room>();
  readonly #gateways = ["g0", "g1", "g2"].map((name) => new Gateway(this, name));
  readonly clients = [
    new Client(this, "a", "u", "/"),
    new Client(this, "b", "u", "/ws"),
    new Client(this, "c", "v", "/"),
  ];
  readonly #publisher: Life = { dead: false, busy: 0 };
  readonly #bars = SYMBOLS.map((symbol) =>
    this.network.lane((timestamp: number) => {
      const body = JSON.stringify(["bar", { symbol, timestamp }]);
      const bar = { open: 1, high: 1, low: 1, close: 1, volume: 1, timestamp };
      this.room(`market:${symbol}`).publish([{ n: timestamp, body, delivery: "volatile", bar }]);
    }),
  );
  #timers: Timer[] = [];
  #ids = 0;
  #events = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  readonly createId = (): string => `${++this.#ids}`;

  room(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new Room(this, name);
      this.#rooms.set(name, room);
    }
    return room;
  }

  gateway(name: string): Gateway {
    return at(this.#gateways, Number(name.slice(1)));
  }

  after(life: Life, ms: number, run: () => void): () => void {
    const timer = { at: this.now + ms, life, run };
    this.#timers.push(timer);
    life.busy++;
    return () => {
      life.busy--;
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  sleep(life: Life, ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(life, ms, resolve));
  }

  /** The next durable event that a client is to get. */
  nextFor({ userId, session, position }: Client): { event: Accepted; index: number } | undefined {
    const { accepted } = this.room(`user:${userId}`);
    for (let index = position; index < accepted.length; index++) {
      const event = at(accepted, index);
      if (event.socketId === undefined || event.socketId === session?.socketId) return { event, index };
    }
    return undefined;
  }

  /** Whether nothing excuses a room that does not recover the client. */
  recoverable({ userId, session, position, downAt }: Client): boolean {
    if (session === undefined || session.ended || session.shared || this.now - downAt >= this.windowMs)
      return false;
    return Math.max(position, session.aged) >= this.room(`user:${userId}`).trimmed;
  }

  /** The markets whose bars the client's connection has been told of. */
  marketsToldTo(client: Client): string[] {
    return SYMBOLS.filter((symbol) => this.barsToldTo(client, symbol).length > 0);
  }

  /** The bars of a market that the client's connection may have been told of, each time that it joined. */
  barsToldTo({ session, connection }: Client, symbol: string): string[] {
    const key = `${session?.socketId} ${connection?.number}`;
    return this.#rooms.get(`market:${symbol}`)?.told.get(key) ?? [];
  }

  async do(command: Command): Promise<void> {
    if ("step" in command) this.network.step(command.step, command.lost);
    else if ("drain" in command) await this.network.drain();
    else if ("pass" in command) await this.#pass(command.pass);
    else if ("outage" in command) await this.#pass(command.outage, true);
    else this.#start(command);
    await settled();
  }

  /** Lets all end that has begun, brings every client back, and looks whether all is as it should be. */
  async end(): Promise<void> {
    await this.#pass(LONG_MS);
    // Two that hold one session would take it from each other for ever.
    for (const client of this.clients.slice(1)) {
      if (client.session === this.clients[0]?.session) client.forget();
    }
    for (let attempt = 0; attempt < 3; attempt++) {
      for (const [index, client] of this.clients.entries()) {
        const used = client.session !== undefined || client.connection !== undefined;
        if (used && client.connection === undefined) this.#open(client, index + attempt);
      }
      await this.#pass(attempt === 2 ? 60_000 : LONG_MS);
    }
    this.#check();
  }

  #start(
    command: Exclude<Command, { step: number } | { drain: true } | { pass: number } | { outage: number }>,
  ): void {
    if ("connect" in command) {
      const client = at(this.clients, command.connect);
      client.connection?.drop(command.notice);
      this.#open(client, command.gateway);
    } else if ("durable" in command) this.#durable(command);
    else if ("transient" in command) {
      const n = this.#events++;
      const body = JSON.stringify(["transient", { n }]);
      this.room("user:u").publish([{ n, body, delivery: "transient" }]);
    } else if ("bar" in command) at(this.#bars, command.bar).waiting.push(++this.#events);
    else if ("drop" in command) at(this.clients, command.drop).connection?.drop(command.notice);
    else if ("subscribe" in command) {
      at(this.clients, command.subscribe).emit("subscribe", at(SYMBOLS, command.symbol));
    } else if ("unsubscribe" in command) {
      at(this.clients, command.unsubscribe).emit("unsubscribe", at(SYMBOLS, command.symbol));
    } else if ("leave" in command) at(this.clients, command.leave).leave();
    else if ("copy" in command) {
      const [from, to] = [at(this.clients, command.copy), at(this.clients, command.to)];
      if (from !== to && from.userId === to.userId && to.connection === undefined) to.become(from);
    } else if ("restart" in command) [...this.#rooms.values()][command.restart]?.restart();
    else if ("crash" in command) at(this.#gateways, command.crash).crash();
    else at(this.#gateways, command.hibernate).hibernate();
  }

  #open(client: Client, gateway: number): void {
    // A room takes it that what is old has been had by whoever is connected: of copies it knows nothing.
    const late = this.framesLost || this.now - client.downAt > COPY_MS;
    if (client.session?.shared && late) client.forget();
    at(this.#gateways, gateway).open(client);
  }

  #durable({ durable, id, to }: { durable: number; id: number | undefined; to: number | undefined }): void {
    const socketId = to === undefined ? undefined : at(this.clients, to).session?.socketId;
    const publications = Array.from({ length: durable }, (_, index) => {
      const n = this.#events++;
      return {
        n,
        body: JSON.stringify(["durable", { n }]),
        delivery: "durable",
        ...(id !== undefined && { id: `${id + index}` }),
        ...(socketId !== undefined && { socketId }),
      } as const;
    });
    const publish = () => this.room("user:u").publish(publications);
    // Whoever publishes need not hear of it.
    this.network.call(this.#publisher, publish).catch(() => {});
  }

  /** Lets time pass, with all that comes due in it; in an outage no call arrives. */
  async #pass(ms: number, outage = false): Promise<void> {
    const end = this.now + ms;
    const long = ms >= LONG_MS;
    for (;;) {
      if (outage) {
        this.network.lose();
        await settled();
      } else if (long) await this.network.drain();
      const next = this.#soonest();
      if (next === undefined || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      await next.run();
      await settled();
    }
    this.now = Math.max(this.now, end);
  }

  #soonest(): { at: number; run: () => void | Promise<void> } | undefined {
    let soonest: { at: number; run: () => void | Promise<void> } | undefined;
    const add = (at: number | undefined, run: () => void | Promise<void>): void => {
      if (at !== undefined && (soonest === undefined || at < soonest.at)) soonest = { at, run };
    };
    for (const timer of this.#timers) {
      add(timer.at, () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        timer.life.busy--;
        if (!timer.life.dead) timer.run();
      });
    }
    for (const room of this.#rooms.values()) add(room.storage.alarmAt, () => room.alarm());
    for (const gateway of this.#gateways) {
      add(gateway.startAt, () => void gateway.life);
      add(gateway.reconcileAt, () => {
        gateway.reconcileAt = undefined;
        // Not awaited: it waits for messages.
        void gateway.life.reconcile();
      });
      for (const connection of gateway.connections) {
        add(connection.silentAt, () => {
          connection.silentAt = undefined;
          gateway.life.silent(connection);
        });
      }
    }
    return soonest;
  }

  #check(): void {
    const { faults } = this;
    const live = new Map<string, string[]>();
    for (const gateway of this.#gateways) {
      const { subscriptions, engine } = gateway.life;
      for (const room of subscriptions.rooms()) {
        const members = subscriptions
          .members(room)
          .map(({ id, data }) => `${id}.${data.connection} ${gateway.name}`);
        live.set(room, [...(live.get(room) ?? []), ...members]);
      }
      const own = this.clients.filter(({ connection }) => connection?.gateway === gateway).length;
      if (engine.sessions.size !== own)
        faults.push(`${gateway.name} holds ${engine.sessions.size}, not ${own}`);
    }
    for (const room of this.#rooms.values()) {
      const known = room.subscribers.map((row) => `${row.socketId}.${row.connection} ${row.gateway}`);
      const there = live.get(room.name) ?? [];
      if (known.sort().join() !== there.sort().join()) {
        faults.push(`${room.name} knows of ${known.join(", ")}, there are ${there.join(", ")}`);
      }
    }
    for (const client of this.clients) {
      if (client.session === undefined) continue;
      const next = this.nextFor(client);
      if (!client.connected) faults.push(`${client.name} is not connected`);
      else if (next !== undefined) faults.push(`${client.name} has not got ${next.event.n}`);
      for (const [key, there] of client.heard) {
        const [name = "", userId] = key.split(" ");
        const is = this.room(name).subscribers.some((row) => row.userId === userId);
        const [, symbol = ""] = name.split(":");
        if (this.framesLost || is === there || !client.knows(symbol) || !client.rooms.has(symbol)) continue;
        faults.push(`${client.name} thinks that ${userId} is${there ? "" : " not"} in ${name}`);
      }
      for (const symbol of client.awaited) faults.push(`${client.name} has not got the bars of ${symbol}`);
      for (const symbol of SYMBOLS) {
        if (!client.knows(symbol)) continue;
        const is = this.#rooms
          .get(`market:${symbol}`)
          ?.subscribers.some(({ socketId }) => socketId === client.session?.socketId);
        if ((is ?? false) !== client.rooms.has(symbol)) {
          faults.push(`${client.name} is${is ? "" : " not"} in ${symbol}`);
        }
      }
    }
  }
}
