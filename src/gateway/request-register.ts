import { LazyTable, type Sql } from "../lib/sql.ts";

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
  readonly #table: LazyTable;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LazyTable(
      sql,
      "requests",
      "(id TEXT PRIMARY KEY, room TEXT, socket_id TEXT, body TEXT) WITHOUT ROWID",
    );
  }

  add({ id, room, socketId, body }: OpenRequest): void {
    this.#table.ensure();
    this.#sql.exec("INSERT INTO requests VALUES (?, ?, ?, ?)", id, room, socketId, body);
  }

  remove(id: string): void {
    this.#sql.exec("DELETE FROM requests WHERE id = ?", id);
  }

  all(): OpenRequest[] {
    if (!this.#table.exists) return [];
    const rows = this.#sql.exec<Row>("SELECT id, room, socket_id, body FROM requests").toArray();
    return rows.map(({ id, room, socket_id: socketId, body }) => ({ id, room, socketId, body }));
  }
}
