import type { Sql } from "../../../lib/sql.ts";
import type { ImportAnswer, ImportBatch, ImportProgress, TableCounts } from "./protocol.ts";
import { type BadRow, ROWS, type Row, readRow } from "./rows.ts";
import type { Table } from "./schema.ts";

export interface ImporterOptions {
  readonly sql: Sql;
  /** All that `run` stores, or nothing of it if it throws. */
  readonly transaction: <T>(run: () => T) => T;
}

const NONE: ImportProgress = { position: 0, inserted: 0, replaced: 0, unchanged: 0, skipped: 0 };

type Imported = Extract<ImportAnswer, { status: "imported" }>;

interface Latest {
  readonly position: number;
  readonly answer: Imported;
}

type Stored = "inserted" | "replaced" | "unchanged";

/** The statements that store a row; to both its values are bound in the order of `columns`. */
interface Statements {
  readonly columns: readonly string[];
  /** Gives a row if it has stored one, none if the key is taken. */
  readonly insert: string;
  /** Gives a row if it has changed the one that is there. */
  readonly replace: string;
}

const statementsOf = (table: Table): Statements => {
  const { columns, key } = ROWS[table];
  const marks = columns.map((_, index) => `?${index + 1}`);
  const compare = (operator: string, chosen: (column: string) => boolean): string[] =>
    columns.flatMap((column, index) => (chosen(column) ? [`${column} ${operator} ${marks[index]}`] : []));
  const isKey = (column: string) => key.includes(column);
  const isValue = (column: string) => !isKey(column);
  return {
    columns,
    insert: `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks.join(", ")})
      ON CONFLICT DO NOTHING RETURNING 1`,
    replace: `UPDATE ${table} SET ${compare("=", isValue).join(", ")}
      WHERE ${compare("=", isKey).join(" AND ")} AND (${compare("IS NOT", isValue).join(" OR ")}) RETURNING 1`,
  };
};

const STATEMENTS: Readonly<Record<Table, Statements>> = {
  bars: statementsOf("bars"),
  trades: statementsOf("trades"),
  transfers: statementsOf("transfers"),
  address_labels: statementsOf("address_labels"),
};

/**
 * Fills the tables of a dataset. Of each source it keeps how many rows are in, stored in one transaction with them, so
 * that an import goes on where it was cut off; and the answer to the latest batch, so that a batch whose answer was
 * lost can be sent again. A row whose key is taken replaces the one that is there: what is imported later is meant
 * to be a correction. The table `imports` is no table of the dataset: queries cannot read it.
 */
export class Importer {
  readonly #options: ImporterOptions;

  constructor(options: ImporterOptions) {
    this.#options = options;
    options.sql.exec(
      `CREATE TABLE IF NOT EXISTS imports (
        table_name TEXT NOT NULL,
        source TEXT NOT NULL,
        latest_position INTEGER NOT NULL,
        latest_answer TEXT NOT NULL,
        PRIMARY KEY (table_name, source)
      ) WITHOUT ROWID`,
    );
  }

  /** Stores a batch that goes on where its source stands; one that was the latest is answered as it was then. */
  importBatch(table: Table, { source, position, rows }: ImportBatch): ImportAnswer {
    const latest = this.#latest(table, source);
    const progress = latest?.answer.progress ?? NONE;
    if (latest?.position === position && progress.position === position + rows.length) return latest.answer;
    if (progress.position !== position) return { status: "out_of_order", position: progress.position };
    const rejected: (BadRow & { index: number })[] = [];
    const good: Row[] = [];
    for (const [index, row] of rows.entries()) {
      const read = readRow(table, row);
      if (read.ok) good.push(read.value);
      else rejected.push({ index, ...read.error });
    }
    return this.#options.transaction(() => {
      const counts = { inserted: 0, replaced: 0, unchanged: 0 };
      for (const row of good) counts[this.#store(table, row)]++;
      const answer: Imported = {
        status: "imported",
        progress: {
          position: position + rows.length,
          inserted: progress.inserted + counts.inserted,
          replaced: progress.replaced + counts.replaced,
          unchanged: progress.unchanged + counts.unchanged,
          skipped: progress.skipped + rejected.length,
        },
        rejected,
      };
      this.#options.sql.exec(
        "INSERT OR REPLACE INTO imports VALUES (?, ?, ?, ?)",
        ...[table, source, position, JSON.stringify(answer)],
      );
      return answer;
    });
  }

  progress(table: Table, source: string): ImportProgress {
    return this.#latest(table, source)?.answer.progress ?? NONE;
  }

  /** Empties a table, and forgets its sources: they can be imported anew. */
  empty(table: Table): void {
    this.#options.transaction(() => {
      this.#options.sql.exec(`DELETE FROM ${table}`);
      this.#options.sql.exec("DELETE FROM imports WHERE table_name = ?", table);
    });
  }

  counts(): TableCounts {
    const count = (table: Table): number =>
      this.#options.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).toArray()[0]?.n ?? 0;
    return {
      bars: count("bars"),
      trades: count("trades"),
      transfers: count("transfers"),
      address_labels: count("address_labels"),
    };
  }

  #store(table: Table, row: Row): Stored {
    const { columns, insert, replace } = STATEMENTS[table];
    const values = columns.map((column) => row[column] ?? null);
    if (this.#options.sql.exec(insert, ...values).toArray().length > 0) return "inserted";
    return this.#options.sql.exec(replace, ...values).toArray().length > 0 ? "replaced" : "unchanged";
  }

  /** Where the latest batch of a source began, and the answer to it. */
  #latest(table: Table, source: string): Latest | undefined {
    const [row] = this.#options.sql
      .exec<{ position: number; answer: string }>(
        `SELECT latest_position AS position, latest_answer AS answer FROM imports
         WHERE table_name = ? AND source = ?`,
        ...[table, source],
      )
      .toArray();
    // Written by `importBatch`.
    return row && { position: row.position, answer: JSON.parse(row.answer) as Imported };
  }
}
