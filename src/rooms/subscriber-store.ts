import type { SubscriberRow, SubscriberStore } from "./subscribers.ts";

/** Subscribers in the room's SQLite. */
export class SqlSubscriberStore implements SubscriberStore {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(`CREATE TABLE IF NOT EXISTS subscribers (
      socket_id TEXT PRIMARY KEY,
      gateway TEXT NOT NULL,
      user_id TEXT NOT NULL
    ) WITHOUT ROWID`);
  }

  all(): SubscriberRow[] {
    return this.#sql
      .exec<{ socketId: string; gateway: string; userId: string }>(
        "SELECT socket_id AS socketId, gateway, user_id AS userId FROM subscribers",
      )
      .toArray();
  }

  put({ socketId, gateway, userId }: SubscriberRow): void {
    this.#sql.exec("INSERT OR REPLACE INTO subscribers VALUES (?, ?, ?)", socketId, gateway, userId);
  }

  delete(socketId: string): void {
    this.#sql.exec("DELETE FROM subscribers WHERE socket_id = ?", socketId);
  }
}
