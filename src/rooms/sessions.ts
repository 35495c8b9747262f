import type { Kv } from "../lib/kv.ts";
import type { Member } from "./protocol.ts";

/** What a socket needs to be recovered: kept while it is connected, and for a time after. */
export interface RecoverableSession {
  /** Names it to its client: a secret. */
  readonly pid: string;
  readonly socketId: string;
  /** The connection it lives on, or lived on last; 1 is its first. */
  readonly connection: number;
  /** The market rooms it is in. */
  readonly symbols: readonly string[];
  /** Of the log, it is to have the events after this one, whatever offset its client says. */
  readonly base: number;
  /** When its connection ended, ms since the epoch; `undefined` while it is there. */
  readonly leftAt: number | undefined;
  /** The gateway that holds its socket, while that is subscribed to the room. */
  readonly gateway: string | undefined;
}

/** A session's key in the storage is this and its pid. */
const PREFIX = "session:";

/** Sessions kept for one user whose connections have ended: clients that cannot recover leave one each time. */
const MAX_AWAY = 100;

/**
 * A user's sessions: in memory, written through to the storage. Each is one record: a user's room is made for nearly every
 * socket that comes, and a table of its own would cost more than all that goes into it.
 */
export class Sessions {
  readonly #kv: Kv;
  readonly #byPid = new Map<string, RecoverableSession>();
  readonly #bySocket = new Map<string, RecoverableSession>();

  constructor(kv: Kv) {
    this.#kv = kv;
    for (const [key, stored] of kv.list<Omit<RecoverableSession, "pid">>({ prefix: PREFIX })) {
      this.#index({ pid: key.slice(PREFIX.length), ...stored });
    }
  }

  /** The session, unless its connection ended at `since` or before. */
  find(pid: string, since: number): RecoverableSession | undefined {
    const session = this.#byPid.get(pid);
    return session?.leftAt !== undefined && session.leftAt <= since ? undefined : session;
  }

  /** When the first of the ended connections ended. */
  get oldestLeftAt(): number | undefined {
    return this.#away()[0]?.leftAt;
  }

  /** Whether far more connections have ended than are kept. */
  get full(): boolean {
    return this.#byPid.size > 2 * MAX_AWAY && this.#away().length > 2 * MAX_AWAY;
  }

  put(session: RecoverableSession): void {
    const { pid, ...stored } = session;
    this.#kv.put(PREFIX + pid, stored);
    this.#index(session);
  }

  /** The socket has left; `final`: not to return. */
  left(socketId: string, now: number, final: boolean): void {
    const session = this.#bySocket.get(socketId);
    if (session === undefined) return;
    if (final) this.#delete(session);
    else this.put({ ...session, leftAt: now, gateway: undefined });
  }

  /** The sockets that are subscribed to the room, and where. */
  get subscribed(): { socketId: string; connection: number; gateway: string }[] {
    return [...this.#byPid.values()].flatMap(({ socketId, connection, gateway }) =>
      gateway === undefined ? [] : { socketId, connection, gateway },
    );
  }

  /** Remembers which gateway holds a session's socket. False if that is on another connection, and then held by none. */
  place(gateway: string, { socketId, connection }: Pick<Member, "socketId" | "connection">): boolean {
    const session = this.#bySocket.get(socketId);
    if (session === undefined) return false;
    const here = session.leftAt === undefined && session.connection === connection;
    const placed = here ? gateway : undefined;
    if (session.gateway !== placed) this.put({ ...session, gateway: placed });
    return here;
  }

  /** What an older connection says changes nothing. */
  subscriptions(socketId: string, connection: number, symbols: readonly string[]): void {
    const session = this.#bySocket.get(socketId);
    if (session?.connection === connection) this.put({ ...session, symbols });
  }

  /**
   * The log's events up to `base` are older than a connection can be that carries nothing: whoever is connected has had
   * them, or they were not for it, and asks for none of them again, even once they are no longer there.
   */
  advance(base: number): void {
    for (const session of this.#byPid.values()) {
      if (session.leftAt === undefined && session.base < base) this.put({ ...session, base });
    }
  }

  /** Forgets those whose connection ended at `since` or before, and the oldest of too many. */
  trim(since: number): void {
    const away = this.#away();
    for (const [index, session] of away.entries()) {
      if ((session.leftAt ?? 0) <= since || index < away.length - MAX_AWAY) this.#delete(session);
    }
  }

  #away(): RecoverableSession[] {
    return [...this.#byPid.values()]
      .filter(({ leftAt }) => leftAt !== undefined)
      .sort((a, b) => (a.leftAt ?? 0) - (b.leftAt ?? 0));
  }

  #index(session: RecoverableSession): void {
    this.#byPid.set(session.pid, session);
    this.#bySocket.set(session.socketId, session);
  }

  #delete({ pid, socketId }: RecoverableSession): void {
    this.#kv.delete(PREFIX + pid);
    this.#byPid.delete(pid);
    this.#bySocket.delete(socketId);
  }
}
