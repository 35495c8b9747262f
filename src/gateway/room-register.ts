import type { RoomRegister } from "./memberships.ts";

/** The rooms this gateway has sockets in, in the object's SQLite. */
export class SqlRoomRegister implements RoomRegister {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS rooms (name TEXT PRIMARY KEY) WITHOUT ROWID");
  }

  all(): string[] {
    return this.#sql
      .exec<{ name: string }>("SELECT name FROM rooms")
      .toArray()
      .map(({ name }) => name);
  }

  add(room: string): void {
    this.#sql.exec("INSERT OR IGNORE INTO rooms VALUES (?)", room);
  }

  remove(room: string): void {
    this.#sql.exec("DELETE FROM rooms WHERE name = ?", room);
  }
}
