import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { signToken } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { pollingUrl, RawPolling } from "../support/raw-polling.ts";
import { credit, type Service, startService } from "../support/service.ts";

const ROOM = "market:BTC-USD";
const ALLOWED = "https://app.example";
const FOREIGN = "https://evil.example";
const UNKNOWN_SESSION = { code: 1, message: "Session ID unknown" };

const answerOf = async (response: Response) => ({
  status: response.status,
  body: (await response.json()) as unknown,
});

/** A random part that no session has. */
const GUESS = "A".repeat(22);

let folder: string;
let service: Service;
let watcher: TestClient;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "ledgercore-polling-"));
  service = await startService({ vars: { ALLOWED_ORIGINS: ALLOWED }, persist: folder });
  watcher = await service.connect("user_watcher");
  await watcher.subscribe(ROOM);
});
afterAll(async () => {
  await service.stop();
  await rm(folder, { recursive: true });
});

const hasLeft = (userId: string): Promise<unknown> =>
  watcher.next("user_left_room", (left) => left.userId === userId);

describe("CONN-1 CONN-10 browsers of other origins", () => {
  const preflight = (origin: string) =>
    fetch(pollingUrl(service.origin), {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });

  it("a preflight allows the allowed origin, with credentials and the headers it asks for", async () => {
    const response = await preflight(ALLOWED);
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": ALLOWED,
      "access-control-allow-credentials": "true",
      "access-control-allow-methods": "GET,POST",
      "access-control-allow-headers": "authorization,content-type",
    });
    expect(response.headers.get("vary")?.toLowerCase()).toContain("origin");
  });

  it("a preflight does not allow a foreign origin", async () => {
    expect((await preflight(FOREIGN)).headers.get("access-control-allow-origin")).toBeNull();
  });

  it("the allowed origin may read every answer of a session, and none is stored", async () => {
    const headers = { origin: ALLOWED, cookie: "session=1" };
    const mayRead = (response: Response): void => {
      expect(Object.fromEntries(response.headers)).toMatchObject({
        "access-control-allow-origin": ALLOWED,
        "access-control-allow-credentials": "true",
        "cache-control": "no-store",
        vary: expect.stringMatching(/origin/i),
      });
    };
    mayRead(await fetch(pollingUrl(service.origin), { headers }));
    const session = await RawPolling.open(service.origin, headers);
    const posted = await fetch(session.url, {
      method: "POST",
      headers,
      body: `40${JSON.stringify({ token: await signToken("user_browser") })}`,
    });
    expect([posted.status, await posted.text()]).toEqual([200, "ok"]);
    mayRead(posted);
    const polled = await session.get({ headers });
    expect(polled.status).toBe(200);
    expect(polled.headers.get("content-type")).toBe("text/plain; charset=UTF-8");
    mayRead(polled);
    mayRead(await fetch(`${pollingUrl(service.origin)}&sid=unknown`, { headers }));
    await session.post("1");
  });

  it("a foreign origin opens no session and touches none", async () => {
    const session = await RawPolling.open(service.origin);
    const headers = { origin: FOREIGN };
    for (const [url, init] of [
      [pollingUrl(service.origin), {}],
      [session.url, {}],
      [session.url, { method: "POST", body: "1" }],
    ] as const) {
      const response = await fetch(url, { ...init, headers });
      expect(response.headers.get("access-control-allow-origin")).toBeNull();
      expect(response.headers.get("cache-control")).toBe("no-store");
      expect(await answerOf(response)).toEqual({ status: 403, body: { code: 4, message: "Forbidden" } });
    }
    await session.join(await signToken("user_untouched"), ROOM);
    await session.post("1");
    await hasLeft("user_untouched");
  });
});

describe("CONN-4 CONN-10 an Authorization header", () => {
  it("that is not valid is refused before a session opens", async () => {
    const response = await fetch(pollingUrl(service.origin), { headers: { authorization: "Bearer x" } });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toMatchObject({ code: "UNAUTHORIZED" });
  });

  it("that is valid counts for the session; its later requests need none", async () => {
    const session = await RawPolling.open(service.origin, {
      authorization: `Bearer ${await signToken("user_header")}`,
    });
    await session.post("40");
    expect(await session.packet('42["connected"')).toContain('"userId":"user_header"');
    // Nor does a wrong one harm.
    const polling = session.get({ headers: { authorization: "Bearer x" } });
    await service.publish(credit("user_header", 1));
    const { event, data } = credit("user_header", 1);
    expect(JSON.parse((await (await polling).text()).slice(2))).toEqual([event, data, expect.any(String)]);
    await session.post("1");
  });

  it("works for a stock client", async () => {
    const authorization = `Bearer ${await signToken("user_stock")}`;
    const client = await service.client("user_stock", {
      transports: "polling",
      socket: { auth: {}, extraHeaders: { authorization } },
    });
    expect(await client.next("connected")).toMatchObject({ userId: "user_stock" });
    client.close();
  });
});

