/** Answers `query`: one SELECT over the tables of an application, which its dataset runs (docs/embedded.md, "Query"). */
import type { Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import { callRetrying } from "../../lib/rpc.ts";
import { failure, type Handler } from "../backend.ts";
import { type QueryRpc, type ResultHead, readLines } from "./query/protocol.ts";

/** Rows between two reports of progress. */
const PROGRESS_ROWS = 10_000;

export interface QueryDeps {
  /** The datasets, named by application id, as the platform binds them. */
  readonly datasets: { getByName(name: string): Pick<QueryRpc, "query"> };
  readonly clock: Clock;
  readonly sleep: Sleep;
}

export const queryHandler = ({ datasets, clock, sleep }: QueryDeps): Handler<"query"> =>
  async function* (request, signal) {
    const began = clock();
    const { sql, params } = request.payload;
    const { applicationId, userId } = request;
    // The port has checked that the user may open it. Nothing is run before the first line is read.
    const ask = () => datasets.getByName(applicationId).query({ sql, params, userId });
    const answer = await callRetrying(ask, sleep);
    if (answer.status === "refused") {
      yield failure(request, answer.error);
      return;
    }
    if (signal.aborted) {
      await answer.body.cancel();
      return;
    }
    yield { event: "query_started", data: { estimatedMs: answer.estimatedMs } };
    let head: ResultHead | undefined;
    let sent = 0;
    let reported = 0;
    for await (const line of readLines(answer.body, signal)) {
      if (signal.aborted) return;
      if (line.kind === "failed") {
        yield failure(request, line.error);
        return;
      }
      if (line.kind === "head") {
        head = line.head;
        if (head.totalRows === 0) yield { event: "query_response", data: { rows: [], schema: head.columns } };
        continue;
      }
      if (head === undefined) throw new Error("The result has no head.");
      yield { event: "query_response", data: { rows: line.rows, schema: head.columns } };
      sent += line.rows.length;
      if (sent - reported < PROGRESS_ROWS && sent < head.totalRows) continue;
      reported = sent;
      yield { event: "query_progress", data: progress(sent, head.totalRows) };
    }
    if (signal.aborted) return;
    if (head === undefined) throw new Error("The result has no head.");
    if (sent < head.totalRows)
      throw new Error(`The result broke off after ${sent} of ${head.totalRows} rows.`);
    if (head.totalRows === 0) yield { event: "query_progress", data: progress(0, 0) };
    yield { event: "query_completed", data: { durationMs: clock() - began, totalRows: head.totalRows } };
  };

/** Rows that were sent, of the rows that were found. */
const progress = (rowsProcessed: number, total: number) => ({
  rowsProcessed,
  pct: total === 0 ? 100 : Math.round((rowsProcessed / total) * 1_000) / 10,
});
