import { catalogue } from "../../../events/catalogue.ts";
import type { Sleep } from "../../../lib/after.ts";
import { describeError, type Log } from "../../../lib/log.ts";
import { callRetrying } from "../../../lib/rpc.ts";
import { isAnswer } from "../../answer.ts";
import type { Backend, BackendEvent, BackendRequest, Refusal, Started } from "../../backend.ts";
import { CANCELLED, RETRY_AFTER_S } from "../../failures.ts";
import { Hold, type HoldDeps } from "./hold.ts";
import { ledgerName } from "./names.ts";
import type { Deducted, Ledgers } from "./protocol.ts";

export interface MeteringDeps {
  readonly ledgers: Ledgers<"deduct" | "settle" | "refund">;
  /** Credits by event; what is not in it, or costs 0, is free. */
  readonly costs: ReadonlyMap<string, number>;
  readonly sleep: Sleep;
  /** Lets calls of ledgers end though the request they belong to is over, such as `ctx.waitUntil`. */
  readonly waitUntil: (work: Promise<void>) => void;
  readonly log: Log;
}

const LEDGER_UNREACHABLE: Refusal = {
  event: "error",
  data: {
    code: "INTERNAL",
    message: "Your credits cannot be reached now. Nothing has been run. Send the request again.",
    retryAfter: RETRY_AFTER_S,
  },
};

/**
 * A backend whose requests cost credits. The cost is deducted before the request is run, and given back unless the
 * request has a first result: the answer fails, ends or breaks off before, or nobody waits for it any more.
 */
export const metered = (backend: Backend, deps: MeteringDeps): Backend => ({
  async start(request, signal) {
    const amount = deps.costs.get(request.event) ?? 0;
    if (amount === 0) return backend.start(request, signal);
    const charged = await charge(request, amount, deps);
    if ("refused" in charged) return { status: "refused", refusal: charged.refused };
    return run(backend, request, signal, charged.hold);
  },
});

const charge = async (
  { id: requestId, event: action, applicationId, userId }: BackendRequest,
  amount: number,
  { ledgers, sleep, waitUntil, log }: MeteringDeps,
): Promise<{ readonly hold: Hold } | { readonly refused: Refusal }> => {
  const name = ledgerName(applicationId, userId);
  let deducted: Deducted;
  try {
    deducted = await callRetrying(() => ledgers.getByName(name).deduct({ requestId, action, amount }), sleep);
  } catch (error) {
    // It may have been deducted: then the hold lapses.
    log("error", "deduct_failed", { request: requestId, error: describeError(error) });
    return { refused: LEDGER_UNREACHABLE };
  }
  if (!deducted.ok) {
    const { required, available } = deducted;
    return { refused: { event: "insufficient_credits", data: { required, available, action } } };
  }
  const call: HoldDeps["call"] = (tell) => callRetrying(() => tell(ledgers.getByName(name)), sleep);
  return { hold: new Hold({ requestId, call, waitUntil, log }) };
};

const run = async (
  backend: Backend,
  request: BackendRequest,
  signal: AbortSignal,
  hold: Hold,
): Promise<Started> => {
  if (signal.aborted) {
    await hold.refund();
    return { status: "refused", refusal: { event: "error", data: CANCELLED } };
  }
  signal.addEventListener("abort", () => void hold.refund(), { once: true });
  let started: Started;
  try {
    started = await backend.start(request, signal);
  } catch (error) {
    await hold.refund();
    throw error;
  }
  switch (started.status) {
    case "accepted":
      return { status: "accepted", events: heldUntilResult(request, started.events, signal, hold) };
    case "deferred":
      // The answer will not pass here: whoever took the request vouches for it.
      await hold.settle();
      return started;
    case "refused":
      await hold.refund();
      return started;
    default:
      return started satisfies never;
  }
};

/** Passes the events on, and closes the hold before it passes on what decides: a result, or a failure. */
async function* heldUntilResult(
  request: BackendRequest,
  events: AsyncIterable<BackendEvent>,
  signal: AbortSignal,
  hold: Hold,
): AsyncGenerator<BackendEvent, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  let first: BackendEvent | undefined;
  try {
    while (first === undefined) {
      const step = await Promise.race([aborted, iterator.next()]);
      if (step === undefined || step.done || signal.aborted) return;
      const event = step.value;
      const kind = kindOf(request, event);
      if (kind === "result") first = event;
      else {
        if (kind === "failure") await hold.refund();
        yield event;
        if (kind === "failure") return;
      }
    }
    await hold.settle();
  } finally {
    if (first === undefined) {
      // Not awaited: work that heeds no abort would hold up the refund.
      Promise.resolve(iterator.return?.()).catch(() => {});
      await hold.refund();
    }
  }
  try {
    yield first;
    yield* { [Symbol.asyncIterator]: () => iterator };
  } finally {
    await iterator.return?.();
  }
}

/** Says only that something is being done. */
const isProgress = (event: string): boolean =>
  /_(?:started|progress)$/.test(event) || event === "chat_typing" || event === "chat_stop_typing";

const kindOf = (request: BackendRequest, event: BackendEvent): "progress" | "failure" | "result" => {
  const { event: name } = event;
  if (name === catalogue[request.event].error) return "failure";
  if (isProgress(name)) return "progress";
  // What breaks the catalogue reaches nobody.
  return isAnswer(request, event) ? "result" : "failure";
};
