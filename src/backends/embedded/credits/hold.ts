import { describeError, type Log } from "../../../lib/log.ts";
import type { LedgerRpc, Standing } from "./protocol.ts";

export interface HoldDeps {
  readonly requestId: string;
  /** Makes a call of the ledger, again where that helps. */
  readonly call: (
    run: (ledger: Pick<LedgerRpc, "settle" | "refund">) => Promise<Standing>,
  ) => Promise<Standing>;
  /** Lets the call end though the request has. */
  readonly waitUntil: (work: Promise<void>) => void;
  readonly log: Log;
}

/** What is deducted for a request that has had no result yet. The first of `settle` and `refund` counts. */
export class Hold {
  readonly #deps: HoldDeps;
  #closed: Promise<void> | undefined;

  constructor(deps: HoldDeps) {
    this.#deps = deps;
  }

  /** Keeps what was deducted. Never rejects: what cannot be told to the ledger it gives back when the hold lapses. */
  settle(): Promise<void> {
    return this.#close("settled", (ledger) => ledger.settle(this.#deps.requestId));
  }

  /** Gives back what was deducted. Never rejects, for the same reason. */
  refund(): Promise<void> {
    return this.#close("refunded", (ledger) => ledger.refund(this.#deps.requestId));
  }

  #close(wanted: Standing, run: Parameters<HoldDeps["call"]>[0]): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = this.#tell(wanted, run);
      this.#deps.waitUntil(this.#closed);
    }
    return this.#closed;
  }

  async #tell(wanted: Standing, run: Parameters<HoldDeps["call"]>[0]): Promise<void> {
    const { call, log, requestId: request } = this.#deps;
    try {
      const standing = await call(run);
      if (standing !== wanted) log("warn", "hold_lapsed", { request, wanted, standing });
    } catch (error) {
      log("error", "hold_not_closed", { request, wanted, error: describeError(error) });
    }
  }
}
