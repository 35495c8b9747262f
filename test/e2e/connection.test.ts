import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Bystanders } from "../support/bystander.ts";
import { signToken } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { type Service, startService } from "../support/service.ts";

let service: Service;
let bystanders: Bystanders;

beforeAll(async () => {
  service = await startService({
    vars: { CONNECT_TIMEOUT: "1000", MAX_PAYLOAD: "5000", ALLOWED_ORIGINS: "https://app.example" },
  });
  bystanders = await Bystanders.start(service);
});
afterEach(() => bystanders.areUntouched());
afterAll(() => service.stop());

const authenticated = async (): Promise<RawClient> => {
  const raw = new RawClient(engineUrl(service.url));
  await raw.frame("0");
  raw.send(`40${JSON.stringify({ token: await signToken("user_raw") })}`);
  await raw.frame('42["connected"');
  return raw;
};

describe("CONN-1 handshake", () => {
  it.each(["/socket.io/", "/socket.io", "/ws/", "/ws"])("opens at %s", async (path) => {
    const raw = new RawClient(engineUrl(service.url, path));
    expect(await raw.frame("0")).toMatch(/^0\{"sid":"local-\d\.[\w-]{22}"/);
    raw.close();
    await raw.closed;
  });

  it.each([
    ["an unknown transport", "?EIO=4&transport=carrier-pigeon", {}, 400, 0, "Transport unknown"],
    ["no transport", "", {}, 400, 0, "Transport unknown"],
    ["an unknown session", "?EIO=4&transport=websocket&sid=x", {}, 400, 1, "Session ID unknown"],
    ["an unknown session", "?EIO=4&transport=polling&sid=x", {}, 400, 1, "Session ID unknown"],
    ["another method", "?EIO=4&transport=websocket", { method: "PUT" }, 400, 2, "Bad handshake method"],
    ["no upgrade", "?EIO=4&transport=websocket", {}, 400, 3, "Bad request"],
  ])("answers %s", async (_, query, init, status, code, message) => {
    const response = await fetch(`${service.origin}/socket.io/${query}`, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ code, message });
  });

  it.each([
    ["another protocol version", "?EIO=3&transport=websocket", {}, 400, 5, "Unsupported protocol version"],
    [
      "a foreign origin",
      "?EIO=4&transport=websocket",
      { origin: "https://evil.example" },
      403,
      4,
      "Forbidden",
    ],
  ])("answers an upgrade with %s", async (_, query, headers, status, code, message) => {
    const raw = new RawClient(`${service.url}/socket.io/${query}`, headers);
    expect(await raw.refused).toMatchObject({ status, body: { code, message } });
  });

  it("lets an allowed origin in", async () => {
    const raw = new RawClient(engineUrl(service.url), { origin: "https://app.example" });
    await raw.frame("0");
    raw.close();
    await raw.closed;
  });
});

it("CONN-12 negotiates no compression, though the client offers it", async () => {
  const raw = new RawClient(engineUrl(service.url));
  await raw.frame("0");
  expect(raw.extensions).toBe("");
  raw.close();
});

it("CONN-2 OPEN carries the session id and the configured numbers", async () => {
  const raw = new RawClient(engineUrl(service.url));
  expect(JSON.parse((await raw.frame("0")).slice(1))).toEqual({
    sid: expect.stringMatching(/^local-\d\.[\w-]{22}$/),
    upgrades: [],
    pingInterval: 25_000,
    pingTimeout: 20_000,
    maxPayload: 5_000,
  });
  raw.close();
});

it("CONN-3 refuses any other namespace and keeps the session", async () => {
  const raw = new RawClient(engineUrl(service.url));
  raw.send('40/admin,{"token":"x"}');
  expect(await raw.frame("44")).toBe('44/admin,{"message":"Invalid namespace"}');
  raw.send(`40/ws,${JSON.stringify({ token: await signToken("user_ns") })}`);
  await raw.frame("40/ws,");
  raw.close();
});

it("CONN-5 closes a session without an authenticated socket after the connect timeout", async () => {
  const silent = new RawClient(engineUrl(service.url));
  const accepted = await authenticated();
  // workerd keeps the TCP connection of a client that never spoke until the gateway hibernates.
  expect(await silent.closeFrame()).toEqual({ code: 1008, reason: "connect timeout" });
  accepted.send('42["ping"]');
  await accepted.frame('42["pong"');
  accepted.close();
});

describe("CONN-9 closes only the session that sends", () => {
  it.each([
    ["a message over maxPayload", `42["${"x".repeat(5_000)}"]`, 1009, "payload too large"],
    ["a binary message over maxPayload", new Uint8Array(5_001), 1009, "payload too large"],
    ["an unknown packet type", "9", 1002, "parse error"],
    ["an empty packet", "", 1002, "parse error"],
    ["a server's packet", "2", 1002, "parse error"],
    ["broken JSON", '42["ping"', 1002, "parse error"],
    ["a reserved event", '42["disconnect"]', 1002, "parse error"],
    ["binary without a header", new Uint8Array([1, 2]), 1002, "parse error"],
    ["text among attachments", '451-["ping",{"_placeholder":true,"num":0}]|42["ping"]', 1002, "parse error"],
    ["a second CONNECT", "40{}", 1002, "parse error"],
    ["an event in a namespace it has not joined", '42/ws,["ping"]', 1002, "parse error"],
  ])("%s", async (_, data, code, reason) => {
    const raw = await authenticated();
    for (const part of typeof data === "string" ? data.split("|") : [data]) raw.send(part);
    expect(await raw.closed).toEqual({ code, reason });
  });

  it("CONNECTs that are refused ten times over", async () => {
    const raw = new RawClient(engineUrl(service.url));
    for (let turn = 0; turn < 10; turn++) raw.send("40/admin,{}");
    expect(await raw.closed).toEqual({ code: 1000, reason: "forced close" });
    expect(raw.count("44/admin,")).toBe(10);
  });

  it("an event before CONNECT", async () => {
    const raw = new RawClient(engineUrl(service.url));
    raw.send('42["ping"]');
    expect(await raw.closed).toEqual({ code: 1002, reason: "parse error" });
  });

  it("accepts a message of exactly maxPayload bytes", async () => {
    const raw = await authenticated();
    const head = '42["ping","';
    raw.send(`${head}${"ü".repeat((5_000 - head.length - 2) / 2)}"]`);
    await raw.frame('42["validation_error"');
    raw.close();
  });
});

it("carries binary events and acks through the protocol layer", async () => {
  const client = await service.connect("user_binary");
  // No event of the product takes binary; it arrives and is refused by its schema.
  const room = new Uint8Array([1, 2, 3]) as unknown as string;
  const reply = await new Promise((resolve) => client.socket.emit("subscribe", { room }, resolve));
  expect(reply).toMatchObject({ error: { code: "VALIDATION_FAILED", event: "subscribe" } });
  client.close();
});
