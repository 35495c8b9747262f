import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { apiKeyName, createApiKey } from "../../src/auth/api-keys.ts";
import { Bystanders } from "../support/bystander.ts";
import { signToken, strangerKey } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { type Service, startService } from "../support/service.ts";

const now = () => Math.floor(Date.now() / 1_000);

let service: Service;
let bystanders: Bystanders;

beforeAll(async () => {
  service = await startService({ vars: { JWT_AUTHORIZED_PARTIES: "https://app.test.example" } });
  bystanders = await Bystanders.start(service);
});
afterAll(() => service.stop());

const REFUSED = {
  message: expect.stringMatching(/^The token is not valid\./),
  data: { code: "UNAUTHORIZED", message: expect.stringMatching(/^The token is not valid\./) },
};

describe("AUTH-1, CONN-5 refused tokens get CONNECT_ERROR with the envelope, and are never repeated", () => {
  afterEach(() => bystanders.areUntouched());

  /** The log arrives over a pipe: what is not in it is known once the refusal's own line is. */
  let refusals = 0;

  it.each<[string, () => Promise<string>]>([
    ["expired", () => signToken("u", { expiresAt: now() - 10 })],
    ["not valid yet", () => signToken("u", { notBefore: now() + 60 })],
    ["another issuer", () => signToken("u", { issuer: "https://other.example" })],
    ["signed by another key", () => signToken("u", { key: strangerKey })],
    ["another party", () => signToken("u", { claims: { azp: "https://evil.example" } })],
    ["a subject that names no room", () => signToken("../etc/passwd")],
    ["garbage", async () => `secret-${randomBytes(8).toString("hex")}`],
    ["an unknown API key", async () => createApiKey().key],
  ])("%s", async (_, token) => {
    const secret = await token();
    const client = await service.client("u", { token: secret });
    const error = await client.next("connect_error");
    expect({ message: error.message, data: error.data }).toEqual(REFUSED);
    expect(client.names()).toEqual(["connect_error"]);
    await expect
      .poll(() => service.logs.filter((line) => line.includes("connect_refused")).length)
      .toBe(++refusals);
    expect(JSON.stringify(error.data) + error.message + service.logs.join()).not.toContain(secret);
    client.close();
  });

  it("no token at all", async () => {
    const client = await service.client("u", { socket: { auth: {} } });
    const error = await client.next("connect_error");
    expect(error.data).toEqual({
      code: "UNAUTHORIZED",
      message: "No token. Send a JWT or API key as auth.token.",
    });
    client.close();
  });

  it("a token that is no string", async () => {
    const client = await service.client("u", { socket: { auth: { token: { $ne: null } } } });
    const error = await client.next("connect_error");
    expect(error.data.code).toBe("UNAUTHORIZED");
    client.close();
  });
});

describe("CONN-4", () => {
  it.each(["Bearer ", "bearer ", ""])("accepts a JWT with the prefix '%s'", async (prefix) => {
    const token = await signToken("user_prefix");
    const client = await service.client("user_prefix", { socket: { auth: { token: prefix + token } } });
    expect((await client.next("connected")).userId).toBe("user_prefix");
    client.close();
  });

  it("accepts an Authorization header at the handshake instead", async () => {
    const client = await service.client("user_header", {
      socket: { auth: {}, extraHeaders: { authorization: `Bearer ${await signToken("user_header")}` } },
    });
    expect((await client.next("connected")).userId).toBe("user_header");
    client.close();
  });

  it("checks the header in the Worker and answers 401", async () => {
    const secret = `secret-${randomBytes(8).toString("hex")}`;
    const raw = new RawClient(engineUrl(service.url), { authorization: `Bearer ${secret}` });
    expect(await raw.refused).toMatchObject({
      status: 401,
      body: { code: "UNAUTHORIZED", message: expect.stringMatching(/^The token is not valid\./) },
    });
    await expect.poll(() => service.logs.join()).toContain("handshake_refused");
    expect(service.logs.join()).not.toContain(secret);
  });

  it("does not take the Worker's own header from a client", async () => {
    const forged = encodeURIComponent(JSON.stringify({ principal: { kind: "jwt", userId: "admin" } }));
    const client = await service.client("u", {
      socket: { auth: {}, extraHeaders: { "x-realtime-context": forged } },
    });
    const error = await client.next("connect_error");
    expect(error.data.code).toBe("UNAUTHORIZED");
    client.close();
  });
});

describe("AUTH-2 API keys", () => {
  const record = (expiresAt: number | null) => ({
    id: "key_1",
    userId: "user_key",
    name: "ci",
    scopes: [],
    createdAt: Date.now(),
    expiresAt,
  });

  it("accepts a key whose hash is stored", async () => {
    const { key } = createApiKey();
    await service.putApiKey(await apiKeyName(key), record(null));
    const client = await service.client("user_key", { token: key });
    expect((await client.next("connected")).userId).toBe("user_key");
    client.close();
  });

  it("refuses an expired key", async () => {
    const { key } = createApiKey();
    await service.putApiKey(await apiKeyName(key), record(Date.now() - 1));
    const client = await service.client("user_key", { token: key });
    expect((await client.next("connect_error")).data.code).toBe("UNAUTHORIZED");
    client.close();
  });
});

describe("services configured otherwise", () => {
  it("AUTH-3 accepts nothing without a key source, and the log says what to set", async () => {
    const bare = await startService({ vars: { JWT_JWKS: "" } });
    try {
      const client = await bare.client("u");
      expect((await client.next("connect_error")).data.code).toBe("UNAUTHORIZED");
      await expect.poll(() => bare.logs.join()).toContain("set JWT_ISSUER and one of JWT_JWKS_URL");
    } finally {
      await bare.stop();
    }
  });

  it("CONN-6 closes the transport when the key set cannot be fetched; the client retries by itself", async () => {
    const { createServer } = await import("node:http");
    const { JWKS } = await import("../support/keys.ts");
    let up = false;
    const keys = createServer((_, response) => {
      response.writeHead(up ? 200 : 503, { "content-type": "application/json" });
      response.end(JSON.stringify(JWKS));
    });
    await new Promise<void>((resolve) => keys.listen(0, "127.0.0.1", resolve));
    const { port } = keys.address() as { port: number };
    const remote = await startService({
      vars: { JWT_JWKS: "", JWT_JWKS_URL: `http://127.0.0.1:${port}/jwks.json` },
    });
    try {
      const client = await remote.client("user_retry", {
        socket: { reconnection: true, reconnectionDelay: 100, reconnectionDelayMax: 200 },
      });
      let closes = 0;
      client.socket.io.on("close", () => {
        closes++;
      });
      await expect.poll(() => closes, { timeout: 10_000 }).toBeGreaterThan(1);
      expect(new Set(client.names())).toEqual(new Set(["disconnect"]));
      const raw = new RawClient(engineUrl(remote.url), { authorization: await signToken("user_retry") });
      expect(await raw.refused).toMatchObject({
        status: 503,
        headers: { "retry-after": "5" },
        body: { code: "INTERNAL", retryAfter: 5 },
      });
      up = true;
      await client.next("connected");
      expect(client.payloads("connect_error")).toEqual([]);
    } finally {
      await remote.stop();
      keys.close();
    }
  });
});
