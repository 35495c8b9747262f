import type { ErrorEnvelope } from "../../events/envelope.ts";
import type { Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import { describeError, type Log } from "../../lib/log.ts";
import { err, ok, type Result } from "../../lib/result.ts";
import { callRetrying } from "../../lib/rpc.ts";
import { parseWindow } from "../../lib/time-window.ts";
import { type BackendEvent, type BackendRequest, failure, type Handler } from "../backend.ts";
import { RETRY_AFTER_S } from "../failures.ts";
import { normalizeAddress } from "./compliance/addresses.ts";
import { analyze } from "./compliance/analysis.ts";
import { corridorFlows, parseCorridor } from "./compliance/corridor.ts";
import { decodeCursor } from "./compliance/cursor.ts";
import { transactionsPage } from "./compliance/transactions.ts";
import type { ComplianceRpc, OnChain } from "./dataset/compliance-protocol.ts";

/** The datasets, as the platform binds them: by the id of their application. */
export interface Datasets {
  getByName(name: string): ComplianceRpc;
}

export interface ComplianceDeps {
  readonly datasets: Datasets;
  readonly clock: Clock;
  readonly sleep: Sleep;
  readonly log: Log;
}

const DEFAULT_LIMIT = 50;
const DEFAULT_HOPS = 2;

/** Days that one answer has flows of, twice: an event holds no more than 1 MB. */
const MAX_FLOWS = 3_000;

type Name = "address_analysis" | "address_transactions" | "cross_border_flows";

/** The event that ends an answer, or why there is none. */
type Outcome = Result<BackendEvent, ErrorEnvelope>;

/** Answers `address_analysis`: progress, the result, and how long it took. */
export const addressAnalysisHandler = (deps: ComplianceDeps): Handler<"address_analysis"> =>
  guarded(deps, async function* ({ payload }, source, signal) {
    const began = deps.clock();
    const { chain, hops = DEFAULT_HOPS } = payload;
    const normal = normalized(chain, payload.address);
    if (!normal.ok) return normal;
    const address = normal.value;
    const labels = onChain(chain, await source.addressLabels(chain, address));
    if (!labels.ok) return labels;
    yield { event: "address_analysis_started", data: {} };
    const steps = analyze(source, { chain, address, hops, labels: labels.value });
    let step = await steps.next();
    for (; !step.done; step = await steps.next()) {
      signal.throwIfAborted();
      yield { event: "address_analysis_progress", data: step.value };
    }
    yield { event: "address_analysis_response", data: { chain, address, hops, ...step.value } };
    const durationMs = Math.max(0, deps.clock() - began);
    return ok({ event: "address_analysis_completed", data: { durationMs } });
  });

/** Answers `address_transactions` with a page, newest first. An address without transfers has an empty one. */
export const addressTransactionsHandler = (deps: ComplianceDeps): Handler<"address_transactions"> =>
  // biome-ignore lint/correctness/useYield: the page is all of the answer.
  guarded(deps, async function* ({ payload }, source) {
    const { chain, limit = DEFAULT_LIMIT, cursor } = payload;
    const normal = normalized(chain, payload.address);
    if (!normal.ok) return normal;
    const address = normal.value;
    const after = cursor === undefined ? undefined : decodeCursor(chain, address, cursor);
    if (after?.ok === false) return invalid(after.error);
    // One more, to know whether another page follows.
    const asked = { chain, address, limit: limit + 1, ...(after && { after: after.value }) };
    const stored = onChain(chain, await source.addressPage(asked));
    if (!stored.ok) return stored;
    const data = transactionsPage(chain, address, stored.value, limit);
    return ok({ event: "address_transactions_response", data });
  });

/** Answers `cross_border_flows` from the jurisdictions of senders' and receivers' labels. */
export const crossBorderFlowsHandler = (deps: ComplianceDeps): Handler<"cross_border_flows"> =>
  // biome-ignore lint/correctness/useYield: the flows are all of the answer.
  guarded(deps, async function* ({ payload }, source, signal) {
    const corridor = parseCorridor(payload.corridor);
    if (!corridor.ok) return invalid(corridor.error);
    const range = parseWindow(payload.window, deps.clock());
    if (!range.ok) return invalid(range.error);
    const { from, to } = corridor.value;
    const found = await corridorFlows(source, corridor.value, range.value, signal);
    if (found.flows.length > MAX_FLOWS) {
      return invalid(
        `The window has flows on more days than an answer holds (${MAX_FLOWS / 2}). Ask for less.`,
      );
    }
    // So that no flows for want of labels are not taken for no flows.
    const labelledAddresses = await source.labelledIn([from, to]);
    const data = { corridor: payload.corridor, window: range.value, ...found, labelledAddresses };
    return ok({ event: "cross_border_flows_response", data });
  });

const invalid = (message: string): Result<never, ErrorEnvelope> =>
  err({ code: "VALIDATION_FAILED", message });

const normalized = (chain: string, address: string): Result<string, ErrorEnvelope> => {
  const normal = normalizeAddress(chain, address);
  return normal.ok ? normal : invalid(normal.error);
};

const onChain = <T>(chain: string, answer: OnChain<T>): Result<T, ErrorEnvelope> => {
  if (answer.known) return ok(answer.value);
  const { chains } = answer;
  const known =
    chains.length > 0 ? `It has ${chains.join(", ")}.` : "It has none: import transfers or labels.";
  return err({ code: "NOT_FOUND", message: `The application has no data of the chain ${chain}. ${known}` });
};

/** Runs the work of a handler on the dataset of its application; what goes wrong becomes the family's error event. */
const guarded = <N extends Name>(
  { datasets, sleep, log }: ComplianceDeps,
  work: (
    request: BackendRequest<N>,
    source: ComplianceRpc,
    signal: AbortSignal,
  ) => AsyncGenerator<BackendEvent, Outcome, undefined>,
): Handler<N> =>
  async function* (request, signal) {
    const { event, applicationId } = request;
    try {
      const outcome = yield* work(request, retrying(datasets, applicationId, sleep), signal);
      yield outcome.ok ? outcome.value : failure(request, outcome.error);
    } catch (error) {
      // Nobody waits any more.
      if (signal.aborted) return;
      log("error", "compliance_failed", { request: event, applicationId, error: describeError(error) });
      const message = "The data of the application cannot be read now. Try again.";
      yield failure(request, { code: "INTERNAL", message, retryAfter: RETRY_AFTER_S });
    }
  };

/** The dataset's reads, each attempt of them with a fresh stub. */
const retrying = (datasets: Datasets, name: string, sleep: Sleep): ComplianceRpc => {
  const call = <T>(read: (dataset: ComplianceRpc) => Promise<T>): Promise<T> =>
    callRetrying(() => read(datasets.getByName(name)), sleep);
  return {
    addressLabels: (chain, address) => call((dataset) => dataset.addressLabels(chain, address)),
    addressPage: (page) => call((dataset) => dataset.addressPage(page)),
    transfersOf: (query) => call((dataset) => dataset.transfersOf(query)),
    labelledIn: (jurisdictions) => call((dataset) => dataset.labelledIn(jurisdictions)),
    corridorSlice: (query) => call((dataset) => dataset.corridorSlice(query)),
  };
};
