import type { After, Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import type { Log } from "../../lib/log.ts";
import type { Backend } from "../backend.ts";
import { assistant } from "./chat/assistant/assistant.ts";
import { dataOf } from "./chat/assistant/dataset-data.ts";
import type { ChatEngine } from "./chat/engine.ts";
import { openAiEngine } from "./chat/openai/openai-engine.ts";
import { type ChatDeps, chatHandler } from "./chat.ts";
import { addressAnalysisHandler, addressTransactionsHandler, crossBorderFlowsHandler } from "./compliance.ts";
import { type MeteringDeps, metered } from "./credits/metering.ts";
import type { ComplianceRpc } from "./dataset/compliance-protocol.ts";
import { authorized, handling } from "./embedded-backend.ts";
import { type MarketDataDeps, marketDataHandler } from "./market.ts";
import type { QueryRpc } from "./query/protocol.ts";
import { queryHandler } from "./query.ts";

export interface EmbeddedConfig {
  readonly CREDIT_COSTS: ReadonlyMap<string, number>;
  readonly CHAT_URL: string | undefined;
  readonly CHAT_MODEL: string | undefined;
  readonly CHAT_KEY: string | undefined;
  readonly BACKEND_IDLE_TIMEOUT: number;
}

export interface EmbeddedDeps {
  readonly config: EmbeddedConfig;
  readonly datasets: { getByName(name: string): Pick<QueryRpc, "query"> & ComplianceRpc };
  readonly markets: MarketDataDeps["markets"];
  readonly ledgers: MeteringDeps["ledgers"];
  readonly conversations: ChatDeps["conversations"];
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly waitUntil: MeteringDeps["waitUntil"];
  readonly clock: Clock;
  readonly after: After;
  readonly sleep: Sleep;
  readonly log: Log;
}

/** The embedded backend, whole: a handler for each request, and what they cost. */
export const createEmbeddedBackend = (deps: EmbeddedDeps): Backend => {
  const { config, datasets, markets, ledgers, conversations, waitUntil, clock, after, sleep, log } = deps;
  const compliance = { datasets, clock, sleep, log };
  const backend = handling({
    query: queryHandler({ datasets, clock, sleep }),
    request_market_data: marketDataHandler({ markets, sleep, log }),
    address_analysis: addressAnalysisHandler(compliance),
    address_transactions: addressTransactionsHandler(compliance),
    cross_border_flows: crossBorderFlowsHandler(compliance),
    chat: chatHandler({ conversations, engine: engineOf(deps), clock, after, sleep, waitUntil }),
  });
  return authorized(metered(backend, { ledgers, costs: config.CREDIT_COSTS, sleep, waitUntil, log }));
};

/** The model that is configured, else the assistant. */
const engineOf = ({ config, datasets, fetch, after, sleep, clock, log }: EmbeddedDeps): ChatEngine => {
  const { CHAT_URL: url, CHAT_MODEL: model, CHAT_KEY: key, BACKEND_IDLE_TIMEOUT: idleTimeoutMs } = config;
  if (url === undefined || model === undefined) return assistant({ dataOf: dataOf(datasets, sleep) });
  return openAiEngine({ url, model, key, idleTimeoutMs, fetch, after, clock, log });
};
