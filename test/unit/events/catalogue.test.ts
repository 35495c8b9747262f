import { describe, expect, it } from "vitest";
import { catalogue, clientEvent, serverEvent } from "../../../src/events/catalogue.ts";
import type { CatalogueEvent, Family } from "../../../src/events/define.ts";

type Documented = readonly [
  name: string,
  direction: "client" | "server",
  family: Family,
  required: string,
  optional?: string,
];

// Written out by hand from the public event reference, not from the catalogue.
const documented: readonly Documented[] = [
  ["connected", "server", "system", "userId sid timestamp"],
  ["ping", "client", "system", ""],
  ["pong", "server", "system", "timestamp"],
  ["subscribe", "client", "system", "room"],
  ["unsubscribe", "client", "system", "room"],
  ["subscribed", "server", "system", "room subscriberCount"],
  ["unsubscribed", "server", "system", "room"],
  ["user_joined_room", "server", "system", "userId room joinedAt"],
  ["user_left_room", "server", "system", "userId room leftAt"],
  ["query", "client", "query", "sql applicationId", "params"],
  ["query_started", "server", "query", "queryId estimatedMs"],
  ["query_progress", "server", "query", "queryId rowsProcessed pct"],
  ["query_response", "server", "query", "queryId rows schema"],
  ["query_completed", "server", "query", "queryId durationMs totalRows"],
  ["query_error", "server", "query", "queryId code message", "retryAfter"],
  ["request_market_data", "client", "market", "symbol resolution", "venues window"],
  ["market_data_response", "server", "market", "symbol candles"],
  ["market_chart_initial_data", "server", "market", "symbol series"],
  ["market_chart_live_update", "server", "market", "symbol open high low close volume timestamp", "venue"],
  ["market_data_error", "server", "market", "code message", "retryAfter"],
  ["address_analysis", "client", "compliance", "chain address", "hops"],
  ["address_analysis_started", "server", "compliance", "jobId"],
  ["address_analysis_progress", "server", "compliance", "jobId stage pct"],
  ["address_analysis_response", "server", "compliance", "jobId riskScore riskLevel clusters signals"],
  ["address_analysis_completed", "server", "compliance", "jobId durationMs"],
  ["address_analysis_error", "server", "compliance", "jobId code message", "retryAfter"],
  ["address_transactions", "client", "compliance", "chain address", "limit cursor"],
  ["address_transactions_response", "server", "compliance", "chain address transactions nextCursor"],
  ["cross_border_flows", "client", "compliance", "corridor window"],
  ["cross_border_flows_response", "server", "compliance", "corridor flows totalsUSD"],
  ["credit_balance_updated", "server", "credits", "newBalance lifetimeEarned lifetimeSpent applicationId"],
  ["credits_deducted", "server", "credits", "amount newBalance action transactionId timestamp"],
  ["credits_granted", "server", "credits", "amount newBalance reason transactionId timestamp"],
  ["insufficient_credits", "server", "credits", "required available action"],
  ["chat", "client", "chat", "conversationId message", "context"],
  ["chat_typing", "server", "chat", "conversationId"],
  ["chat_stop_typing", "server", "chat", "conversationId"],
  ["chat_message", "server", "chat", "conversationId role delta isFinal"],
  ["chat_response", "server", "chat", "conversationId messageId tokens", "sql"],
  ["chat_error", "server", "chat", "conversationId code message", "retryAfter"],
  ["rate_limit_error", "server", "errors", "code message", "retryAfter"],
  ["validation_error", "server", "errors", "code message event issues", "retryAfter"],
];

const extensions: readonly Documented[] = [
  ["subscribe_error", "server", "system", "code message room", "retryAfter"],
  ["activity_logged", "server", "system", "activityId type message timestamp"],
  ["market_trade", "server", "market", "symbol price size side tradeId timestamp", "venue"],
  ["market_orderbook_update", "server", "market", "symbol bids asks sequence timestamp"],
];

const all = [...documented, ...extensions];

function find([name, direction]: Documented): CatalogueEvent {
  const event = direction === "client" ? clientEvent(name) : serverEvent(name);
  if (event === undefined) throw new Error(`${name} is not a ${direction} event of the catalogue`);
  return event;
}

