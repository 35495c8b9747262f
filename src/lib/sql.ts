export type SqlValue = string | number | null | ArrayBuffer;

/** The part of `SqlStorage` that plain modules use. */
export interface Sql {
  exec<T extends Record<string, SqlValue>>(
    query: string,
    ...bindings: (string | number | null)[]
  ): { toArray(): T[] };
}

/** Whether there is a table of that name; asking stores nothing. */
export const hasTable = (sql: Sql, name: string): boolean =>
  sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", name).toArray().length > 0;

/**
 * A table that is made when something is to be stored in it first: an object that keeps little is made sooner. One that
 * was made in a transaction which is rolled back is gone without its knowing: the object must begin anew then.
 */
export class LazyTable {
  readonly #sql: Sql;
  readonly #name: string;
  readonly #definition: string;
  /** Not known until it matters. */
  #exists: boolean | undefined;

  /** `definition` is what follows the name. */
  constructor(sql: Sql, name: string, definition: string) {
    this.#sql = sql;
    this.#name = name;
    this.#definition = definition;
  }

  get exists(): boolean {
    this.#exists ??= hasTable(this.#sql, this.#name);
    return this.#exists;
  }

  /** To be called before something is stored. Returns whether it had to be made. */
  ensure(): boolean {
    if (this.exists) return false;
    this.#sql.exec(`CREATE TABLE ${this.#name} ${this.#definition}`);
    this.#exists = true;
    return true;
  }
}
