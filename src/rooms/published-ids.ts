import { LazyTable, type Sql } from "../lib/sql.ts";

/**
 * The ids of what has been published into a room (ING-3). By id alone: an index by time would cost a row for each, a
 * trim that reads them all comes twice in a recovery window.
 */
export class PublishedIds {
  readonly #sql: Sql;
  readonly #table: LazyTable;

  constructor(sql: Sql) {
    this.#sql = sql;
    this.#table = new LazyTable(sql, "published", "(id TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID");
  }

  /** Remembers an id; false if it is known already. */
  add(id: string, at: number): boolean {
    this.#table.ensure();
    const added = this.#sql.exec("INSERT OR IGNORE INTO published VALUES (?, ?) RETURNING at", id, at);
    return added.toArray().length > 0;
  }

  /** When the oldest was added, ms since the epoch. */
  get oldestAt(): number | undefined {
    if (!this.#table.exists) return undefined;
    const [row] = this.#sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM published").toArray();
    return row?.at ?? undefined;
  }

  /** Forgets those added before `before`. */
  trim(before: number): void {
    if (this.#table.exists) this.#sql.exec("DELETE FROM published WHERE at < ?", before);
  }
}
