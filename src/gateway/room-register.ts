import type { RoomRegister } from "./memberships.ts";

/** The rooms this gateway has sockets in, in the object's SQLite. Nothing is stored before the first. */
export class SqlRoomRegister implements RoomRegister {
  readonly #sql: SqlStorage;
  #created: boolean;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#created =
      [...sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'rooms'")].length > 0;
  }

  all(): string[] {
    if (!this.#created) return [];
    return this.#sql
      .exec<{ name: string }>("SELECT name FROM rooms")
      .toArray()
      .map(({ name }) => name);
  }

  add(room: string): void {
    if (!this.#created) {
      this.#sql.exec("CREATE TABLE rooms (name TEXT PRIMARY KEY) WITHOUT ROWID");
      this.#created = true;
    }
    this.#sql.exec("INSERT OR IGNORE INTO rooms VALUES (?)", room);
  }

  remove(room: string): void {
    if (this.#created) this.#sql.exec("DELETE FROM rooms WHERE name = ?", room);
  }
}
