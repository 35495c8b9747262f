import { LazyTable, type Sql } from "../lib/sql.ts";

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
}

type Row = {
  pid: string;
  socketId: string;
  connection: number;
  symbols: string;
  base: number;
  leftAt: number | null;
};

/** Sessions kept for one user whose connections have ended: clients that cannot recover leave one each time. */
const MAX_AWAY = 100;

/** A user's sessions: in memory, written through to SQLite. */
export class Sessions {
  readonly #sql: Sql;
  readonly #table: LazyTable;
  readonly #byPid = new Map<string, RecoverableSession>();
  readonly #bySocket = new Map<string, RecoverableSession>();

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LazyTable(
      sql,
      "sessions",
      `(
        pid TEXT PRIMARY KEY,
        socket_id TEXT NOT NULL,
        connection INTEGER NOT NULL,
        symbols TEXT NOT NULL,
        base INTEGER NOT NULL,
        left_at INTEGER
      ) WITHOUT ROWID`,
    );
    if (!this.#table.exists) return;
    const rows = sql
      .exec<Row>(
        "SELECT pid, socket_id AS socketId, connection, symbols, base, left_at AS leftAt FROM sessions",
      )
      .toArray();
    for (const { symbols, leftAt, ...row } of rows) {
      this.#index({ ...row, symbols: JSON.parse(symbols) as string[], leftAt: leftAt ?? undefined });
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
    const { pid, socketId, connection, symbols, base, leftAt } = session;
    this.#table.ensure();
    this.#sql.exec(
      "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?)",
      ...[pid, socketId, connection, JSON.stringify(symbols), base, leftAt ?? null],
    );
    this.#index(session);
  }

  /** The socket has left; `final`: not to return. */
  left(socketId: string, now: number, final: boolean): void {
    const session = this.#bySocket.get(socketId);
    if (session === undefined) return;
    if (final) this.#delete(session);
    else this.put({ ...session, leftAt: now });
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
    this.#sql.exec("DELETE FROM sessions WHERE pid = ?", pid);
    this.#byPid.delete(pid);
    this.#bySocket.delete(socketId);
  }
}
