import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { apiKeyName, apiKeyRecord, createApiKey, verifyApiKey } from "../../../src/auth/api-keys.ts";

const KEY = `lcrt_${"a".repeat(43)}`;
const record = {
  id: "key_1",
  userId: "user_1",
  name: "ci",
  scopes: ["read"],
  createdAt: 0,
  expiresAt: null as number | null,
};

const verify = async (key: string, stored: unknown, now = 1_000) => {
  const reads: unknown[][] = [];
  const store = {
    get: async (...args: unknown[]) => {
      reads.push(args);
      if (stored instanceof Error) throw stored;
      return stored;
    },
  };
  return { result: await verifyApiKey(key, store, () => now), reads };
};

const refused = (reason: string) => ({ ok: false, error: { kind: "invalid", reason } });

describe("AUTH-2 API keys", () => {
  it("are looked up by their SHA-256 hash", async () => {
    const name = `key:${createHash("sha256").update(KEY).digest("hex")}`;
    expect(await apiKeyName(KEY)).toBe(name);
    const { result, reads } = await verify(KEY, record);
    expect(reads).toEqual([[name, { type: "json", cacheTtl: 60 }]]);
    expect(result).toEqual({
      ok: true,
      value: { kind: "api-key", userId: "user_1", keyId: "key_1", scopes: ["read"] },
    });
  });

  it("may open an application of their own", async () => {
    const { result } = await verify(KEY, { ...record, applications: ["app_1"] });
    expect(result).toMatchObject({ ok: true, value: { applications: ["app_1"] } });
  });

  it("are made random, prefixed and well-formed", async () => {
    const made = createApiKey();
    expect(made.key).toMatch(/^lcrt_[A-Za-z0-9_-]{43}$/);
    expect(made.id).toMatch(/^key_[A-Za-z0-9_-]{22}$/);
    expect(createApiKey().key).not.toBe(made.key);
    expect((await verify(made.key, { ...record, id: made.id })).result).toMatchObject({ ok: true });
  });

  it.each([
    "lcrt_",
    `${KEY}a`,
    KEY.slice(0, -1),
    `${KEY}\n`,
    ` ${KEY}`,
    `LCRT_${"a".repeat(43)}`,
    `lcrt_${"é".repeat(43)}`,
  ])("%j is malformed and not looked up", async (key) => {
    expect(await verify(key, record)).toEqual({ result: refused("malformed API key"), reads: [] });
  });

  it("that are unknown or revoked are refused", async () => {
    expect((await verify(KEY, null)).result).toEqual(refused("unknown API key"));
  });

  it("expire on the millisecond", async () => {
    expect((await verify(KEY, { ...record, expiresAt: 1_001 })).result).toMatchObject({ ok: true });
    expect((await verify(KEY, { ...record, expiresAt: 1_000 })).result).toEqual(refused("expired API key"));
  });

  it.each([
    {},
    "text",
    { ...record, userId: "not a user" },
    { ...record, scopes: "read" },
    { ...record, expiresAt: undefined },
    { ...record, scopes: Array(17).fill("s") },
    { ...record, scopes: ["s".repeat(33)] },
    { ...record, scopes: ["réad"] },
    { ...record, scopes: ["read all"] },
    { ...record, scopes: ["read\n"] },
    { ...record, scopes: [""] },
    { ...record, id: "" },
    { ...record, id: "k".repeat(65) },
    { ...record, id: "ké" },
    { ...record, id: "a.b" },
    { ...record, applications: ["not an id"] },
    { ...record, applications: "app_1" },
  ])("with the record %j are refused", async (stored) => {
    expect((await verify(KEY, stored)).result).toEqual(refused("the API key's record is malformed"));
    expect(apiKeyRecord.safeParse(stored).success).toBe(false);
  });

  it("have the scopes and the id of their record", async () => {
    const scopes = ["market:*", "user.read", "a-b_C9", "s".repeat(32)];
    expect((await verify(KEY, { ...record, scopes, id: "k-_9".repeat(16) })).result).toMatchObject({
      ok: true,
      value: { scopes, keyId: "k-_9".repeat(16) },
    });
  });

  it("CONN-6 are unavailable when the store cannot be read", async () => {
    expect((await verify(KEY, new Error(`KV GET ${KEY} failed`))).result).toEqual({
      ok: false,
      error: { kind: "unavailable", reason: "the key store could not be read" },
    });
  });
});
