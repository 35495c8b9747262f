import { describe, expect, it } from "vitest";
import { createAuthenticate, credentialOf } from "../../../src/auth/authenticate.ts";
import { JWT_UNCONFIGURED } from "../../../src/auth/jwt.ts";
import { ISSUER, PUBLIC_KEY_PEM, signToken } from "../../support/keys.ts";

const KEY = `lcrt_${"a".repeat(43)}`;
const record = { id: "k", userId: "owner", name: "", scopes: [], createdAt: 0, expiresAt: null };

const create = (configured: boolean, withKeys: boolean) => {
  const logged: unknown[][] = [];
  const authenticate = createAuthenticate({
    config: {
      JWT_ISSUER: configured ? ISSUER : undefined,
      JWT_JWKS_URL: undefined,
      JWT_JWKS: undefined,
      JWT_PUBLIC_KEY: configured ? PUBLIC_KEY_PEM : undefined,
      JWT_AUDIENCE: [],
      JWT_AUTHORIZED_PARTIES: [],
      JWT_ALGORITHMS: ["RS256"],
    },
    apiKeys: withKeys ? { get: async () => record } : undefined,
    clock: Date.now,
    log: (...line) => void logged.push(line),
  });
  return { authenticate, logged };
};

describe("CONN-4 credentials", () => {
  it.each(["t.o.k", "Bearer t.o.k", "bearer   t.o.k", "BEARER t.o.k ", " t.o.k "])("%j is t.o.k", (value) => {
    expect(credentialOf(value)).toBe("t.o.k");
  });

  it.each(["Bearertok", "Basic tok", ""])("%j stays as it is", (value) => {
    expect(credentialOf(value)).toBe(value);
  });

  it("are API keys by their prefix, and JWTs otherwise", async () => {
    const { authenticate, logged } = create(true, true);
    expect(await authenticate(KEY)).toEqual({
      ok: true,
      value: { kind: "api-key", userId: "owner", keyId: "k", scopes: [] },
    });
    expect(await authenticate(await signToken("me"))).toMatchObject({ ok: true, value: { userId: "me" } });
    expect(await authenticate("nonsense")).toMatchObject({ ok: false, error: { kind: "invalid" } });
    expect(logged).toEqual([]);
  });

  it("of API keys need their binding", async () => {
    expect(await create(true, false).authenticate(KEY)).toEqual({
      ok: false,
      error: { kind: "invalid", reason: "API keys need the KV binding API_KEYS" },
    });
  });
});

it("AUTH-3 without keys no JWT is accepted, and the log says what to set", async () => {
  const { authenticate, logged } = create(false, true);
  expect(logged).toEqual([["error", "auth_unconfigured", { message: JWT_UNCONFIGURED }]]);
  for (const name of ["JWT_ISSUER", "JWT_JWKS_URL", "JWT_JWKS", "JWT_PUBLIC_KEY"]) {
    expect(JWT_UNCONFIGURED).toContain(name);
  }
  expect(await authenticate(await signToken("me"))).toEqual({
    ok: false,
    error: { kind: "invalid", reason: JWT_UNCONFIGURED },
  });
  expect(await authenticate(KEY)).toMatchObject({ ok: true });
});
