import type { Table } from "../dataset/schema.ts";
import type { TableSizes } from "./cost.ts";
import { allRows, type QuerySql } from "./storage.ts";
import { TABLE_SHAPES } from "./tables.ts";

/** A measure is taken again when the object has changed so many rows since, in parts of what was measured, and rows. */
const STALE_PART = 0.1;
const STALE_ROWS = 1_000;

interface Measure {
  readonly value: number;
  /** Rows that the object had changed when it was taken. */
  readonly changes: number;
}

/**
 * Upper bounds of how much there is in the tables. They are measured when first asked for, and kept: since a change adds
 * one row to one table, what was measured plus the changes since is a bound still.
 */
export class TableStatistics implements TableSizes {
  readonly #sql: QuerySql;
  readonly #measures = new Map<string, Measure>();

  constructor(sql: QuerySql) {
    this.#sql = sql;
  }

  rows(table: Table): number {
    return this.#bound(`SELECT count(*) FROM ${table}`);
  }

  /** Rows that have the same values in some columns, at most. */
  largestGroup(table: Table, columns: readonly string[]): number {
    const group = `SELECT count(*) AS n FROM ${table} GROUP BY ${columns.join(", ")}`;
    return Math.min(this.rows(table), this.#bound(`SELECT coalesce(max(n), 0) FROM (${group})`));
  }

  distinctValues(table: Table, column: string): number {
    return this.#bound(`SELECT count(DISTINCT ${column}) FROM ${table}`);
  }

  /** Bytes of the longest text in a table; a new one may be longer, which only costs time. */
  longestText(table: Table): number {
    const texts = [...TABLE_SHAPES[table].columns].flatMap(([name, type]) => (type === "text" ? [name] : []));
    const longest = texts.map((name) => `coalesce(max(octet_length(${name})), 0)`);
    return this.#bound(`SELECT max(${longest.join(", ")}) FROM ${table}`, false);
  }

  #bound(measure: string, grows = true): number {
    const changes = Number(allRows(this.#sql, "SELECT total_changes()")[0]?.[0] ?? 0);
    const known = this.#measures.get(measure);
    const since = known === undefined ? 0 : changes - known.changes;
    if (known !== undefined && since <= known.value * STALE_PART + STALE_ROWS) {
      return known.value + (grows ? since : 0);
    }
    const value = Number(allRows(this.#sql, measure)[0]?.[0] ?? 0);
    this.#measures.set(measure, { value, changes });
    return value;
  }
}
