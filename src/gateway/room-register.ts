import { LazyTable, type Sql } from "../lib/sql.ts";
import type { RoomRegister } from "./memberships.ts";

/** The rooms this gateway has sockets in, in the object's SQLite. Nothing is stored before the first. */
export class SqlRoomRegister implements RoomRegister {
  readonly #sql: Sql;
  readonly #table: LazyTable;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LazyTable(sql, "room_register", "(name TEXT PRIMARY KEY, stale INTEGER) WITHOUT ROWID");
  }

  all(): string[] {
    return this.#names("SELECT name FROM room_register");
  }

  stale(): string[] {
    return this.#names("SELECT name FROM room_register WHERE stale");
  }

  add(room: string): void {
    this.#table.ensure();
    this.#sql.exec("INSERT OR IGNORE INTO room_register VALUES (?, FALSE)", room);
  }

  mark(room: string, stale: boolean): void {
    if (this.#table.exists)
      this.#sql.exec("UPDATE room_register SET stale = ? WHERE name = ?", Number(stale), room);
  }

  remove(room: string): void {
    if (this.#table.exists) this.#sql.exec("DELETE FROM room_register WHERE name = ?", room);
  }

  #names(query: string): string[] {
    if (!this.#table.exists) return [];
    return this.#sql
      .exec<{ name: string }>(query)
      .toArray()
      .map(({ name }) => name);
  }
}
