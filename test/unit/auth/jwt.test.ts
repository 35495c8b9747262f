import * as fc from "fast-check";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import { createJwtVerifier, type JwtConfig } from "../../../src/auth/jwt.ts";
import { ISSUER, JWKS, PUBLIC_KEY_PEM, signToken, strangerKey } from "../../support/keys.ts";

const NOW_S = 1_800_000_000;
const BASE: JwtConfig = {
  JWT_ISSUER: ISSUER,
  JWT_JWKS_URL: undefined,
  JWT_JWKS: JSON.stringify(JWKS),
  JWT_PUBLIC_KEY: undefined,
  JWT_AUDIENCE: [],
  JWT_AUTHORIZED_PARTIES: [],
  JWT_ALGORITHMS: ["RS256", "ES256"],
};
const PEM: Partial<JwtConfig> = { JWT_JWKS: undefined, JWT_PUBLIC_KEY: PUBLIC_KEY_PEM };

const verify = (token: string, config: Partial<JwtConfig> = {}, now = NOW_S * 1_000) => {
  const verifier = createJwtVerifier({ ...BASE, ...config }, () => now);
  if (verifier === undefined) throw new Error("The verifier is not configured.");
  return verifier(token);
};

const sign = (userId = "user_1", options: Parameters<typeof signToken>[1] = {}) =>
  signToken(userId, { expiresAt: NOW_S + 60, ...options });

const accepted = (userId = "user_1") => ({
  ok: true,
  value: { kind: "jwt", userId, sessionId: `sess_${userId}` },
});
const refused = (reason: string) => ({ ok: false, error: { kind: "invalid", reason } });

// A key of the tests' own, for tokens that keys.ts does not make.
const ec = await generateKeyPair("ES256", { extractable: true });
const EC_PEM = await exportSPKI(ec.publicKey);
const ecToken = (claims: Record<string, unknown>) =>
  new SignJWT(claims).setProtectedHeader({ alg: "ES256" }).sign(ec.privateKey);
const EC_KEY = { ...PEM, JWT_PUBLIC_KEY: EC_PEM };

describe("AUTH-1 keys", () => {
  it("an inline JWKS, a PEM, and a PEM with its line breaks written as \\n all serve", async () => {
    const token = await sign();
    expect(await verify(token)).toEqual(accepted());
    expect(await verify(token, PEM)).toEqual(accepted());
    expect(await verify(token, { ...PEM, JWT_PUBLIC_KEY: PUBLIC_KEY_PEM.replaceAll("\n", "\\n") })).toEqual(
      accepted(),
    );
  });

  it("ES256 serves too", async () => {
    const token = await ecToken({ iss: ISSUER, sub: "u", exp: NOW_S });
    const plain = { ok: true, value: { kind: "jwt", userId: "u" } };
    expect(await verify(token, EC_KEY)).toEqual(plain);
    const keys = { keys: [...JWKS.keys, { ...(await exportJWK(ec.publicKey)), alg: "ES256" }] };
    expect(await verify(token, { JWT_JWKS: JSON.stringify(keys) })).toEqual(plain);
  });

  it("a signature by another key is refused", async () => {
    const token = await sign("user_1", { key: strangerKey });
    for (const config of [{}, PEM]) {
      expect(await verify(token, config)).toEqual(refused("ERR_JWS_SIGNATURE_VERIFICATION_FAILED"));
    }
  });

  it("a changed payload is refused", async () => {
    const [header, , signature] = (await sign()).split(".");
    const claims = { iss: ISSUER, sub: "admin", exp: NOW_S + 60 };
    const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
    expect(await verify(`${header}.${payload}.${signature}`)).toEqual(
      refused("ERR_JWS_SIGNATURE_VERIFICATION_FAILED"),
    );
  });

  it("algorithm none is refused", async () => {
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const token = `${part({ alg: "none" })}.${part({ iss: ISSUER, sub: "u", exp: NOW_S + 60 })}.`;
    for (const config of [{}, PEM])
      expect(await verify(token, config)).toEqual(refused("ERR_JOSE_ALG_NOT_ALLOWED"));
  });

  it("HS256 with the public key as its secret is refused, even where HS256 is allowed by mistake", async () => {
    const token = await new SignJWT({ iss: ISSUER, sub: "u", exp: NOW_S + 60 })
      .setProtectedHeader({ alg: "HS256" })
      .sign(new TextEncoder().encode(PUBLIC_KEY_PEM));
    for (const config of [{}, PEM, { ...PEM, JWT_ALGORITHMS: ["RS256", "HS256"] }]) {
      expect(await verify(token, config)).toEqual(refused("ERR_JOSE_ALG_NOT_ALLOWED"));
    }
    expect(await verify(token, { JWT_ALGORITHMS: ["RS256", "HS256"] })).toMatchObject({ ok: false });
  });

  it("an algorithm that is not on the list is refused", async () => {
    expect(await verify(await sign(), { JWT_ALGORITHMS: ["ES256"] })).toEqual(
      refused("ERR_JOSE_ALG_NOT_ALLOWED"),
    );
  });

  it("an algorithm that does not fit the PEM is the token's fault", async () => {
    expect(await verify(await ecToken({ iss: ISSUER, sub: "u", exp: NOW_S }), PEM)).toEqual(
      refused("ERR_JOSE_ALG_NOT_ALLOWED"),
    );
  });
});

