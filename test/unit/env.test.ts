import { describe, expect, it } from "vitest";

// Imported by a name the compiler does not follow: env.ts needs the platform's types, unit tests have Node's.
const { configOf } = (await import(new URL("../../src/env.ts", import.meta.url).href)) as {
  configOf: (env: object) => Readonly<Record<string, unknown>>;
};

const config = (variables: Record<string, string>) => configOf(variables);

describe("configuration", () => {
  it("CONN-2 CONN-5 ROOM-3 ROOM-4 FAN-3 FAN-4 USER-1 USER-2 REQ-1 has these defaults", () => {
    expect(config({})).toEqual({
      PING_INTERVAL: 25_000,
      PING_TIMEOUT: 20_000,
      CONNECT_TIMEOUT: 5_000,
      MAX_PAYLOAD: 1_000_000,
      UPGRADE_TIMEOUT: 10_000,
      MAX_SESSIONS_PER_GATEWAY: 10_000,
      GATEWAYS_PER_COLO: { byColo: new Map(), others: 4 },
      MAX_ROOMS_PER_SOCKET: 100,
      MAX_EVENTS_PER_SECOND: 100,
      PRESENCE_LIMIT: 500,
      FANOUT_WIDTH: 256,
      MARKET_COALESCE_MS: 0,
      RECOVERY_WINDOW_S: 3_600,
      RECOVERY_MAX_EVENTS: 1_000,
      BARS_RETENTION_S: 604_800,
      ALLOWED_ORIGINS: [],
      JWT_ISSUER: undefined,
      JWT_JWKS_URL: undefined,
      JWT_JWKS: undefined,
      JWT_PUBLIC_KEY: undefined,
      JWT_AUDIENCE: [],
      JWT_AUTHORIZED_PARTIES: [],
      JWT_ALGORITHMS: ["RS256", "ES256"],
      INGEST_TOKENS: [],
      INGEST_MAX_BYTES: 1_000_000,
      INGEST_MAX_EVENTS: 1_000,
      MAX_REQUESTS_PER_SOCKET: 10,
      MAX_REQUESTS_PER_USER: 50,
      REQUEST_TIMEOUT: 300_000,
      STREAM_WINDOW: 131_072,
      BACKEND_URL: undefined,
      BACKEND_TOKEN: undefined,
      BACKEND_FIRST_BYTE_TIMEOUT: 30_000,
      BACKEND_IDLE_TIMEOUT: 60_000,
      APPLICATIONS: ["demo"],
      CREDIT_COSTS: new Map([
        ["query", 1],
        ["address_analysis", 10],
        ["address_transactions", 1],
        ["cross_border_flows", 5],
        ["chat", 2],
      ]),
      CREDITS_WELCOME: 1_000,
      CHAT_URL: undefined,
      CHAT_MODEL: undefined,
      CHAT_KEY: undefined,
    });
  });

  it("reads numbers, lists and text", () => {
    const read = config({
      PING_INTERVAL: "300",
      PRESENCE_LIMIT: "0",
      INGEST_TOKENS: " a,b  c\n",
      JWT_ALGORITHMS: "EdDSA",
      JWT_ISSUER: " https://i.example ",
      JWT_JWKS: "  ",
      CREDIT_COSTS: "query=3, chat=0",
      OTHER: "ignored",
    });
    expect(read).toMatchObject({
      PING_INTERVAL: 300,
      PRESENCE_LIMIT: 0,
      INGEST_TOKENS: ["a", "b", "c"],
      JWT_ALGORITHMS: ["EdDSA"],
      JWT_ISSUER: "https://i.example",
      JWT_JWKS: undefined,
      CREDIT_COSTS: new Map([
        ["query", 3],
        ["chat", 0],
      ]),
    });
    expect(config({ CREDIT_COSTS: "none" })).toMatchObject({ CREDIT_COSTS: new Map() });
  });

  it("reads how many gateways locations have", () => {
    // As a number in TOML comes, too.
    for (const count of ["8", 8 as unknown as string]) {
      expect(config({ GATEWAYS_PER_COLO: count })).toMatchObject({
        GATEWAYS_PER_COLO: { byColo: new Map(), others: 8 },
      });
    }
    expect(config({ GATEWAYS_PER_COLO: "FRA=56, 2 IAD=40" }).GATEWAYS_PER_COLO).toEqual({
      byColo: new Map([
        ["FRA", 56],
        ["IAD", 40],
      ]),
      others: 2,
    });
  });

  it("takes an empty variable for one that is not set", () => {
    const defaults = config({});
    expect(config(Object.fromEntries(Object.keys(defaults).map((name) => [name, ""])))).toEqual(defaults);
  });

  it.each([
    ["PING_INTERVAL", "secret"],
    ["PING_INTERVAL", "49"],
    ["PING_INTERVAL", "300001"],
    ["MAX_PAYLOAD", "1000.5"],
    ["MAX_ROOMS_PER_SOCKET", "101"],
    ["GATEWAYS_PER_COLO", "-1234"],
    ["GATEWAYS_PER_COLO", "1001"],
    ["GATEWAYS_PER_COLO", "FRA=0"],
    ["GATEWAYS_PER_COLO", "4 5"],
    ["GATEWAYS_PER_COLO", "FRA=2 FRA=3"],
    ["GATEWAYS_PER_COLO", "fra=12"],
    ["RECOVERY_WINDOW_S", "604801"],
    ["RECOVERY_MAX_EVENTS", "100001"],
    ["JWT_JWKS_URL", "secret-no-url"],
    ["BACKEND_URL", "secret-no-url"],
    ["BACKEND_URL", "https://user:secret@api.example"],
    ["APPLICATIONS", "secret/app"],
    ["CREDIT_COSTS", "secret=1"],
    ["CREDIT_COSTS", "query=secret"],
    ["CREDIT_COSTS", "subscribe=1"],
  ])("names %s, but not its value %s", (name, value) => {
    let message = "";
    try {
      config({ [name]: value });
    } catch (error) {
      message = String(error);
    }
    expect(message).toMatch(new RegExp(`^Error: Configuration is invalid\\. ${name}: .+$`));
    expect(message).not.toContain(value);
  });

  it("names every bad variable at once", () => {
    expect(() => config({ PING_TIMEOUT: "x", MAX_PAYLOAD: "y" })).toThrow(/PING_TIMEOUT: .*; MAX_PAYLOAD: /);
  });

  it("is parsed once", () => {
    const env = {};
    expect(configOf(env)).toBe(configOf(env));
  });
});
