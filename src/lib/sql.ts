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