describe("AUTH-1 times have a leeway of 5 s", () => {
  it.each<[string, number, boolean]>([
    ["exp", 4, true],
    ["exp", 5, false],
    ["nbf", -5, true],
    ["nbf", -6, false],
  ])("%s and %i s on the clock: %s", async (claim, seconds, ok) => {
    const token = await sign("user_1", claim === "exp" ? { expiresAt: NOW_S } : { notBefore: NOW_S });
    const result = await verify(token, {}, (NOW_S + seconds) * 1_000);
    const failure = claim === "exp" ? "ERR_JWT_EXPIRED" : "ERR_JWT_CLAIM_VALIDATION_FAILED nbf";
    expect(result).toEqual(ok ? accepted() : refused(failure));
  });

  it("and a token without exp is refused", async () => {
    expect(await verify(await ecToken({ iss: ISSUER, sub: "u" }), EC_KEY)).toEqual(
      refused("ERR_JWT_CLAIM_VALIDATION_FAILED exp"),
    );
  });
});

describe("AUTH-1 claims", () => {
  it("iss is the configured one", async () => {
    expect(await verify(await sign("u", { issuer: "https://other.example" }))).toEqual(
      refused("ERR_JWT_CLAIM_VALIDATION_FAILED iss"),
    );
    expect(await verify(await ecToken({ sub: "u", exp: NOW_S }), EC_KEY)).toEqual(
      refused("ERR_JWT_CLAIM_VALIDATION_FAILED iss"),
    );
  });

  it.each<[unknown, boolean]>([
    ["a", true],
    [["x", "b"], true],
    ["c", false],
    [undefined, false],
  ])("aud %j against a and b: %s", async (aud, ok) => {
    const token = await sign("user_1", { claims: { aud } });
    const result = await verify(token, { JWT_AUDIENCE: ["a", "b"] });
    expect(result).toEqual(ok ? accepted() : refused("ERR_JWT_CLAIM_VALIDATION_FAILED aud"));
    expect(await verify(token)).toEqual(accepted());
  });

  it.each<[unknown, boolean]>([
    ["https://a.example", true],
    ["https://evil.example", false],
    [["https://a.example"], false],
    [undefined, false],
  ])("azp %j against a list: %s", async (azp, ok) => {
    const token = await sign("user_1", { claims: { azp, sid: "sess_user_1" } });
    const result = await verify(token, {
      JWT_AUTHORIZED_PARTIES: ["https://b.example", "https://a.example"],
    });
    expect(result).toEqual(ok ? accepted() : refused("azp is not an authorized party"));
    expect(await verify(token)).toEqual(accepted());
  });

  it.each(["", "a b", "x".repeat(129), "é"])("sub %j is no user id", async (sub) => {
    expect(await verify(await sign(sub))).toEqual(refused("sub is not a usable user id"));
  });

  it("sub is a string, and there", async () => {
    expect(await verify(await ecToken({ iss: ISSUER, exp: NOW_S, sub: 7 }), EC_KEY)).toEqual(
      refused("sub is not a usable user id"),
    );
    expect(await verify(await ecToken({ iss: ISSUER, exp: NOW_S }), EC_KEY)).toEqual(
      refused("ERR_JWT_CLAIM_VALIDATION_FAILED sub"),
    );
  });

  it.each<[unknown, boolean]>([
    ["s", true],
    ["s".repeat(200), true],
    ["!sess_~", true],
    ["", false],
    ["s".repeat(201), false],
    ["a b", false],
    ["s\n", false],
    ["s\u007f", false],
    ["sé", false],
    [7, false],
    [["s"], false],
  ])("sid %j is kept: %s", async (sid, kept) => {
    const token = await ecToken({ iss: ISSUER, exp: NOW_S, sub: "u", sid });
    const value = { kind: "jwt", userId: "u", ...(kept && { sessionId: sid }) };
    expect(await verify(token, EC_KEY)).toEqual({ ok: true, value });
  });
});

