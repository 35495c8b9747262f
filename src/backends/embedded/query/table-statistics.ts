import type { Table } from "../dataset/schema.ts";
import type { TableSizes } from "./cost.ts";
import { MAX_KEPT, MAX_STEPS } from "./guard.ts";
import { allRows, type QuerySql } from "./storage.ts";
import { TABLE_SHAPES } from "./tables.ts";

/**
 * A measure is taken again when the object has changed so many rows since: in parts of what was measured, or of the rows
 * that it takes to measure it, and rows.
 */
const STALE_PART = 0.1;
const STALE_READ = 0.01;
const STALE_ROWS = 1_000;

/** In rows of a table. */
interface MeasureLimits {
  /** Above this nothing is known of it: no query may pass by so many anyway. */
  readonly rows: number;
  /** Above this nobody counts the distinct values of a column, which all have to be kept meanwhile. */
  readonly distinctRows: number;
}

interface Measure {
  readonly value: number;
  /** Rows that the object had changed when it was taken. */
  readonly changes: number;
}

/**
 * Upper bounds of how much there is in the tables, infinite where it would take too long to know. They are measured when
 * first asked for, and kept: since a change adds one row to one table, what was measured plus the changes since is a
 * bound still.
 */
export class TableStatistics implements TableSizes {
  readonly #sql: QuerySql;
  readonly #limits: MeasureLimits;
  readonly #measures = new Map<string, Measure>();

  constructor(sql: QuerySql, limits: MeasureLimits = { rows: MAX_STEPS, distinctRows: MAX_KEPT }) {
    this.#sql = sql;
    this.#limits = limits;
  }

  rows(table: Table): number {
    const limit = this.#limits.rows;
    const count = this.#bound(`SELECT count(*) FROM (SELECT 1 FROM ${table} LIMIT ${limit + 1})`);
    return count <= limit ? count : Number.POSITIVE_INFINITY;
  }

  /** Rows that have the same values in some columns, at most: the first ones of an index, so that nothing is sorted. */
  largestGroup(table: Table, columns: readonly string[]): number {
    const rows = this.rows(table);
    if (!Number.isFinite(rows)) return rows;
    const group = `SELECT count(*) AS n FROM ${table} GROUP BY ${columns.join(", ")}`;
    return Math.min(rows, this.#bound(`SELECT coalesce(max(n), 0) FROM (${group})`, rows));
  }

  distinctValues(table: Table, column: string): number {
    const rows = this.rows(table);
    if (rows > this.#limits.distinctRows) return rows;
    return Math.min(rows, this.#bound(`SELECT count(DISTINCT ${column}) FROM ${table}`, rows));
  }

  /** Bytes of the longest text in a table; a new one may be longer, which only costs time. */
  longestText(table: Table): number {
    const rows = this.rows(table);
    if (!Number.isFinite(rows)) return rows;
    const texts = [...TABLE_SHAPES[table].columns].flatMap(([name, type]) => (type === "text" ? [name] : []));
    const longest = texts.map((name) => `coalesce(max(octet_length(${name})), 0)`);
    return this.#bound(`SELECT max(${longest.join(", ")}) FROM ${table}`, rows, false);
  }

  /** `rows`: those that the measure reads. `grows`: whether a new row may add one to it. */
  #bound(measure: string, rows = 0, grows = true): number {
    const changes = this.#number("SELECT total_changes()");
    const known = this.#measures.get(measure);
    const since = known === undefined ? 0 : changes - known.changes;
    const stale = Math.max((known?.value ?? 0) * STALE_PART, rows * STALE_READ) + STALE_ROWS;
    if (known !== undefined && since <= stale) return known.value + (grows ? since : 0);
    const value = this.#number(measure);
    this.#measures.set(measure, { value, changes });
    return value;
  }

  /** No number where there is none: a query is refused then. */
  #number(statement: string): number {
    return Number(allRows(this.#sql, statement)[0]?.[0]);
  }
}
