import { describe, expect, it } from "vitest";
import { catalogue } from "../../../src/events/catalogue.ts";

type Name = Exclude<keyof typeof catalogue, "ping">;

/** Whether the example of an event is still valid with these fields changed. */
function accepts(name: Name, change: Record<string, unknown>): boolean {
  const { schema, example } = catalogue[name];
  return schema.safeParse({ ...example, ...change }).success;
}

function expectField(
  name: Name,
  field: string,
  valid: readonly unknown[],
  invalid: readonly unknown[],
): void {
  for (const value of valid) expect(accepts(name, { [field]: value }), `${name}.${field} valid`).toBe(true);
  for (const value of invalid)
    expect(accepts(name, { [field]: value }), `${name}.${field} invalid`).toBe(false);
}

describe("decimals", () => {
  it("MKT-1 prices and volumes come out as they went in", () => {
    const bar = {
      symbol: "BTC-USD",
      open: "61685.990000000000000000001",
      high: 61690.1,
      low: "0",
      close: "00061686.00",
      volume: 0,
      timestamp: 1723161600000,
      venue: "binance",
    };
    expect(catalogue.market_chart_live_update.schema.parse(bar)).toStrictEqual(bar);
  });

  it("MKT-1 prices are finite and not negative", () => {
    const invalid = [
      -1,
      "-1",
      "",
      ".5",
      "5.",
      "1e5",
      "0x1",
      " 1",
      "1\n",
      "1,5",
      "+1",
      Number.NaN,
      null,
      true,
      [1],
    ];
    expectField("market_chart_live_update", "open", [0, 1.5, "0", "1.50", "123456789012345678901"], invalid);
    expectField("market_trade", "size", ["0.00017", 2], [...invalid, Number.POSITIVE_INFINITY]);
    expectField(
      "market_orderbook_update",
      "bids",
      [[], [["1", 2]]],
      [[["1"]], [["1", 2, 3]], [["-1", 2]], ["12"]],
    );
  });

  it("amounts of credit may be negative", () => {
    expectField("credits_deducted", "amount", [-1, "-1.5", "0", 12.5], ["-", "1e3", Number.NaN, null]);
  });

  it("totalsUSD is a decimal or a record of decimals", () => {
    expectField(
      "cross_border_flows_response",
      "totalsUSD",
      [1, "1.5", {}, { in: 1, out: "2" }],
      ["x", { in: "x" }, [1]],
    );
  });
});

describe("timestamps", () => {
  it("MKT-1 market times are integer milliseconds", () => {
    expectField(
      "market_trade",
      "timestamp",
      [0, 1723161601437],
      [1.5, -1, "2024-08-09T00:00:01Z", "1723161601437"],
    );
  });

  it("backends may stamp milliseconds or ISO 8601, and either is kept", () => {
    const valid = [
      1723161601437,
      "2024-08-09T00:00:01Z",
      "2024-08-09T00:00:01.437Z",
      "2024-08-09T02:00:01.437123+02:00",
      "2024-08-09T00:00:01.437",
    ];
    expectField("credits_granted", "timestamp", valid, [1.5, "yesterday", "", "2024-13-09T00:00:01Z", null]);
    for (const timestamp of valid) {
      const { schema, example } = catalogue.activity_logged;
      expect(schema.parse({ ...example, timestamp }).timestamp).toBe(timestamp);
    }
  });
});

describe("limits of requests", () => {
  const text = (length: number) => "a".repeat(length);

  it("bounds texts", () => {
    expectField("query", "sql", [text(1), text(100_000)], ["", text(100_001), 1]);
    expectField("query", "applicationId", [text(200)], ["", text(201), null]);
    expectField("chat", "message", [text(1), text(100_000)], ["", text(100_001)]);
    expectField("address_analysis", "address", [text(200)], ["", text(201)]);
    expectField("request_market_data", "resolution", ["1m", text(20)], ["", text(21), 60]);
    expectField("subscribe", "room", ["x", text(200)], ["", text(201), null, ["market:BTC-USD"]]);
  });

  it("bounds numbers", () => {
    expectField("address_analysis", "hops", [1, 5, undefined], [0, 6, 1.5, "2", null]);
    expectField("address_transactions", "limit", [1, 1000, undefined], [0, 1001, 1.5, "10"]);
    expectField("query_progress", "pct", [0, 100, 49.5], [-1, 100.1, "50"]);
  });

  it("takes chains in lower case", () => {
    expectField(
      "address_analysis",
      "chain",
      ["ethereum", "polygon-zkevm", "arbitrum_one"],
      ["Ethereum", "", " eth", "-a"],
    );
  });

  it("takes symbols of two or three parts", () => {
    expectField(
      "request_market_data",
      "symbol",
      ["BTC-USD", "BTC-USD-PERP"],
      ["BTC", "btc-usd", "A-B-C-D", "BTC-"],
    );
  });

  it("takes a window as a span or as ordered bounds", () => {
    const invalid = [
      "",
      {},
      { from: 1 },
      { from: 2, to: 1 },
      { from: 1, to: 2, step: 1 },
      { from: 1.5, to: 2 },
      24,
    ];
    expectField(
      "request_market_data",
      "window",
      ["24h", { from: 1, to: 2 }, { from: 1, to: 1 }, undefined],
      invalid,
    );
    expectField("cross_border_flows", "window", ["30d", { from: 1, to: 2 }], [...invalid, undefined]);
  });

  it("takes at most 20 venues", () => {
    expectField(
      "request_market_data",
      "venues",
      [[], Array(20).fill("v")],
      [Array(21).fill("v"), "v", [""], [1]],
    );
  });

  it("takes at most 100 scalar parameters, by position or by name", () => {
    const named = (size: number) => Object.fromEntries(Array.from({ length: size }, (_, i) => [`p${i}`, i]));
    const valid = [[], Array(100).fill(1), ["a", 1, true, null], {}, named(100), { a: null }];
    expectField("query", "params", valid, [Array(101).fill(1), named(101), [{}], { a: [] }, "a", 1, null]);
  });

  it("takes any record as context", () => {
    expectField("chat", "context", [{}, { a: { b: [1] } }, undefined], [[], "a", null]);
  });
});

describe("what backends publish", () => {
  it("rows are records or arrays", () => {
    expectField("query_response", "rows", [[], [{ a: 1 }, [1, null]]], [[1], {}, "rows", [null]]);
    expectField("query_response", "schema", [[], {}, [{ name: "a" }]], ["a", null]);
  });

  it("nextCursor is null on the last page", () => {
    expectField("address_transactions_response", "nextCursor", ["abc", null], [undefined, 1]);
  });

  it("MKT-2 a series is of candles, whose unknown fields are kept", () => {
    const series = [{ open: 1, high: "2", low: 1, close: 1, volume: 0, timestamp: 0, trades: 7 }];
    const parsed = catalogue.market_chart_initial_data.schema.parse({ symbol: "BTC-USD", series });
    expect(parsed.series).toEqual(series);
    expectField("market_chart_initial_data", "series", [[]], [[{ open: 1 }], [[0, 1, 2, 1, 1, 0]], {}]);
  });
});
