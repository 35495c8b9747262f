import type { World } from "./recovery-model.ts";
import type { Connection } from "./recovery-model-gateway.ts";

/** What the model knows of a session that a personal room has opened. */
export interface SessionFacts {
  readonly pid: string;
  readonly socketId: string;
  /** How many durable events had been accepted when it was opened, or opened again for an answer that was lost. */
  base: number;
  /** Somebody who holds it has ended it on purpose. */
  ended: boolean;
  /** Several clients hold it. */
  shared: boolean;
  /** Who was connected has had the events before this one for long: the room asks nobody for them. */
  aged: number;
}

export const CLOSED = Symbol("closed");

interface Payload {
  readonly n?: number;
  readonly symbol?: string;
  readonly timestamp?: number;
  readonly series?: readonly { readonly timestamp: number }[];
  readonly room?: string;
  readonly userId?: string;
}

type Event = [name: string, payload: Payload, ...unknown[]];

/**
 * A stock client, as far as recovery goes: see `socket.io-client/build/cjs/socket.js`. It checks what it gets against
 * what the model has accepted.
 */
export class Client {
  readonly name: string;
  readonly userId: string;
  readonly nsp: string;
  readonly #world: World;
  connection: Connection | undefined;
  connected = false;
  /** `_pid` and `_lastOffset` of the stock client. */
  pid: string | undefined;
  offset: string | undefined;
  session: SessionFacts | undefined;
  /** Of the accepted durable events, it has had those before this one that are for it. */
  position = 0;
  /** When its last connection ended. */
  downAt = 0;
  /** The markets whose rooms it has been told it is in. */
  readonly rooms = new Set<string>();
  /** How many requests for a market are not answered, and where one has never been. */
  readonly #open = new Map<string, number>();
  readonly #doubtful = new Set<string>();
  /** Whether it has been sent `connected`. */
  #greeted = false;
  /** The newest bar it has had of each market. */
  readonly bars = new Map<string, number>();
  /** On this connection: the markets whose bars must come next, and those whose bars have come. */
  readonly awaited = new Set<string>();
  readonly #initial = new Set<string>();
  #newestTransient = -1;
  /** On this connection: who is in a market (`room userId`) and who is not, as far as it was told. */
  readonly heard = new Map<string, boolean>();

  constructor(world: World, name: string, userId: string, nsp: string) {
    this.#world = world;
    this.name = name;
    this.userId = userId;
    this.nsp = nsp;
  }

  /** Whether it can tell if it is in the room of a market: no request for it is open, and nobody else makes any. */
  knows(symbol: string): boolean {
    return !this.#open.has(symbol) && !this.#doubts(symbol);
  }