function shapeOf(event: CatalogueEvent): Record<string, { safeParse(value: unknown): { success: boolean } }> {
  return "shape" in event.schema ? (event.schema.shape as ReturnType<typeof shapeOf>) : {};
}

const words = (text = "") => text.split(" ").filter(Boolean);

describe("the catalogue", () => {
  it("holds the documented events and the extensions, and no other", () => {
    expect(Object.keys(catalogue).sort()).toEqual(all.map(([name]) => name).sort());
  });

  it.for(all)("%s is a %s event of family %s with the fields { %s }", (row) => {
    const [name, direction, family, required, optional] = row;
    const event = find(row);
    expect(event.name).toBe(name);
    expect(event.family).toBe(family);
    expect(direction === "client" ? serverEvent(name) : clientEvent(name)).toBeUndefined();
    const shape = shapeOf(event);
    expect(Object.keys(shape).sort()).toEqual([...words(required), ...words(optional)].sort());
    const optionals = Object.keys(shape).filter((field) => shape[field]?.safeParse(undefined).success);
    expect(optionals.sort()).toEqual(words(optional).sort());
  });

  it("marks as extensions the events that the reference does not name", () => {
    const marked = Object.values<CatalogueEvent>(catalogue).filter((event) => event.extension);
    expect(marked.map(({ name }) => name).sort()).toEqual(extensions.map(([name]) => name).sort());
  });

  it("is frozen, entries too", () => {
    expect(Object.isFrozen(catalogue)).toBe(true);
    expect(Object.values(catalogue).every((event) => Object.isFrozen(event))).toBe(true);
  });

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty", "", "Query", "query "])(
    "knows no event named %j",
    (name) => {
      expect(clientEvent(name)).toBeUndefined();
      expect(serverEvent(name)).toBeUndefined();
    },
  );

  it("describes every event in one sentence", () => {
    for (const { name, summary } of Object.values(catalogue)) expect(summary, name).toMatch(/^[A-Z`].*\.$/);
  });
});

describe("examples", () => {
  it.for(all.filter(([name]) => name !== "ping"))(
    "%s passes its own schema and JSON, byte for byte",
    (row) => {
      const event = find(row);
      const json = JSON.stringify(event.example);
      expect(JSON.stringify(event.schema.parse(JSON.parse(json)))).toBe(json);
    },
  );

  it.for(all.filter(([, , , required]) => required !== ""))(
    "%s fails without any one required field",
    (row) => {
      const event = find(row);
      for (const field of words(row[3])) {
        const { [field]: _, ...rest } = event.example as Record<string, unknown>;
        expect(event.schema.safeParse(rest).success, field).toBe(false);
      }
    },
  );

  it("ping takes no payload", () => {
    expect(catalogue.ping.schema.safeParse(undefined).success).toBe(true);
    for (const payload of [null, {}, 1, "x"])
      expect(catalogue.ping.schema.safeParse(payload).success).toBe(false);
  });
});

describe("unknown fields", () => {
  it.for(all.filter(([name]) => name !== "ping"))("%s from or to a %s", (row) => {
    const event = find(row);
    const payload = { ...(event.example as Record<string, unknown>), addedLater: { deep: [1, "2"] } };
    const result = event.schema.safeParse(payload);
    if (row[1] === "client") expect(result.success).toBe(false);
    else expect(result.data).toEqual(payload);
  });
});

describe("answers", () => {
  const requests = all.filter(([, direction]) => direction === "client").map(([name]) => name);

  it.each(requests)("%s is answered with server events only", (name) => {
    const event = clientEvent(name);
    expect(event?.responses.length).toBeGreaterThan(0);
    for (const response of event?.responses ?? []) expect(serverEvent(response)?.name).toBe(response);
    expect(new Set(event?.responses).size).toBe(event?.responses.length);
  });

  it("REQ-2 every request to a backend has an error event, which is among its answers", () => {
    const errors = Object.fromEntries(requests.map((name) => [name, clientEvent(name)?.error]));
    expect(errors).toEqual({
      ping: undefined,
      subscribe: undefined,
      unsubscribe: undefined,
      query: "query_error",
      request_market_data: "market_data_error",
      address_analysis: "address_analysis_error",
      address_transactions: "address_analysis_error",
      cross_border_flows: "address_analysis_error",
      chat: "chat_error",
    });
    for (const [name, error] of Object.entries(errors)) {
      if (error !== undefined) expect(clientEvent(name)?.responses).toContain(error);
    }
  });
});

describe("delivery", () => {
  const delivered = (delivery: string) =>
    all.filter(([name]) => serverEvent(name)?.delivery === delivery).map(([name]) => name);

  it("USER-1 credits, activity and the results of requests are durable", () => {
    expect(delivered("durable").sort()).toEqual([
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
    ]);
  });

  it("USER-1 no durable event finds its way into a market room by itself", () => {
    const astray = delivered("durable").filter((name) => serverEvent(name)?.room !== undefined);
    expect(astray).toEqual([]);
  });

  // Clients with connection state recovery take a trailing string argument for the offset.
  it.each(all.filter(([name]) => serverEvent(name)).map(([name]) => name))(
    "USER-2 the payload of %s is an object: no string, and never absent",
    (name) => {
      const { schema } = serverEvent(name) ?? {};
      for (const payload of ["", "text", "{}", null, undefined, 0, true, []]) {
        expect(schema?.safeParse(payload).success, JSON.stringify(payload)).toBe(false);
      }
    },
  );

  it("MKT-3 live market events are volatile", () => {
    expect(delivered("volatile").sort()).toEqual([
      "market_chart_live_update",
      "market_orderbook_update",
      "market_trade",
    ]);
  });

  it("ING-1 market events find their room by their symbol", () => {
    const withRoom = all.filter(([name]) => serverEvent(name)?.room).map(([name]) => name);
    expect(withRoom.sort()).toEqual([
      "market_chart_initial_data",
      "market_chart_live_update",
      "market_orderbook_update",
      "market_trade",
    ]);
    for (const name of withRoom) {
      const event = serverEvent(name);
      expect(event?.room?.({ symbol: "ETH-USD-PERP" })).toBe("market:ETH-USD-PERP");
    }
  });

  it("MKT-1 a bar is replaced by the same symbol, venue and time only", () => {
    const { example, conflationKey } = catalogue.market_chart_live_update;
    const key = (change: object) => conflationKey?.({ ...example, ...change });
    expect(key({ close: "1" })).toBe(key({ close: "2", addedLater: true }));
    const others = [{ symbol: "ETH-USD" }, { timestamp: 1 }, { venue: "a" }, { venue: "a|1" }, {}].map(key);
    expect(new Set(others).size).toBe(others.length);
  });

  it("MKT-3 an order book replaces that of its symbol; a trade replaces nothing", () => {
    const { example, conflationKey } = catalogue.market_orderbook_update;
    expect(conflationKey?.({ ...example, sequence: 1 })).toBe(conflationKey?.({ ...example, sequence: 2 }));
    expect(conflationKey?.({ ...example, symbol: "ETH-USD" })).not.toBe(conflationKey?.(example));
    expect(catalogue.market_trade.conflationKey).toBeUndefined();
  });

  it("MKT-2 bars and the order book are a market's present state", () => {
    const { market_chart_live_update: update, market_orderbook_update: book } = catalogue;
    const bar = { open: "1.50", high: 2, low: "1", close: "1.5", volume: 0, timestamp: 7 };
    expect(update.bar?.({ symbol: "A-B", ...bar, trades: 3 })).toStrictEqual(bar);
    expect(update.bar?.({ symbol: "A-B", ...bar, venue: "v" })).toStrictEqual({ ...bar, venue: "v" });
    expect(book.snapshot?.({ ...book.example, timestamp: 9 })).toEqual({ key: "book", at: 9 });
    const having = (hook: "bar" | "snapshot") =>
      all.filter(([name]) => serverEvent(name)?.[hook]).map(([name]) => name);
    expect([having("bar"), having("snapshot")]).toEqual([
      ["market_chart_live_update"],
      ["market_orderbook_update"],
    ]);
  });
});
