import { hasTable, type Sql } from "../lib/sql.ts";

/** A request that is being answered, and what its socket is told should the answer be lost. */
export interface OpenRequest {
  readonly id: string;
  /** The user's personal room. */
  readonly room: string;
  readonly socketId: string;
  /** The body of the error event. */
  readonly body: string;
}

type Row = { readonly id: string; readonly room: string; readonly socket_id: string; readonly body: string };

/** Remembers, across the object's death, which requests were being answered. Nothing is stored before the first. */
export class RequestRegister {
  readonly #sql: Sql;
  #created: boolean;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#created = hasTable(sql, "requests");
  }

  add({ id, room, socketId, body }: OpenRequest): void {
    if (!this.#created) {
      this.#sql.exec(
        "CREATE TABLE requests (id TEXT PRIMARY KEY, room TEXT, socket_id TEXT, body TEXT) WITHOUT ROWID",
      );
      this.#created = true;
    }
    this.#sql.exec("INSERT INTO requests VALUES (?, ?, ?, ?)", id, room, socketId, body);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM requests WHERE id = ?", id);
  }

  all(): OpenRequest[] {
    if (!this.#created) return [];
    const rows = this.#sql.exec<Row>("SELECT id, room, socket_id, body FROM requests").toArray();
    return rows.map(({ id, room, socket_id: socketId, body }) => ({ id, room, socketId, body }));
  }
}
