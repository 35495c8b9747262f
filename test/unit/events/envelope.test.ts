import { describe, expect, it } from "vitest";
import * as z from "zod";
import { catalogue } from "../../../src/events/catalogue.ts";
import { errorEnvelope, issuesOf, MAX_ISSUE_CHARS, MAX_ISSUES } from "../../../src/events/envelope.ts";

function issues(schema: z.ZodType, payload: unknown) {
  const { error } = schema.safeParse(payload);
  if (error === undefined) throw new Error("the payload is valid");
  return issuesOf(error);
}

const query = catalogue.query.schema;
const market = catalogue.request_market_data.schema;

describe("the error envelope", () => {
  it.each(["RATE_LIMITED", "UNAUTHORIZED", "NOT_FOUND", "INTERNAL", "VALIDATION_FAILED"])(
    "ERR-1 knows %s",
    (code) => {
      expect(errorEnvelope.safeParse({ code, message: "m" }).success).toBe(true);
      expect(errorEnvelope.safeParse({ code, message: "m", retryAfter: 30 }).success).toBe(true);
    },
  );

  it.each([
    { code: "TEAPOT", message: "m" },
    { code: "INTERNAL" },
    { message: "m" },
    { code: "INTERNAL", message: "m", retryAfter: -1 },
    { code: "INTERNAL", message: "m", retryAfter: "30" },
  ])("ERR-1 refuses %j", (envelope) => {
    expect(errorEnvelope.safeParse(envelope).success).toBe(false);
  });

  it("ERR-1 validation_error has its own code, and rate_limit_error its own", () => {
    const { validation_error, rate_limit_error } = catalogue;
    const with_ = (event: { schema: z.ZodType; example: object }, code: string) =>
      event.schema.safeParse({ ...event.example, code }).success;
    expect(with_(validation_error, "VALIDATION_FAILED")).toBe(true);
    expect(with_(validation_error, "INTERNAL")).toBe(false);
    expect(with_(rate_limit_error, "RATE_LIMITED")).toBe(true);
    expect(with_(rate_limit_error, "INTERNAL")).toBe(false);
  });

  it("ROOM-2 subscribe_error is the envelope and the room asked for", () => {
    const { schema } = catalogue.subscribe_error;
    expect(schema.safeParse({ code: "UNAUTHORIZED", message: "m", room: "user:other" }).success).toBe(true);
    expect(schema.safeParse({ code: "UNAUTHORIZED", message: "m" }).success).toBe(false);
  });
});

describe("ERR-1 issuesOf", () => {
  it("joins the path with dots", () => {
    expect(issues(market, { symbol: "BTC-USD", resolution: "1m", venues: ["a", 7] })).toEqual([
      { path: "venues.1", message: "Invalid input: expected string, received number" },
    ]);
  });

  it("has an empty path for a payload that is wrong as a whole", () => {
    expect(issues(query, "SELECT 1")).toEqual([
      { path: "", message: "Invalid input: expected object, received string" },
    ]);
  });

  it("names every unknown field in its own issue, nested ones too", () => {
    const payload = {
      symbol: "BTC-USD",
      resolution: "1m",
      venue: "x",
      win: 1,
      window: { from: 1, to: 2, step: 3 },
    };
    expect(issues(market, payload)).toEqual([
      { path: "window.step", message: "Unknown field" },
      { path: "venue", message: "Unknown field" },
      { path: "win", message: "Unknown field" },
    ]);
  });

  it("speaks of the branch of a union that was meant", () => {
    const base = { symbol: "BTC-USD", resolution: "1m" };
    expect(issues(market, { ...base, window: { from: 1 } })[0]?.path).toBe("window.to");
    expect(issues(market, { ...base, window: { from: 2, to: 1 } })).toEqual([
      { path: "window.from", message: "Expected from not to be after to" },
    ]);
    expect(issues(market, { ...base, window: 24 })).toEqual([
      { path: "window", message: 'Expected a span such as "24h", or {from, to} in ms' },
    ]);
    expect(issues(query, { sql: "s", applicationId: "a", params: [1, {}] })).toEqual([
      { path: "params.1", message: "Expected a string, number, boolean or null" },
    ]);
    const bar = { ...catalogue.market_chart_live_update.example, open: "12,5" };
    expect(issues(catalogue.market_chart_live_update.schema, bar)).toEqual([
      { path: "open", message: 'Expected a non-negative decimal string such as "12.50"' },
    ]);
  });

  it("gives at most 20 issues", () => {
    const wrong = Array.from({ length: 100 }, () => ({}));
    expect(issues(query, { sql: "s", applicationId: "a", params: wrong })).toHaveLength(MAX_ISSUES);
    const unknown = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field${i}`, i]));
    expect(issues(query, { sql: "s", applicationId: "a", ...unknown })).toHaveLength(MAX_ISSUES);
    expect(issues(query, { sql: 1, applicationId: "a", ...unknown })).toHaveLength(MAX_ISSUES);
  });

  it("bounds paths and messages to 300 characters of valid text", () => {
    const name = `${"x".repeat(MAX_ISSUE_CHARS - 1)}😀${"y".repeat(100_000)}`;
    const [issue] = issues(query, { sql: "s", applicationId: "a", [name]: 1 });
    expect(issue?.path).toHaveLength(MAX_ISSUE_CHARS);
    expect(issue?.path.isWellFormed()).toBe(true);
    const verbose = z.string().refine(() => false, "m".repeat(10_000));
    expect(issues(verbose, "x")[0]?.message).toHaveLength(MAX_ISSUE_CHARS);
  });

  it("never repeats the values received", () => {
    const secret = "s3cr3t".repeat(200);
    const payloads: [z.ZodType, unknown][] = [
      [query, secret],
      [query, { sql: [secret], params: secret, applicationId: secret, extra: secret }],
      [market, { symbol: secret, resolution: secret, venues: [secret], window: secret }],
      [catalogue.address_analysis.schema, { chain: secret, address: secret, hops: secret }],
      [catalogue.market_trade.schema, { ...catalogue.market_trade.example, side: secret, price: secret }],
    ];
    for (const [schema, payload] of payloads)
      expect(JSON.stringify(issues(schema, payload))).not.toContain("s3cr3t");
  });

  it("makes a valid validation_error", () => {
    const error = { code: "VALIDATION_FAILED", message: "m", event: "query", issues: issues(query, {}) };
    expect(catalogue.validation_error.schema.parse(error)).toEqual(error);
    expect(error.issues.map(({ path }) => path)).toEqual(["sql", "applicationId"]);
  });
});