describe("CONN-5 CONN-10 a client that is not let in", () => {
  it("gets CONNECT_ERROR over polling, and may try again on the session", async () => {
    const client = await service.client("user_refused", { transports: "polling", token: "x" });
    const error = await client.next("connect_error");
    expect(error.data).toMatchObject({ code: "UNAUTHORIZED" });
    client.socket.auth = { token: await signToken("user_refused") };
    client.socket.connect();
    expect(await client.next("connected")).toMatchObject({ userId: "user_refused" });
    client.close();
  });

  it("gets what was said to it, and then the end, with its next polls after the tenth refusal", async () => {
    const session = await RawPolling.open(service.origin);
    await session.post(...Array.from({ length: 10 }, () => "40/admin,{}"));
    const polled = await session.get();
    expect((await polled.text()).split("\u001e")).toEqual(
      Array.from({ length: 10 }, () => '44/admin,{"message":"Invalid namespace"}'),
    );
    const last = await session.get();
    expect([last.status, await last.text()]).toEqual([200, "1"]);
    expect(await answerOf(await session.get())).toEqual({ status: 400, body: UNKNOWN_SESSION });
  });
});

describe("CONN-1 CONN-10 ids that name no session", () => {
  /** One database for each object that ever was. */
  const objects = async (): Promise<string[]> => {
    const files = await readdir(path.join(folder, "do"), { recursive: true });
    return files.filter((file) => file.endsWith(".sqlite")).sort();
  };

  it.each([
    ["guessed", `local-0.${GUESS}`],
    ["of a gateway beyond those of a location", `local-2.${GUESS}`],
    ["of a gateway far beyond", `AMS-9999.${GUESS}`],
    ["of a gateway with a leading zero", `local-00.${GUESS}`],
    ["of a negative gateway", `local--1.${GUESS}`],
    ["of no location", `amsterdam-0.${GUESS}`],
    ["too short", "local-0.AAAA"],
    ["too long", `local-0.${GUESS}A`],
    ["of other characters", `local-0.${"*".repeat(22)}`],
    ["a gateway's name alone", "local-0"],
    ["a path", "../../local-0"],
    ["an id of the reference server", "lv_VI97HAXpY6yYWAAAC"],
    ["long", "x".repeat(5_000)],
  ])("%s: code 1, and no object comes to life", async (_, sid) => {
    const before = await objects();
    expect(before.length).toBeGreaterThan(0);
    const url = `${pollingUrl(service.origin)}&sid=${encodeURIComponent(sid)}`;
    for (const init of [{}, { method: "POST", body: "40" }]) {
      expect(await answerOf(await fetch(url, init))).toEqual({ status: 400, body: UNKNOWN_SESSION });
    }
    const upgrade = new RawClient(`${engineUrl(service.url)}&sid=${encodeURIComponent(sid)}`);
    expect(await upgrade.refused).toMatchObject({ status: 400, body: UNKNOWN_SESSION });
    expect(await objects()).toEqual(before);
  });

  it("of a session that is over", async () => {
    const session = await RawPolling.open(service.origin);
    await session.post("1");
    expect(await answerOf(await session.get())).toEqual({ status: 400, body: UNKNOWN_SESSION });
  });

  it("of a session on a WebSocket are not polled: code 3", async () => {
    const client = await service.connect("user_socket");
    const url = `${pollingUrl(service.origin)}&sid=${encodeURIComponent(client.sessionId)}`;
    for (const init of [{}, { method: "POST", body: "1" }]) {
      expect(await answerOf(await fetch(url, init))).toEqual({
        status: 400,
        body: { code: 3, message: "Bad request" },
      });
    }
    await client.settled();
    client.close();
  });
});

