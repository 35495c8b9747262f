import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { type Call, invalid, type Said } from "./contract.ts";

const MAX_ROWS = 100_000;
const ROWS_PER_EVENT = 500;

/** One SELECT over the tables. */
export function* query(data: DatabaseSync, { payload }: Call<"query">): Generator<Said> {
  const began = performance.now();
  const statement = prepare(data, payload.sql);
  const schema = statement.columns().map(({ name, type }) => ({ name, type: type?.toLowerCase() ?? null }));
  const params = payload.params ?? [];
  const rows: object[] = [];
  const all = Array.isArray(params)
    ? statement.iterate(...params.map(bindable))
    : statement.iterate(
        Object.fromEntries(Object.entries(params).map(([name, value]) => [name, bindable(value)])),
      );
  for (const row of all) {
    if (rows.push(row) > MAX_ROWS) throw invalid(`The result has over ${MAX_ROWS} rows. Add a LIMIT.`);
  }
  // The rows are there: what is left is to send them.
  yield { event: "query_started", data: { estimatedMs: Math.ceil(rows.length / 100) } };
  for (let sent = 0; sent < rows.length || sent === 0; sent += ROWS_PER_EVENT) {
    const chunk = rows.slice(sent, sent + ROWS_PER_EVENT);
    yield { event: "query_response", data: { rows: chunk as Record<string, unknown>[], schema } };
    const rowsProcessed = sent + chunk.length;
    yield {
      event: "query_progress",
      data: { rowsProcessed, pct: rows.length === 0 ? 100 : (100 * rowsProcessed) / rows.length },
    };
  }
  const durationMs = Math.round(performance.now() - began);
  yield { event: "query_completed", data: { durationMs, totalRows: rows.length } };
}

const prepare = (data: DatabaseSync, sql: string): StatementSync => {
  try {
    return data.prepare(sql);
  } catch (error) {
    const { message } = error as Error;
    throw invalid(`${message}. One SELECT over trades, transfers and address_labels is answered.`);
  }
};

const bindable = (value: string | number | boolean | null): SQLInputValue =>
  typeof value === "boolean" ? Number(value) : value;
