import type { Member } from "./protocol.ts";

export interface SubscriberRow extends Member {
  readonly gateway: string;
}

/** Where subscribers outlive the room's memory: one row a socket. */
export interface SubscriberStore {
  all(): SubscriberRow[];
  put(row: SubscriberRow): void;
  /** Of a personal room, whoever has it deleted also tells the session that its socket has left (`Sessions.left`). */
  delete(socketId: string): void;
}

/** What a change meant for the user whose socket it was. */
export type Change = "none" | "socket" | "user";

/** The sockets subscribed to a room, with counts kept along: in memory, written through to the store. */
export class Subscribers {
  readonly #store: SubscriberStore;
  readonly #rows = new Map<string, SubscriberRow>();
  readonly #gateways = new Map<string, Set<string>>();
  readonly #users = new Map<string, number>();
  /** Gateways whose last socket has been removed. */
  readonly #emptied = new Set<string>();

  constructor(store: SubscriberStore) {
    this.#store = store;
    for (const row of store.all()) this.#index(row);
  }

  /** Number of sockets (ROOM-4). */
  get size(): number {
    return this.#rows.size;
  }

  /** The gateways that hold at least one of them. */
  get gateways(): readonly string[] {
    return [...this.#gateways.keys()];
  }

  /** The gateways that hold none of them any more, since this was last asked. */
  takeEmptied(): string[] {
    const emptied = [...this.#emptied].filter((gateway) => !this.#gateways.has(gateway));
    this.#emptied.clear();
    return emptied;
  }

  /** Ids of a gateway's sockets. */
  socketsOf(gateway: string): ReadonlySet<string> {
    return this.#gateways.get(gateway) ?? new Set();
  }

  get(socketId: string): SubscriberRow | undefined {
    return this.#rows.get(socketId);
  }

  /**
   * Adds a socket, or moves it to another gateway. `user`: it is its user's first. A gateway that speaks of an older
   * connection than the socket's present one changes nothing.
   */
  add(row: SubscriberRow): Change {
    const known = this.#rows.get(row.socketId);
    if (known !== undefined) {
      if (row.connection < known.connection) return "none";
      if (row.gateway === known.gateway && row.connection === known.connection) return "none";
      this.#unindex(known);
    }
    this.#store.put(row);
    this.#index(row);
    if (known !== undefined) return "none";
    return this.#users.get(row.userId) === 1 ? "user" : "socket";
  }

  /**
   * Removes a socket that `gateway` held. `user`: it was its user's last. A gateway that speaks of a socket which has
   * moved to another, or of an older connection, changes nothing.
   */
  remove(gateway: string, socketId: string, connection: number): Change {
    const row = this.#rows.get(socketId);
    if (row === undefined || row.gateway !== gateway || connection < row.connection) return "none";
    this.#store.delete(socketId);
    this.#unindex(row);
    return this.#users.has(row.userId) ? "socket" : "user";
  }

  #index(row: SubscriberRow): void {
    this.#rows.set(row.socketId, row);
    const sockets = this.#gateways.get(row.gateway);
    if (sockets === undefined) this.#gateways.set(row.gateway, new Set([row.socketId]));
    else sockets.add(row.socketId);
    this.#users.set(row.userId, (this.#users.get(row.userId) ?? 0) + 1);
  }

  #unindex(row: SubscriberRow): void {
    this.#rows.delete(row.socketId);
    const sockets = this.#gateways.get(row.gateway);
    if (sockets?.delete(row.socketId) && sockets.size === 0) {
      this.#gateways.delete(row.gateway);
      this.#emptied.add(row.gateway);
    }
    const count = (this.#users.get(row.userId) ?? 0) - 1;
    if (count > 0) this.#users.set(row.userId, count);
    else this.#users.delete(row.userId);
  }
}
