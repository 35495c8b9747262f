import { parseRoom } from "../events/rooms.ts";
import { LazyTable, type Sql } from "../lib/sql.ts";
import type { Sessions } from "./sessions.ts";
import type { SubscriberRow, SubscriberStore } from "./subscribers.ts";

/** Subscribers in the room's SQLite. */
export class SqlSubscriberStore implements SubscriberStore {
  readonly #sql: Sql;
  readonly #table: LazyTable;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LazyTable(
      sql,
      "sockets",
      `(
        socket_id TEXT PRIMARY KEY,
        gateway TEXT NOT NULL,
        user_id TEXT NOT NULL,
        connection INTEGER NOT NULL
      ) WITHOUT ROWID`,
    );
  }

  all(): SubscriberRow[] {
    if (!this.#table.exists) return [];
    return this.#sql
      .exec<{ socketId: string; gateway: string; userId: string; connection: number }>(
        "SELECT socket_id AS socketId, gateway, user_id AS userId, connection FROM sockets",
      )
      .toArray();
  }

  put({ socketId, gateway, userId, connection }: SubscriberRow): void {
    this.#table.ensure();
    this.#sql.exec(
      "INSERT OR REPLACE INTO sockets VALUES (?, ?, ?, ?)",
      socketId,
      gateway,
      userId,
      connection,
    );
  }

  delete(socketId: string): void {
    if (this.#table.exists) this.#sql.exec("DELETE FROM sockets WHERE socket_id = ?", socketId);
  }
}

/** Subscribers of a personal room: where one has a session, its gateway is stored with that, in one go. */
export class SessionSubscriberStore implements SubscriberStore {
  readonly #userId: string;
  readonly #sessions: Sessions;
  /** Of sockets whose sessions the room does not have, or has on another connection. */
  readonly #others: SubscriberStore;
  readonly #otherIds = new Set<string>();

  constructor(room: string, sessions: Sessions, others: SubscriberStore) {
    const parsed = parseRoom(room);
    if (parsed?.kind !== "user") throw new Error("Only a user's room has sessions.");
    this.#userId = parsed.userId;
    this.#sessions = sessions;
    this.#others = others;
  }

  all(): SubscriberRow[] {
    const others = this.#others.all();
    for (const { socketId } of others) this.#otherIds.add(socketId);
    const userId = this.#userId;
    return [...others, ...this.#sessions.subscribed.map((placed) => ({ ...placed, userId }))];
  }

  put(row: SubscriberRow): void {
    if (this.#sessions.place(row.gateway, row)) {
      this.delete(row.socketId);
      return;
    }
    this.#otherIds.add(row.socketId);
    this.#others.put(row);
  }

  /** Of one with a session, `Sessions.left` says so. */
  delete(socketId: string): void {
    if (this.#otherIds.delete(socketId)) this.#others.delete(socketId);
  }
}
