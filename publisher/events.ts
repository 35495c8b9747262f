/**
 * What backends publish, written out from the catalogue (src/events/), so that publishers need neither it nor
 * zod. Not to be edited: npx vitest run --project unit test/unit/publisher/events.test.ts -u
 */
export interface ServerEvents {
  activity_logged: {
    activityId: string;
    type: string;
    message: string;
    timestamp: string | number;
  };
  address_analysis_completed: {
    jobId: string;
    durationMs: number;
  };
  address_analysis_error: {
    code: "INTERNAL" | "NOT_FOUND" | "RATE_LIMITED" | "UNAUTHORIZED" | "VALIDATION_FAILED";
    message: string;
    retryAfter?: number | undefined;
    jobId: string;
  };
  address_analysis_progress: {
    jobId: string;
    stage: string;
    pct: number;
  };
  address_analysis_response: {
    jobId: string;
    riskScore: string | number;
    riskLevel: string;
    clusters: unknown[];
    signals: unknown[];
  };
  address_analysis_started: {
    jobId: string;
  };
  address_transactions_response: {
    chain: string;
    address: string;
    transactions: unknown[];
    nextCursor: string | null;
  };
  chat_error: {
    code: "INTERNAL" | "NOT_FOUND" | "RATE_LIMITED" | "UNAUTHORIZED" | "VALIDATION_FAILED";
    message: string;
    retryAfter?: number | undefined;
    conversationId: string;
  };
  chat_message: {
    conversationId: string;
    role: string;
    delta: string;
    isFinal: boolean;
  };
  chat_response: {
    conversationId: string;
    messageId: string;
    tokens: number | Record<string, unknown>;
    sql?: string | undefined;
  };
  chat_stop_typing: {
    conversationId: string;
  };
  chat_typing: {
    conversationId: string;
  };
  connected: {
    userId: string;
    sid: string;
    timestamp: number;
  };
  credit_balance_updated: {
    newBalance: string | number;
    lifetimeEarned: string | number;
    lifetimeSpent: string | number;
    applicationId: string;
  };
  credits_deducted: {
    amount: string | number;
    newBalance: string | number;
    action: string;
    transactionId: string;
    timestamp: string | number;
  };
  credits_granted: {
    amount: string | number;
    newBalance: string | number;
    reason: string;
    transactionId: string;
    timestamp: string | number;
  };
  cross_border_flows_response: {
    corridor: string;
    flows: unknown[];
    totalsUSD: string | number | Record<string, string | number>;
  };
  insufficient_credits: {
    required: string | number;
    available: string | number;
    action: string;
  };
  market_chart_initial_data: {
    symbol: string;
    series: {
      open: string | number;
      high: string | number;
      low: string | number;
      close: string | number;
      volume: string | number;
      timestamp: number;
      venue?: string | undefined;
    }[];
  };
  market_chart_live_update: {
    symbol: string;
    open: string | number;
    high: string | number;
    low: string | number;
    close: string | number;
    volume: string | number;
    timestamp: number;
    venue?: string | undefined;
  };
  market_data_error: {
    code: "INTERNAL" | "NOT_FOUND" | "RATE_LIMITED" | "UNAUTHORIZED" | "VALIDATION_FAILED";
    message: string;
    retryAfter?: number | undefined;
  };
  market_data_response: {
    symbol: string;
    candles: {
      open: string | number;
      high: string | number;
      low: string | number;
      close: string | number;
      volume: string | number;
      timestamp: number;
      venue?: string | undefined;
    }[];
  };
  market_orderbook_update: {
    symbol: string;
    bids: [string | number, string | number][];
    asks: [string | number, string | number][];
    sequence: number;
    timestamp: number;
  };
  market_trade: {
    symbol: string;
    price: string | number;
    size: string | number;
    side: "buy" | "sell";
    tradeId: string | number;
    timestamp: number;
    venue?: string | undefined;
  };
  pong: {
    timestamp: number;
  };
  query_completed: {
    queryId: string;
    durationMs: number;
    totalRows: number;
  };
  query_error: {
    code: "INTERNAL" | "NOT_FOUND" | "RATE_LIMITED" | "UNAUTHORIZED" | "VALIDATION_FAILED";
    message: string;
    retryAfter?: number | undefined;
    queryId: string;
  };
  query_progress: {
    queryId: string;
    rowsProcessed: number;
    pct: number;
  };
  query_response: {
    queryId: string;
    rows: (unknown[] | Record<string, unknown>)[];
    schema: unknown[] | Record<string, unknown>;
  };
  query_started: {
    queryId: string;
    estimatedMs: number;
  };
  rate_limit_error: {
    message: string;
    retryAfter?: number | undefined;
    code: "RATE_LIMITED";
  };
  subscribe_error: {
    code: "INTERNAL" | "NOT_FOUND" | "RATE_LIMITED" | "UNAUTHORIZED" | "VALIDATION_FAILED";
    message: string;
    retryAfter?: number | undefined;
    room: string;
  };
  subscribed: {
    room: string;
    subscriberCount: number;
  };
  unsubscribed: {
    room: string;
  };
  user_joined_room: {
    userId: string;
    room: string;
    joinedAt: number;
  };
  user_left_room: {
    userId: string;
    room: string;
    leftAt: number;
  };
  validation_error: {
    message: string;
    retryAfter?: number | undefined;
    code: "VALIDATION_FAILED";
    event: string;
    issues: {
      path: string;
      message: string;
    }[];
  };
}

/**
 * Events that are logged for their user (USER-1): without an `id`, a repeated one would be delivered twice.
 */
export const durableEvents = [
  "activity_logged",
  "address_analysis_completed",
  "address_analysis_error",
  "address_analysis_response",
  "address_transactions_response",
  "chat_error",
  "chat_message",
  "chat_response",
  "credit_balance_updated",
  "credits_deducted",
  "credits_granted",
  "cross_border_flows_response",
  "insufficient_credits",
  "market_data_error",
  "market_data_response",
  "query_completed",
  "query_error",
  "query_response",
] as const;
