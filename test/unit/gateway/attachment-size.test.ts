import { serialize } from "node:v8";
import { expect, it } from "vitest";
import { apiKeyRecord } from "../../../src/auth/api-keys.ts";
import { applicationsClaim, type Principal } from "../../../src/auth/principal.ts";
import { isSymbol, isUserId } from "../../../src/events/rooms.ts";
import { settled } from "../../support/fakes.ts";
import { FakeGateway } from "./fake-gateway.ts";

/** What a WebSocket's attachment may hold, as the platform serializes it; `v8.serialize` is the same format. */
const MAX_BYTES = 16_384;

/** Counters are stored in 4 bytes or less up to 2^31, in 8 beyond. */
const LARGEST = Number.MAX_SAFE_INTEGER;

const userId = "u".repeat(128);
const part = "A".repeat(20);
const symbols = Array.from({ length: 100 }, (_, n) => `${part}-${part}-${String(n).padStart(20, "0")}`);

const applications = (count: number) => Array.from({ length: count }, (_, n) => String(n).padStart(64, "a"));

/** Each call gives a fresh object: equal ones are stored once only when they are the same. */
const apiKey = (): Principal => ({
  kind: "api-key",
  userId,
  keyId: "k".repeat(64),
  scopes: Array.from({ length: 16 }, (_, n) => String(n).padStart(32, "s")),
  applications: applications(1),
});

const jwt = (): Principal => ({
  ...{ kind: "jwt", userId, sessionId: "s".repeat(200) },
  applications: applications(6),
});

it("these are the largest values that the rules allow", () => {
  expect(isUserId(userId) && !isUserId(`${userId}u`)).toBe(true);
  expect(symbols.every((symbol) => symbol.length === 62 && isSymbol(symbol))).toBe(true);
  const record = { ...apiKey(), id: "k".repeat(64), name: "", createdAt: 0, expiresAt: null };
  expect(apiKeyRecord.safeParse(record).success).toBe(true);
  const larger = [
    { id: "k".repeat(65) },
    { scopes: Array(17).fill("s") },
    { scopes: ["s".repeat(33)] },
    // Text beyond Latin-1 takes two bytes a character.
    { id: "€".repeat(64) },
    { scopes: ["€".repeat(32)] },
    { applications: applications(2) },
    { applications: ["a".repeat(65)] },
    { applications: ["€".repeat(64)] },
  ];
  for (const change of larger) expect(apiKeyRecord.safeParse({ ...record, ...change }).success).toBe(false);
  expect(applicationsClaim.safeParse(applications(6)).success).toBe(true);
  expect(applicationsClaim.safeParse(applications(7)).success).toBe(false);
});

it.each([
  ["API keys", apiKey],
  ["JWTs", jwt],
])("a session with two full namespaces, and %s throughout, fits its attachment", async (_, principal) => {
  const gateway = new FakeGateway();
  const client = gateway.open({ principal: principal() });
  for (const namespace of ["", "/ws,"]) {
    gateway.answer = { ok: true, value: principal() };
    client.send(`40${namespace}{"token":"t"}`);
    await settled();
    await gateway.rooms.answerAll({ connection: LARGEST, logged: LARGEST });
    for (const symbol of symbols) client.send(`42${namespace}["subscribe",{"room":"market:${symbol}"}]`);
    await gateway.rooms.answerAll();
  }
  const { saved } = client.transport;
  const data = { symbols, connection: LARGEST, logged: LARGEST };
  expect(saved).toMatchObject({ established: true, application: { sockets: [{}, { data }] } });
  expect(serialize(saved).byteLength).toBeLessThanOrEqual(MAX_BYTES);
  // Real ids are longer than the fake's: 30 characters for the session, 22 for each socket.
  expect(serialize(saved).byteLength + 30 + 2 * 22).toBeLessThanOrEqual(MAX_BYTES);
});
