/** What the handler of `query` and a dataset say to each other over RPC. Pure. */
import type { ErrorEnvelope } from "../../../events/envelope.ts";
import { LineDecoder } from "../../../lib/line-decoder.ts";
import type { ResultColumn } from "./result-rows.ts";
import type { SqlParams } from "./statement.ts";

export interface QueryCall {
  readonly sql: string;
  readonly params?: SqlParams | undefined;
  /** Whose results count together. */
  readonly userId: string;
}

/**
 * - `accepted`: the query is about to run; `body` has the lines of its result
 * - `refused`: it is not run
 */
export type QueryAnswer =
  | { readonly status: "accepted"; readonly estimatedMs: number; readonly body: ReadableStream<Uint8Array> }
  | { readonly status: "refused"; readonly error: ErrorEnvelope };

export interface QueryRpc {
  query(call: QueryCall): Promise<QueryAnswer>;
}

/** What a result is, before its rows. */
export interface ResultHead {
  readonly columns: readonly ResultColumn[];
  readonly totalRows: number;
}

/** Rows, by the names of their columns. */
export type ResultRow = Readonly<Record<string, string | number | null>>;

/** A line of a result: its head, then rows, or instead of both what went wrong. */
export type ResultLine =
  | { readonly kind: "head"; readonly head: ResultHead }
  | { readonly kind: "rows"; readonly rows: readonly ResultRow[] }
  | { readonly kind: "failed"; readonly error: ErrorEnvelope };

const MARKS = { head: "h", rows: "r", failed: "f" } as const;
const NEWLINE = 10;

const encoder = new TextEncoder();

export const headLine = (head: ResultHead) => line(MARKS.head, encoder.encode(JSON.stringify(head)));

export const failedLine = (error: ErrorEnvelope) => line(MARKS.failed, encoder.encode(JSON.stringify(error)));

/** `rows`: a JSON array, in UTF-8. */
export const rowsLine = (rows: Uint8Array) => line(MARKS.rows, rows);

const line = (mark: string, json: Uint8Array): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(json.byteLength + 2);
  whole[0] = mark.charCodeAt(0);
  whole.set(json, 1);
  whole[whole.byteLength - 1] = NEWLINE;
  return whole;
};

/** The lines of a result as they come. Leaving the loop cancels the body, and so does `signal`, which ends the loop. */
export async function* readLines(
  body: ReadableStream<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<ResultLine, void, undefined> {
  const reader = body.getReader();
  // Of a body that has failed, the reader has heard.
  const leave = () => reader.cancel().catch(() => undefined);
  signal?.addEventListener("abort", leave);
  const decoder = new LineDecoder();
  try {
    while (signal?.aborted !== true) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const text of decoder.push(value)) yield readLine(text);
    }
  } finally {
    signal?.removeEventListener("abort", leave);
    await leave();
  }
}

const readLine = (text: string): ResultLine => {
  // Written by the functions above.
  const value = JSON.parse(text.slice(1)) as unknown;
  switch (text.charAt(0)) {
    case MARKS.head:
      return { kind: "head", head: value as ResultHead };
    case MARKS.rows:
      return { kind: "rows", rows: value as readonly ResultRow[] };
    default:
      return { kind: "failed", error: value as ErrorEnvelope };
  }
};