describe("AUTH-1 whatever the token", () => {
  it("a longer one than any real is refused unread", async () => {
    expect(await verify("x".repeat(16_385))).toEqual(refused("token too long"));
    expect(await verify("x".repeat(16_384))).toEqual(refused("ERR_JWS_INVALID"));
  });

  it("a bad one is invalid, never unavailable, and no reason holds any of it", async () => {
    const token = await sign();
    const bad = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc
        .tuple(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
        .map(([at, text]) => token.slice(0, at) + text + token.slice(at + text.length)),
      fc.json().map((json) => `${Buffer.from(json).toString("base64url")}.e30.AA`),
    );
    await fc.assert(
      fc.asyncProperty(bad, fc.boolean(), async (text, pem) => {
        const result = await verify(text, pem ? PEM : {});
        if (result.ok) return;
        expect(result.error.kind).toBe("invalid");
        expect(result.error.reason).toMatch(/^(?:ERR_[A-Z_]+(?: [a-z]+)?|[a-z ]+)$/);
      }),
    );
  });
});

describe("AUTH-3 configuration", () => {
  it("without an issuer or without keys accepts nothing", () => {
    const clock = () => 0;
    expect(createJwtVerifier({ ...BASE, JWT_ISSUER: undefined }, clock)).toBeUndefined();
    expect(createJwtVerifier({ ...BASE, JWT_JWKS: undefined }, clock)).toBeUndefined();
  });

  it.each<Partial<JwtConfig>>([
    { JWT_PUBLIC_KEY: PUBLIC_KEY_PEM },
    { JWT_JWKS_URL: "https://a.example/jwks" },
    { JWT_JWKS: undefined, JWT_PUBLIC_KEY: PUBLIC_KEY_PEM, JWT_JWKS_URL: "https://a.example/jwks" },
  ])("two key sources are an error", (config) => {
    expect(() => createJwtVerifier({ ...BASE, ...config }, () => 0)).toThrow(
      "Set only one of JWT_JWKS_URL, JWT_JWKS and JWT_PUBLIC_KEY.",
    );
  });

  it.each(["{", "[]", '{"keys":1}', '"secret"'])(
    "JWT_JWKS %s is an error that names the variable",
    (JWT_JWKS) => {
      expect(() => createJwtVerifier({ ...BASE, JWT_JWKS }, () => 0)).toThrow(
        "JWT_JWKS is not a JSON Web Key Set.",
      );
    },
  );

  it.each([
    ["no PEM", "garbage"],
    ["a JWK", '{"kty":"RSA"}'],
    ["a certificate", PUBLIC_KEY_PEM.replaceAll("PUBLIC KEY", "CERTIFICATE")],
    ["a private key", PUBLIC_KEY_PEM.replaceAll("PUBLIC KEY", "PRIVATE KEY")],
    ["PKCS #1", PUBLIC_KEY_PEM.replaceAll("PUBLIC KEY", "RSA PUBLIC KEY")],
    ["cut short", PUBLIC_KEY_PEM.slice(0, -20)],
    ["followed by more", `${PUBLIC_KEY_PEM}x`],
    ["empty inside", "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----"],
  ])("JWT_PUBLIC_KEY that is %s is an error that names the variable", (_, JWT_PUBLIC_KEY) => {
    expect(() => createJwtVerifier({ ...BASE, ...PEM, JWT_PUBLIC_KEY }, () => 0)).toThrow(
      "JWT_PUBLIC_KEY is not a PEM public key (BEGIN PUBLIC KEY).",
    );
  });
});

describe("AUTH-1 the claim applications", () => {
  it("says which applications a token opens", async () => {
    for (const applications of [["app_1", "app:2"], []]) {
      const token = await sign("user_1", { claims: { applications } });
      const { value } = accepted();
      expect(await verify(token)).toEqual({ ok: true, value: { ...value, applications } });
    }
  });

  it.each([
    ["all"],
    [null],
    [["not an id"]],
    [["../app"]],
    [[1]],
    [Array(7).fill("app")],
    [["a".repeat(65)]],
  ])("refuses a token that says %j: taken for absent it would open others", async (applications) => {
    const token = await sign("user_1", { claims: { applications } });
    expect(await verify(token)).toEqual(refused("applications is not a list of at most 6 application ids"));
  });
});
