/** The query engine: SQL in, progress and rows out. */
import * as z from "zod";
import { client, family, server } from "./define.ts";
import { envelopeFields } from "./envelope.ts";
import { backendRefusals, count, durationMs, id, list, pct, record } from "./fields.ts";

const MAX_PARAMS = 100;

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()], {
  error: "Expected a string, number, boolean or null",
});

const params = z.union(
  [
    z.array(scalar).max(MAX_PARAMS),
    z
      .record(z.string(), scalar)
      .refine(
        (named) => Object.keys(named).length <= MAX_PARAMS,
        `Expected at most ${MAX_PARAMS} parameters`,
      ),
  ],
  { error: "Expected an array of values, or an object of named values" },
);

export const queryEvents = family("query", {
  query: client({
    schema: z.strictObject({
      sql: z.string().min(1).max(100_000),
      params: params.optional(),
      applicationId: id,
    }),
    summary: "Runs a SQL query and streams its results.",
    example: {
      sql: "SELECT symbol, price FROM trades WHERE symbol = ? LIMIT 2",
      params: ["BTC-USDT"],
      applicationId: "app_1",
    },
    responses: [
      "query_started",
      "query_progress",
      "query_response",
      "query_completed",
      "query_error",
      ...backendRefusals,
    ],
    completion: "query_completed",
    error: "query_error",
  }),
  query_started: server({
    delivery: "transient",
    schema: z.looseObject({ queryId: id, estimatedMs: durationMs }),
    summary: "The query was accepted and is running.",
    example: { queryId: "q_01", estimatedMs: 850 },
  }),
  query_progress: server({
    delivery: "transient",
    schema: z.looseObject({ queryId: id, rowsProcessed: count, pct }),
    summary: "How far the query has come.",
    example: { queryId: "q_01", rowsProcessed: 5000, pct: 49.3 },
  }),
  query_response: server({
    delivery: "durable",
    schema: z.looseObject({
      queryId: id,
      rows: z.array(z.union([record, list], { error: "Expected a row: an object or an array" })),
      schema: z.union([list, record], { error: "Expected an array or an object" }),
    }),
    summary: "Rows of the result, and what their columns are.",
    example: {
      queryId: "q_01",
      rows: [
        { symbol: "BTC-USDT", price: "61685.99" },
        { symbol: "BTC-USDT", price: "61686" },
      ],
      schema: [
        { name: "symbol", type: "text" },
        { name: "price", type: "text" },
      ],
    },
  }),
  query_completed: server({
    delivery: "durable",
    schema: z.looseObject({ queryId: id, durationMs, totalRows: count }),
    summary: "The query is done; nothing more follows.",
    example: { queryId: "q_01", durationMs: 912, totalRows: 2 },
  }),
  query_error: server({
    delivery: "durable",
    schema: z.looseObject({ queryId: id, ...envelopeFields }),
    summary: "The query failed; nothing more follows.",
    example: { queryId: "q_01", code: "NOT_FOUND", message: "There is no table named trade." },
  }),
});
