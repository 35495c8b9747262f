import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { SCHEMA } from "../../src/backends/embedded/dataset/schema.ts";
import type { QueryCursor, QueryStorage } from "../../src/backends/embedded/query/storage.ts";
import { queryData } from "./query-data.ts";

/** A dataset's storage as queries see it: real SQLite, in memory, with the dataset's tables and one of the importer's. */
export class TestQueryStorage implements QueryStorage {
  readonly database = new DatabaseSync(":memory:");

  constructor() {
    for (const statement of SCHEMA) this.database.exec(statement);
    this.database.exec("CREATE TABLE imports (source TEXT PRIMARY KEY, secret TEXT) WITHOUT ROWID");
    this.database.exec("CREATE TABLE _cf_KV (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
  }

  readonly sql = {
    exec: (sql: string, ...bindings: (string | number | null)[]): QueryCursor => {
      const statement = this.database.prepare(sql);
      statement.setReturnArrays(true);
      const columnNames = statement.columns().map(({ name }) => name);
      // Rows are arrays, as asked for.
      const rows = statement.iterate(...(bindings as SQLInputValue[])) as unknown as Iterable<
        readonly unknown[]
      >;
      return { columnNames, rowsRead: 0, raw: () => rows };
    },
  };

  readonly transactionSync = <T>(run: () => T): T => {
    this.database.exec("SAVEPOINT run");
    try {
      const result = run();
      this.database.exec("RELEASE run");
      return result;
    } catch (error) {
      this.database.exec("ROLLBACK TO run; RELEASE run");
      throw error;
    }
  };

  /** Adds about so many rows to each table. */
  fill(count: number): void {
    const statements = new Map<string, StatementSync>();
    for (const { sql, values } of queryData(count)) {
      const statement = statements.get(sql) ?? this.database.prepare(sql);
      statements.set(sql, statement);
      statement.run(...values);
    }
  }

  /** All that is in the database, schema and rows. */
  contents(): unknown {
    const tables = this.database.prepare("SELECT name, sql FROM sqlite_master ORDER BY name").all();
    const rows = tables
      .filter(({ sql }) => String(sql).startsWith("CREATE TABLE"))
      .map(({ name }) => this.database.prepare(`SELECT * FROM "${name}"`).all());
    return { tables, rows };
  }
}
