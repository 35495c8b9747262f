import type { ErrorEnvelope } from "../../../events/envelope.ts";
import type { After } from "../../../lib/after.ts";
import type { Clock } from "../../../lib/clock.ts";
import { err, ok, type Result } from "../../../lib/result.ts";
import { type Admitted, admit, MAX_STEPS, sqlError } from "./guard.ts";
import {
  failedLine,
  headLine,
  type QueryAnswer,
  type QueryCall,
  type QueryRpc,
  rowsLine,
} from "./protocol.ts";
import { ResultMemory } from "./result-memory.ts";
import { ResultRows } from "./result-rows.ts";
import type { Statement } from "./statement.ts";
import type { QueryStorage } from "./storage.ts";
import { TableStatistics } from "./table-statistics.ts";

/** A result of which nobody takes more for so long, in ms, is dropped. */
const MAX_IDLE = 60_000;
/** Time that a unit of work takes, in ms, until it is measured. */
const FIRST_RATE = 1 / 400_000;
/** What a query that cost so much took says something of the rate; how much it counts against those before. */
const MEASURED_UNITS = 2_000_000;
const RATE_WEIGHT = 0.2;

export interface QueriesDeps {
  readonly storage: QueryStorage;
  readonly clock: Clock;
  readonly after: After;
  /** Lets the platform do what is due; its clock stands still until then. */
  readonly yieldToOthers: () => Promise<void>;
}

const TOO_MANY: ErrorEnvelope = {
  code: "RATE_LIMITED",
  message:
    "Too many large results of this application are being read. Send the query again in a few seconds.",
  retryAfter: 5,
};

const TOO_MANY_OF_ONE: ErrorEnvelope = {
  code: "RATE_LIMITED",
  message:
    "Your other results are still being read, and leave no room for this one. Read them, then send it again.",
  retryAfter: 5,
};

/** Carries a result out of the transaction that it rolls back. */
class RollBack extends Error {}

/** The queries of one dataset. Each runs in one go; its result is kept in memory while it is sent. */
export class Queries implements QueryRpc {
  readonly #deps: QueriesDeps;
  readonly #statistics: TableStatistics;
  readonly #memory: ResultMemory;
  #msPerUnit = FIRST_RATE;

  constructor(deps: QueriesDeps) {
    this.#deps = deps;
    this.#statistics = new TableStatistics(deps.storage.sql);
    this.#memory = new ResultMemory(deps.after);
  }

  /** Bytes of results that are in memory now. */
  get held(): number {
    return this.#memory.held;
  }

  async query({ sql, params, userId }: QueryCall): Promise<QueryAnswer> {
    const guard = { sql: this.#deps.storage.sql, sizes: this.#statistics };
    const admitted = admit(sql, params, guard);
    if (!admitted.ok) return { status: "refused", error: admitted.error };
    const estimatedMs = Math.ceil(admitted.value.units * this.#msPerUnit);
    return { status: "accepted", estimatedMs, body: this.#stream(admitted.value, userId) };
  }

  /** Runs the query when the first line is asked for, and gives a line each time one is. */
  #stream(admitted: Admitted, userId: string): ReadableStream<Uint8Array> {
    let lines: Iterator<Uint8Array<ArrayBuffer>> | undefined;
    let held = 0;
    const left = new AbortController();
    let stopTimer = (): void => {};
    const free = (bytes: number): void => {
      held -= bytes;
      this.#memory.free(userId, bytes);
    };
    const leave = (): void => {
      left.abort();
      stopTimer();
      lines = undefined;
      free(held);
    };
    const wait = (controller: ReadableByteStreamController): void => {
      stopTimer = this.#deps.after(MAX_IDLE, () => {
        leave();
        controller.error(new Error("Nobody took the result."));
      });
    };
    return new ReadableStream({
      type: "bytes",
      start: wait,
      pull: async (controller) => {
        if (left.signal.aborted) return;
        stopTimer();
        try {
          if (lines === undefined) {
            const result = await this.#run(admitted, userId, left.signal);
            held = result?.ok === true ? result.value.bytes : 0;
            if (result === undefined || left.signal.aborted) return free(held);
            lines = linesOf(result);
          }
          const { done, value } = lines.next();
          if (done) {
            leave();
            controller.close();
            return;
          }
          controller.enqueue(value);
          free(Math.min(held, value.byteLength));
        } catch (error) {
          leave();
          throw error;
        }
        wait(controller);
      },
      cancel: leave,
    });
  }

  /** Runs a query as soon as there is memory for its result, which is then held; not if nobody waits for it any more. */
  async #run(
    admitted: Admitted,
    userId: string,
    left: AbortSignal,
  ): Promise<Result<ResultRows, ErrorEnvelope> | undefined> {
    if (!(await this.#memory.claim(userId, left))) return left.aborted ? undefined : err(TOO_MANY);
    let bytes = 0;
    let fits = false;
    let result: Result<ResultRows, ErrorEnvelope> | undefined;
    try {
      result = await this.#timed(admitted, left);
      if (result?.ok === true) bytes = result.value.bytes;
    } finally {
      fits = this.#memory.hold(userId, bytes);
    }
    return fits ? result : err(TOO_MANY_OF_ONE);
  }

  /** Runs a query, and learns from the time it took. */
  async #timed(
    { statement, units }: Admitted,
    left: AbortSignal,
  ): Promise<Result<ResultRows, ErrorEnvelope> | undefined> {
    const { clock, storage, yieldToOthers } = this.#deps;
    await yieldToOthers();
    if (left.aborted) return undefined;
    const began = clock();
    const result = runStatement(storage, statement);
    await yieldToOthers();
    if (units >= MEASURED_UNITS) {
      const rate = (clock() - began) / units;
      this.#msPerUnit += (rate - this.#msPerUnit) * RATE_WEIGHT;
    }
    return result;
  }
}

/**
 * All rows of a statement that has been admitted, or what went wrong, for its author. Whatever it was, it leaves no trace:
 * the transaction never commits.
 */
export const runStatement = (
  { sql, transactionSync }: QueryStorage,
  statement: Statement,
): Result<ResultRows, ErrorEnvelope> => {
  let result: Result<ResultRows, ErrorEnvelope> | undefined;
  try {
    transactionSync(() => {
      try {
        const cursor = sql.exec(statement.sql, ...statement.bindings);
        const rows = new ResultRows(cursor.columnNames);
        result = ok(rows);
        for (const row of cursor.raw()) {
          const added =
            cursor.rowsRead > MAX_STEPS
              ? err("The query has read more rows than is allowed.")
              : rows.add(row);
          if (added.ok) continue;
          result = err({ code: "VALIDATION_FAILED", message: added.error });
          break;
        }
        rows.flush();
      } catch (error) {
        result = err(sqlError(error, statement));
      }
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
  if (result === undefined) throw new Error("The transaction did not run.");
  return result;
};

/** Each piece is let go when it has been handed on. */
function* linesOf(
  result: Result<ResultRows, ErrorEnvelope>,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  if (!result.ok) {
    yield failedLine(result.error);
    return;
  }
  const { columns, count, pieces } = result.value;
  yield headLine({ columns, totalRows: count });
  pieces.reverse();
  for (let piece = pieces.pop(); piece !== undefined; piece = pieces.pop()) yield rowsLine(piece);
}
