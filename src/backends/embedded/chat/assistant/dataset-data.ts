import type { ErrorEnvelope } from "../../../../events/envelope.ts";
import type { Sleep } from "../../../../lib/after.ts";
import { err, ok } from "../../../../lib/result.ts";
import { callRetrying } from "../../../../lib/rpc.ts";
import { type QueryRpc, type ResultRow, readLines } from "../../query/protocol.ts";
import type { AssistantOptions } from "./assistant.ts";

/** The datasets, named by application id, as the platform binds them. */
export interface Datasets {
  getByName(name: string): Pick<QueryRpc, "query">;
}

/** The data of an application, by the engine that also answers `query`. */
export const dataOf =
  (datasets: Datasets, sleep: Sleep): AssistantOptions["dataOf"] =>
  ({ applicationId, userId }, signal) => ({
    async ask(sql, params) {
      const call = { sql, params: [...params], userId };
      // Nothing is run before the first line is read.
      const answer = await callRetrying(() => datasets.getByName(applicationId).query(call), sleep);
      if (answer.status === "refused") return err(refusal(answer.error));
      const rows: ResultRow[] = [];
      for await (const line of readLines(answer.body, signal)) {
        if (line.kind === "failed") return err(refusal(line.error));
        if (line.kind === "rows") rows.push(...line.rows);
      }
      return signal.aborted ? err(CANCELLED) : ok(rows);
    },
  });

const CANCELLED: ErrorEnvelope = { code: "INTERNAL", message: "The answer was cancelled." };

/** The SELECT is not the user's: what is wrong with it is no fault of the message. */
const refusal = ({ code, message, retryAfter }: ErrorEnvelope): ErrorEnvelope =>
  code === "RATE_LIMITED"
    ? { code, message, retryAfter }
    : { code: "INTERNAL", message: `The query that answers this was not run. ${message}` };
