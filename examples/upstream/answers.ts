/** The answers to all requests: each from the tables, or not at all. */
import type { DatabaseSync } from "node:sqlite";
import { chat } from "./chat.ts";
import { analysis, flows, transactions } from "./compliance.ts";
import type { Call, RequestName, Said } from "./contract.ts";
import { candles } from "./market.ts";
import { query } from "./query.ts";

export const answers: {
  readonly [N in RequestName]: (data: DatabaseSync, call: Call<N>) => Generator<Said>;
} = {
  query,
  request_market_data: candles,
  address_analysis: analysis,
  address_transactions: transactions,
  cross_border_flows: flows,
  chat,
};

/** The event that reports the failure of a request. */
export const ERRORS = {
  query: "query_error",
  request_market_data: "market_data_error",
  address_analysis: "address_analysis_error",
  address_transactions: "address_analysis_error",
  cross_border_flows: "address_analysis_error",
  chat: "chat_error",
} as const;