it("USER-2 CONN-10 a client whose session ends while events wait for it recovers, and gets each once", async () => {
  const userId = "user_waiting";
  // Siblings share a gateway: what one has had waits for the other.
  const single = await startService({ vars: { GATEWAYS_PER_COLO: "1" } });
  const network = await startFaultyProxy(Number(new URL(single.origin).port));
  try {
    const sibling = await single.connect(userId);
    await sibling.subscribe(ROOM);
    const client = await single.connect(userId, {
      transports: "polling",
      origin: `ws://127.0.0.1:${network.port}`,
    });
    await client.subscribe(ROOM);
    const { id } = client.socket;
    const amounts = () => client.payloads("credits_granted").map(({ amount }) => amount);
    // The answer to the client's GET is held on its way, so that it asks for nothing more.
    network.stall("down");
    for (const amount of [1, 2, 3]) {
      await single.publish(credit(userId, amount));
      await sibling.all("credits_granted", amount);
    }
    client.socket.io.engine.write("9");
    await expect.poll(() => sibling.subscribe(ROOM)).toMatchObject({ subscriberCount: 1 });
    expect(amounts()).toEqual([]);
    network.heal();
    expect(await client.next("disconnect")).toBe("transport close");
    expect(amounts()).toEqual([1, 2, 3]);
    client.socket.connect();
    await client.next("connected");
    expect(client.socket).toMatchObject({ recovered: true, id });
    await single.publish(credit(userId, 4));
    await client.next("credits_granted", ({ amount }) => amount === 4);
    await client.settled();
    expect(amounts()).toEqual([1, 2, 3, 4]);
  } finally {
    network.close();
    await single.stop();
  }
});

it("ROOM-6 CONN-10 a client whose connection breaks while it polls leaves its rooms at once", async () => {
  const session = await RawPolling.open(service.origin);
  await session.join(await signToken("user_gone"), ROOM);
  const polling = await session.hold();
  const brokenAt = Date.now();
  // workerd takes a mere FIN for half a connection, and goes on.
  polling.socket?.resetAndDestroy();
  await hasLeft("user_gone");
  expect(Date.now() - brokenAt).toBeLessThan(5_000);
  expect(await answerOf(await session.get())).toEqual({ status: 400, body: UNKNOWN_SESSION });
});

it("CONN-1 CONN-10 a polling handshake gets 503 and Retry-After while all gateways are full", async () => {
  const full = await startService({ vars: { MAX_SESSIONS_PER_GATEWAY: "2", GATEWAYS_PER_COLO: "2" } });
  try {
    // One transport takes the place of the other.
    const clients = [
      await full.connect("user_1", { transports: "polling" }),
      await full.connect("user_2", { transports: "polling" }),
      await full.connect("user_3"),
      await full.connect("user_4", { transports: "default" }),
    ];
    const refused = await fetch(pollingUrl(full.origin));
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("5");
    expect(await refused.json()).toMatchObject({ code: "INTERNAL", retryAfter: 5 });
    // Sessions that are there go on, and one may still upgrade.
    await clients[3]?.upgraded();
    for (const client of clients) await client.settled();
    clients[0]?.close();
    await expect.poll(async () => (await fetch(pollingUrl(full.origin))).status).toBe(200);
  } finally {
    await full.stop();
  }
});

it("CONN-8 CONN-10 a polling client that falls silent is closed after the ping timeout, and no other", async () => {
  const short = await startService({ vars: { PING_INTERVAL: "1500", PING_TIMEOUT: "800" } });
  try {
    const other = await short.connect("user_other", { transports: "polling" });
    await other.subscribe(ROOM);
    await other.subscribe("market:ETH-USD");
    // One stops polling; one polls on, but does not answer.
    const stopped = await RawPolling.open(short.origin);
    const mute = await RawPolling.open(short.origin);
    await stopped.join(await signToken("user_stopped"), ROOM);
    await mute.join(await signToken("user_mute"), "market:ETH-USD");
    await mute.packet("2");
    await mute.packet("1");
    await other.next("user_left_room", ({ userId }) => userId === "user_mute");
    await other.next("user_left_room", ({ userId }) => userId === "user_stopped");
    for (const session of [stopped, mute]) {
      expect(await answerOf(await session.get())).toEqual({ status: 400, body: UNKNOWN_SESSION });
    }
    await other.settled();
    expect(other.payloads("disconnect")).toEqual([]);
  } finally {
    await short.stop();
  }
});
