import type { ErrorEnvelope } from "../../../../events/envelope.ts";
import { err, ok } from "../../../../lib/result.ts";
import { type QueryRpc, type ResultRow, readLines } from "../../query/protocol.ts";
import type { Data } from "./assistant.ts";

/** The datasets, named by application id, as the platform binds them. */
export interface Datasets {
  getByName(name: string): Pick<QueryRpc, "query">;
}

/** The data of an application, by the engine that also answers `query`. */
export const dataOf =
  (datasets: Datasets) =>
  (applicationId: string): Data => ({
    async ask(sql, params) {
      const answer = await datasets.getByName(applicationId).query({ sql, params: [...params] });
      if (answer.status === "refused") return err(refusal(answer.error));
      const rows: ResultRow[] = [];
      for await (const line of readLines(answer.body)) {
        if (line.kind === "failed") return err(refusal(line.error));
        if (line.kind === "rows") rows.push(...line.rows);
      }
      return ok(rows);
    },
  });

/** The SELECT is not the user's: what is wrong with it is no fault of the message. */
const refusal = ({ code, message, retryAfter }: ErrorEnvelope): ErrorEnvelope =>
  code === "RATE_LIMITED"
    ? { code, message, retryAfter }
    : { code: "INTERNAL", message: `The query that answers this was not run. ${message}` };
