import { describe, expect, it } from "vitest";

// Imported by a name the compiler does not follow: env.ts needs the platform's types, unit tests have Node's.
const { configOf } = (await import(new URL("../../src/env.ts", import.meta.url).href)) as {
  configOf: (env: object) => Readonly<Record<string, unknown>>;
};

const config = (variables: Record<string, string>) => configOf(variables);

describe("configuration", () => {
  it("CONN-2 CONN-5 ROOM-3 ROOM-4 USER-1 USER-2 has these defaults", () => {
    expect(config({})).toEqual({
      PING_INTERVAL: 25_000,
      PING_TIMEOUT: 20_000,
      CONNECT_TIMEOUT: 5_000,
      MAX_PAYLOAD: 1_000_000,
      UPGRADE_TIMEOUT: 10_000,
      MAX_SESSIONS_PER_GATEWAY: 10_000,
      GATEWAYS_PER_COLO: 4,
      MAX_ROOMS_PER_SOCKET: 100,
      MAX_EVENTS_PER_SECOND: 100,
      PRESENCE_LIMIT: 500,
      RECOVERY_WINDOW_S: 3_600,
      RECOVERY_MAX_EVENTS: 1_000,
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
      OTHER: "ignored",
    });
    expect(read).toMatchObject({
      PING_INTERVAL: 300,
      PRESENCE_LIMIT: 0,
      INGEST_TOKENS: ["a", "b", "c"],
      JWT_ALGORITHMS: ["EdDSA"],
      JWT_ISSUER: "https://i.example",
      JWT_JWKS: undefined,
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
    ["RECOVERY_WINDOW_S", "604801"],
    ["RECOVERY_MAX_EVENTS", "100001"],
    ["JWT_JWKS_URL", "secret-no-url"],
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
