import { LazyTable, type Sql } from "../lib/sql.ts";
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
