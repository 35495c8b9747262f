/** The part of a Durable Object's storage that queries use. */
export interface QuerySql {
  exec(sql: string, ...bindings: (string | number | null)[]): QueryCursor;
}

export interface QueryCursor {
  readonly columnNames: readonly string[];
  /** Rows that SQLite has read so far. */
  readonly rowsRead: number;
  raw(): Iterable<readonly unknown[]>;
}

export interface QueryStorage {
  readonly sql: QuerySql;
  /** All that `run` stores, or nothing of it if it throws. */
  readonly transactionSync: <T>(run: () => T) => T;
}

/** All rows of a statement of our own. */
export const allRows = (sql: QuerySql, statement: string, ...bindings: (string | number | null)[]) => [
  ...sql.exec(statement, ...bindings).raw(),
];