  #doubts(symbol: string): boolean {
    return this.#doubtful.has(symbol) || this.session?.shared === true;
  }

  get #head(): string {
    return this.nsp === "/" ? "" : `${this.nsp},`;
  }

  /** Whether it is connected, and its room surely knows. */
  isOn(room: string): boolean {
    const { connection } = this;
    if (!this.connected || connection === undefined) return false;
    return room === `user:${this.userId}` && connection.gateway.connections.has(connection);
  }

  /** What CONNECT says. */
  get connect(): string {
    const auth = this.pid === undefined ? "" : JSON.stringify({ pid: this.pid, offset: this.offset });
    return `40${this.#head}${auth}`;
  }

  emit(name: "subscribe" | "unsubscribe", symbol: string): void {
    if (!this.connected || this.connection === undefined) return;
    this.#open.set(symbol, (this.#open.get(symbol) ?? 0) + 1);
    this.connection.up.waiting.push(`42${this.#head}${JSON.stringify([name, { room: `market:${symbol}` }])}`);
  }

  /** Takes over what another client of the same user knows, as a copied page does. */
  become(other: Client): void {
    this.pid = other.pid;
    this.offset = other.offset;
    this.session = other.session;
    this.position = other.position;
    this.downAt = other.connected ? this.#world.now : other.downAt;
    if (this.session !== undefined) this.session.shared = true;
    this.rooms.clear();
    this.bars.clear();
    for (const room of other.rooms) this.rooms.add(room);
    for (const [symbol, at] of other.bars) this.bars.set(symbol, at);
  }

  /** Ends the socket on purpose. */
  leave(): void {
    const { connection } = this;
    if (connection === undefined) return;
    if (this.connected) {
      connection.up.waiting.push(`41${this.#head}`);
      if (this.session !== undefined) this.session.ended = true;
    }
    connection.drop("later");
  }

  /** Goes, and knows nothing of it. */
  forget(): void {
    this.connection?.drop("now");
    this.session = undefined;
    this.pid = undefined;
    this.offset = undefined;
  }

  down(): void {
    if (this.connected) this.downAt = this.#world.now;
    this.connected = false;
    this.connection = undefined;
  }

  receive(packet: string | typeof CLOSED): void {
    if (packet === CLOSED) {
      this.down();
      return;
    }
    const head = this.#head;
    const data: unknown = JSON.parse(packet.slice(2 + head.length));
    if (packet.startsWith(`40${head}`)) this.#welcome(data as { sid: string; pid: string });
    else if (!this.connected) this.#fault(`got ${packet} before CONNECT`);
    // The server sends nothing else but events.
    else this.#event(data as Event);
  }

  #welcome({ sid, pid }: { sid: string; pid: string }): void {
    const world = this.#world;
    const session = world.sessions.get(pid);
    if (session === undefined || session.socketId !== sid) {
      this.#fault(`is told of a socket ${sid} with pid ${pid}, which no room has opened`);
      return;
    }
    this.connected = true;
    this.#greeted = false;
    this.awaited.clear();
    this.#initial.clear();
    this.heard.clear();
    this.#newestTransient = -1;
    const recovered = pid === this.pid;
    this.pid = pid;
    if (recovered) {
      // What was not answered on the last connection is not answered on this one.
      for (const symbol of this.#open.keys()) this.#doubtful.add(symbol);
      this.#open.clear();
      world.recoveries++;
      for (const symbol of world.marketsToldTo(this)) {
        this.awaited.add(symbol);
        if (this.knows(symbol) && !this.rooms.has(symbol)) this.#fault(`is brought to ${symbol}`);
      }
      return;
    }
    if (this.session !== undefined && world.recoverable(this)) this.#fault("is not recovered, and should be");
    this.session = session;
    this.position = session.base;
    this.rooms.clear();
    this.#open.clear();
    this.#doubtful.clear();
  }

  #event(args: Event): void {
    const [name, payload] = args;
    if (this.#greeted === (name === "connected"))
      this.#fault(`got ${name} ${this.#greeted ? "again" : "first"}`);
    this.#greeted = true;
    switch (name) {
      case "durable":
        this.#durable(payload.n ?? -1);
        break;
      case "transient":
        if ((payload.n ?? -1) <= this.#newestTransient)
          this.#fault(`got transient ${payload.n} late or again`);
        this.#newestTransient = payload.n ?? -1;
        break;
      case "user_joined_room":
      case "user_left_room":
        this.#presence(name === "user_joined_room", payload);
        break;
      case "bar":
        this.#bar(payload.symbol ?? "", payload.timestamp ?? 0);
        break;
      case "market_chart_initial_data":
        this.#initialData(payload.symbol ?? "", payload.series ?? []);
        break;
      case "subscribed": {
        const symbol = this.#answered(payload.room);
        this.rooms.add(symbol);
        if (!this.#initial.has(symbol)) this.awaited.add(symbol);
        break;
      }
      case "unsubscribed": {
        const symbol = this.#answered(payload.room);
        this.rooms.delete(symbol);
        this.#initial.delete(symbol);
        if (this.awaited.has(symbol)) this.#fault(`has left ${symbol} before it got its bars`);
        for (const key of this.heard.keys()) if (key.startsWith(`market:${symbol} `)) this.heard.delete(key);
        break;
      }
      case "subscribe_error":
        // Whether recovery would bring it there is unknown.
        this.#doubtful.add(this.#answered(payload.room));
        break;
      default:
        break;
    }
    const last = args.at(-1);
    if (this.pid !== undefined && typeof last === "string") this.offset = last;
  }

  /** The market of the request that is answered. */
  #answered(room = ""): string {
    const symbol = room.slice("market:".length);
    const open = this.#open.get(symbol) ?? 0;
    if (open > 1) this.#open.set(symbol, open - 1);
    else this.#open.delete(symbol);
    this.#doubtful.delete(symbol);
    return symbol;
  }

  #durable(n: number): void {
    const next = this.#world.nextFor(this);
    if (next?.event.n !== n) {
      this.#fault(`got ${n} where ${next?.event.n} is next`);
      return;
    }
    this.position = next.index + 1;
  }

  #presence(there: boolean, { room = "", userId = "" }: Payload): void {
    if (!room.startsWith("market:") || userId === this.userId) return;
    const key = `${room} ${userId}`;
    // What is lost of presence is told by no one else.
    if (this.heard.get(key) === there && !this.#world.framesLost)
      this.#fault(`hears twice that ${userId} ${there ? "is" : "is not"} in ${room}`);
    this.heard.set(key, there);
  }

  /** What a market's room has, once for each time the socket comes to it. */
  #initialData(symbol: string, series: readonly { readonly timestamp: number }[]): void {
    if (!this.awaited.delete(symbol)) this.#fault(`got the bars of ${symbol} unasked`);
    this.#initial.add(symbol);
    const times = series.map(({ timestamp }) => timestamp);
    if (!this.#world.barsToldTo(this, symbol).includes(times.join()))
      this.#fault(`got bars ${times.join()} of ${symbol}, which are not what the room had`);
    const newest = times.at(-1) ?? 0;
    this.#notOlder(symbol, newest);
    this.bars.set(symbol, newest);
  }

  /** The next bar: none is left out, none comes again. */
  #bar(symbol: string, timestamp: number): void {
    if (!this.rooms.has(symbol) && !this.#doubts(symbol))
      this.#fault(`got a bar of ${symbol}, where it is not`);
    if (this.awaited.has(symbol)) this.#fault(`got bar ${timestamp} of ${symbol} before those the room had`);
    const newest = this.bars.get(symbol) ?? 0;
    const { forgetful, published } = this.#world.room(`market:${symbol}`);
    const gap = published.indexOf(timestamp) - published.indexOf(newest) - 1;
    if (gap > 0 && !forgetful && !this.#world.framesLost)
      this.#fault(`got bar ${timestamp} of ${symbol}, ${gap} too late, after ${newest}`);
    if (timestamp === newest) this.#fault(`got bar ${timestamp} of ${symbol} again`);
    this.#notOlder(symbol, timestamp);
    this.bars.set(symbol, timestamp);
  }

  #notOlder(symbol: string, timestamp: number): void {
    const newest = this.bars.get(symbol) ?? 0;
    if (timestamp < newest && !this.#world.room(`market:${symbol}`).forgetful)
      this.#fault(`got bar ${timestamp} of ${symbol} after ${newest}`);
  }

  #fault(what: string): void {
    this.#world.faults.push(`${this.name} ${what}`);
  }
}
