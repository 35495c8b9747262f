import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { createJwtVerifier, type VerifyJwt } from "../../../src/auth/jwt.ts";
import { ISSUER, JWKS, signToken, strangerKey } from "../../support/keys.ts";

let requests = 0;
let respond: { status: number; body: string };
const server = createServer((_, response) => {
  requests++;
  response.writeHead(respond.status, { "content-type": "application/json" }).end(respond.body);
});

const GOOD = { status: 200, body: JSON.stringify(JWKS) };
/** A key set from before a rotation: the tokens' key is not in it. */
const OLD = { status: 200, body: JSON.stringify({ keys: JWKS.keys.map((key) => ({ ...key, kid: "old" })) }) };

let url: string;
let verify: VerifyJwt;

const create = (jwksUrl: string): VerifyJwt => {
  const verifier = createJwtVerifier(
    {
      JWT_ISSUER: ISSUER,
      JWT_JWKS_URL: jwksUrl,
      JWT_JWKS: undefined,
      JWT_PUBLIC_KEY: undefined,
      JWT_AUDIENCE: [],
      JWT_AUTHORIZED_PARTIES: [],
      JWT_ALGORITHMS: ["RS256"],
    },
    Date.now,
  );
  if (verifier === undefined) throw new Error("The verifier is not configured.");
  return verifier;
};

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

// Only the date is faked: the server and its timers are real.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
  requests = 0;
  respond = GOOD;
  verify = create(url);
});

afterEach(() => {
  vi.useRealTimers();
});

const pass = (ms: number) => vi.setSystemTime(Date.now() + ms);
const token = () => signToken("user_1", { expiresAt: Date.now() / 1_000 + 3_600 });
const unavailable = { ok: false, error: { kind: "unavailable", reason: "the key set could not be fetched" } };
const unknownKey = { ok: false, error: { kind: "invalid", reason: "ERR_JWKS_NO_MATCHING_KEY" } };

it("AUTH-1 a remote key set is fetched once in ten minutes", async () => {
  const text = await token();
  expect(await verify(text)).toMatchObject({ ok: true, value: { userId: "user_1" } });
  expect(await verify(text)).toMatchObject({ ok: true });
  pass(599_000);
  expect(await verify(text)).toMatchObject({ ok: true });
  expect(requests).toBe(1);
  pass(2_000);
  expect(await verify(text)).toMatchObject({ ok: true });
  expect(requests).toBe(2);
});

it("AUTH-1 a stranger's signature is refused without another fetch", async () => {
  const forged = await signToken("user_1", { key: strangerKey, expiresAt: Date.now() / 1_000 + 60 });
  for (let i = 0; i < 3; i++) {
    expect(await verify(forged)).toMatchObject({
      error: { kind: "invalid", reason: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" },
    });
  }
  expect(requests).toBe(1);
});

it("AUTH-1 an unknown key has the set fetched again, but not within 30 s, and then a rotation is found", async () => {
  respond = OLD;
  const text = await token();
  expect(await verify(text)).toEqual(unknownKey);
  respond = GOOD;
  for (let i = 0; i < 3; i++) expect(await verify(text)).toEqual(unknownKey);
  pass(29_000);
  expect(await verify(text)).toEqual(unknownKey);
  expect(requests).toBe(1);
  pass(1_001);
  expect(await verify(text)).toMatchObject({ ok: true });
  expect(requests).toBe(2);
});

it.each([
  ["answers 500", { status: 500, body: "oops" }],
  ["answers 404", { status: 404, body: "{}" }],
  ["answers with no JSON", { status: 200, body: "<html>" }],
])(
  "CONN-6 a token is unavailable when the key server %s, and can be checked once it is well",
  async (_, bad) => {
    respond = bad;
    const text = await token();
    expect(await verify(text)).toEqual(unavailable);
    respond = GOOD;
    expect(await verify(text)).toMatchObject({ ok: true });
  },
);

it.each(["{}", "null", "[]", '{"keys":1}', '{"error":"maintenance"}'])(
  "CONN-6 a token is unavailable when the key server answers 200 with %s, no key set",
  async (body) => {
    respond = { status: 200, body };
    const text = await token();
    const result = await verify(text);
    expect(result).toMatchObject({ ok: false, error: { kind: "unavailable" } });
    respond = GOOD;
    expect(await verify(text)).toMatchObject({ ok: true });
  },
);

it("CONN-6 a token is unavailable when the key server is down", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  expect(await create(`http://127.0.0.1:${port}/jwks`)(await token())).toEqual(unavailable);
});

it("CONN-6 a key set that was fetched serves while the server is down", async () => {
  const text = await token();
  await verify(text);
  respond = { status: 503, body: "" };
  pass(300_000);
  expect(await verify(text)).toMatchObject({ ok: true });
});
