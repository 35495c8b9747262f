import { describe, expect, it } from "vitest";
import { checkHandshake, originAllowed, queryOf } from "../../../src/engineio/handshake.ts";

interface Overrides {
  readonly method?: string;
  readonly query?: string;
  readonly upgrade?: boolean;
  readonly origin?: string;
}

const ORIGINS = ["https://app.example"];
const check = ({ method = "GET", query = "EIO=4&transport=websocket", upgrade = true, origin }: Overrides) =>
  checkHandshake({ method, query: new URLSearchParams(query), upgrade, origin }, ORIGINS);

const failure = (code: number, message: string) => ({
  ok: false,
  error: { code, message, status: code === 4 ? 403 : 400 },
});

it.each([
  ["/socket.io/", ""],
  ["/socket.io/?", ""],
  ["/socket.io/?EIO=4&sid=a%20b?c", "EIO=4&sid=a+b%3Fc"],
])("the query of %s is %j", (path, query) => {
  expect(queryOf(`https://api.example${path}`).toString()).toBe(query);
});

describe("CONN-1 handshake", () => {
  it("opens a WebSocket, or a polling session", () => {
    const opened = (transport: string) => ({ ok: true, value: { kind: "open", transport } });
    expect(check({})).toEqual(opened("websocket"));
    expect(check({ origin: "https://app.example" })).toEqual(opened("websocket"));
    expect(check({ query: "EIO=4&transport=polling", upgrade: false })).toEqual(opened("polling"));
    // An empty session id is none.
    expect(check({ query: "EIO=4&transport=websocket&sid=" })).toEqual(opened("websocket"));
    expect(check({ query: "EIO=4&transport=polling&sid", upgrade: false })).toEqual(opened("polling"));
  });

  it.each<Overrides>([
    { query: "EIO=4&transport=polling&sid=x", upgrade: false },
    { query: "EIO=4&transport=polling&sid=x", upgrade: false, method: "POST" },
    { query: "EIO=4&transport=websocket&sid=x" },
    // The gateway knows the session's version and transport.
    { query: "EIO=3&transport=websocket&sid=x", upgrade: false },
  ])("hands %j to the session that it names", (request) => {
    expect(check(request)).toEqual({ ok: true, value: { kind: "session", id: "x" } });
  });

  // Each line mends the fault that the line above reports and keeps all the later ones.
  it.each<[Overrides, number, string]>([
    [
      { query: "EIO=3&transport=x", method: "POST", upgrade: false, origin: "https://evil.example" },
      0,
      "Transport unknown",
    ],
    [
      { query: "EIO=3&transport=websocket", method: "POST", upgrade: false, origin: "https://evil.example" },
      2,
      "Bad handshake method",
    ],
    [
      { query: "EIO=3&transport=websocket", upgrade: false, origin: "https://evil.example" },
      3,
      "Bad request",
    ],
    [{ query: "EIO=3&transport=websocket", origin: "https://evil.example" }, 4, "Forbidden"],
    [{ query: "EIO=3&transport=websocket" }, 5, "Unsupported protocol version"],
  ])("reports the first fault of %j: %i %s", (request, code, message) => {
    expect(check(request)).toEqual(failure(code, message));
  });

  it.each<[Overrides, number, string]>([
    [{ query: "EIO=4&transport=polling" }, 3, "Bad request"],
    [{ query: "EIO=4&transport=polling&sid=x" }, 3, "Bad request"],
    [{ query: "EIO=4&transport=polling&sid=x", upgrade: false, method: "PUT" }, 2, "Bad handshake method"],
    [
      { query: "EIO=4&transport=polling&sid=x", upgrade: false, origin: "https://evil.example" },
      4,
      "Forbidden",
    ],
    [{ query: "EIO=3&transport=polling", upgrade: false }, 5, "Unsupported protocol version"],
  ])("refuses %j: %i %s", (request, code, message) => {
    expect(check(request)).toEqual(failure(code, message));
  });

  it.each(["", "transport=", "transport=webtransport", "transport=WebSocket", "EIO=4"])(
    "%j names no known transport",
    (query) => {
      expect(check({ query })).toEqual(failure(0, "Transport unknown"));
    },
  );

  it.each(["", "&EIO=", "&EIO=5", "&EIO=04", "&eio=4"])("%j is no supported version", (query) => {
    expect(check({ query: `transport=websocket${query}` })).toEqual(
      failure(5, "Unsupported protocol version"),
    );
  });
});

describe("CONN-1 origins", () => {
  const listed = ["https://a.example", "https://b.example"];
  it.each<[string | undefined, string[], boolean]>([
    ["https://a.example", listed, true],
    ["https://b.example", listed, true],
    ["https://c.example", listed, false],
    ["https://a.example.evil", listed, false],
    ["null", listed, false],
    ["", listed, false],
    [undefined, listed, true],
    ["https://c.example", ["*"], true],
    ["https://c.example", ["https://a.example", "*"], true],
    ["https://c.example", [], true],
  ])("%j of %j: %s", (origin, allowed, expected) => {
    expect(originAllowed(origin, allowed)).toBe(expected);
  });
});
