import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Bystanders } from "../support/bystander.ts";
import { bar, type Service, startService } from "../support/service.ts";

let service: Service;
let bystanders: Bystanders;

beforeAll(async () => {
  service = await startService({ vars: { PRESENCE_LIMIT: "3" } });
  bystanders = await Bystanders.start(service);
});
afterEach(() => bystanders.areUntouched());
afterAll(() => service.stop());

describe("ROOM-1", () => {
  it("subscribe and unsubscribe are idempotent and answer by event and ack", async () => {
    const client = await service.connect("user_1");
    const room = "market:ROOM-ONE";
    const answer = { room, subscriberCount: 1 };
    for (let turn = 0; turn < 2; turn++) {
      expect(await client.socket.timeout(5_000).emitWithAck("subscribe", { room })).toEqual(answer);
      expect(await client.next("subscribed")).toEqual(answer);
    }
    for (let turn = 0; turn < 2; turn++) {
      expect(await client.socket.timeout(5_000).emitWithAck("unsubscribe", { room })).toEqual({ room });
      expect(await client.next("unsubscribed")).toEqual({ room });
    }
    client.close();
  });

  it("the personal room is joined already", async () => {
    const client = await service.connect("user_2");
    expect(await client.subscribe("user:user_2")).toEqual({ room: "user:user_2", subscriberCount: 1 });
    client.close();
  });
});

describe("ROOM-2 a refused subscribe creates nothing and says why", () => {
  it.each([
    ["another user's room", "user:user_bystander", "UNAUTHORIZED"],
    ["an unknown kind of room", "weather:paris", "NOT_FOUND"],
    ["no kind of room", "BTC-USD", "NOT_FOUND"],
  ])("%s", async (_, room, code) => {
    const client = await service.connect("user_3");
    const reply = await client.socket.timeout(5_000).emitWithAck("subscribe", { room });
    const error = await client.next("subscribe_error");
    expect(error).toEqual({ code, message: expect.any(String), room });
    expect(reply).toEqual({ error: { code, message: error.message } });
    await service.publish(bar("BTC-USD", 1));
    await client.settled();
    expect(client.names()).toEqual(["connect", "connected", "subscribe_error", "pong"]);
    client.close();
  });

  it.each([
    ["a malformed symbol", { room: "market:btc-usd" }, "room"],
    ["a symbol of one part", { room: "market:BTC" }, "room"],
    ["no room", {}, "room"],
    ["an unknown field", { room: "market:BTC-USD", speed: 9 }, "speed"],
    ["no object", "market:BTC-USD", ""],
  ])("ERR-1 %s", async (_, payload, path) => {
    const client = await service.connect("user_4");
    client.socket.emit("subscribe", payload as { room: string });
    expect(await client.next("validation_error")).toEqual({
      code: "VALIDATION_FAILED",
      message: "The payload of subscribe is not valid.",
      event: "subscribe",
      issues: [{ path, message: expect.any(String) }],
    });
    expect(client.payloads("disconnect")).toEqual([]);
    client.close();
  });

  it("ERR-1 an unknown event", async () => {
    const client = await service.connect("user_5");
    client.socket.emit("__proto__" as "ping");
    expect(await client.next("validation_error")).toMatchObject({
      code: "VALIDATION_FAILED",
      event: "__proto__",
    });
    client.close();
  });
});

it("ROOM-3 the 101st room gets rate_limit_error, the other hundred stay", async () => {
  const client = await service.connect("user_100");
  const rooms = Array.from({ length: 100 }, (_, index) => `market:CAP${index}-USD`);
  for (const room of rooms) client.socket.emit("subscribe", { room });
  await client.all("subscribed", 100);
  client.socket.emit("subscribe", { room: "market:ONE-MORE" });
  expect(await client.next("rate_limit_error")).toEqual({
    code: "RATE_LIMITED",
    message: expect.stringContaining("100 rooms"),
  });
  await service.publish([...rooms.map((_, index) => bar(`CAP${index}-USD`, index)), bar("ONE-MORE", 1)]);
  const bars = await client.all("market_chart_live_update", 100);
  expect(bars.map(({ timestamp }) => timestamp).sort((a, b) => a - b)).toEqual(
    rooms.map((_, index) => index),
  );
  // A subscribed room may be asked for again, and a place is free after leaving one.
  expect(
    (await client.socket.timeout(5_000).emitWithAck("subscribe", { room: "market:CAP0-USD" })) as object,
  ).toEqual({
    room: "market:CAP0-USD",
    subscriberCount: 1,
  });
  client.socket.emit("unsubscribe", { room: "market:CAP1-USD" });
  expect(await client.subscribe("market:ONE-MORE")).toMatchObject({ subscriberCount: 1 });
  client.close();
});

it("ERR-1 a socket that emits too much gets rate_limit_error, and goes on after a pause", async () => {
  const client = await service.connect("user_flood");
  for (let turn = 0; turn < 1_200; turn++) client.socket.emit("ping");
  expect(await client.next("rate_limit_error")).toEqual({
    code: "RATE_LIMITED",
    message: expect.stringContaining("100 events a second"),
    retryAfter: 1,
  });
  await expect
    .poll(() => client.payloads("pong").length + client.payloads("rate_limit_error").length)
    .toBe(1_200);
  expect(client.payloads("pong").length).toBeGreaterThanOrEqual(1_000);
  await expect
    .poll(async () => "timestamp" in ((await client.socket.timeout(5_000).emitWithAck("ping")) as object))
    .toBe(true);
  expect(client.payloads("disconnect")).toEqual([]);
  client.close();
});

describe("ROOM-4", () => {
  it("counts sockets, and tells of a user's first and last socket", async () => {
    const room = "market:PRESENCE-USD";
    const watcher = await service.connect("user_watcher");
    await watcher.subscribe(room);
    const one = await service.connect("user_pair");
    expect(await one.subscribe(room)).toEqual({ room, subscriberCount: 2 });
    expect(await watcher.next("user_joined_room")).toEqual({
      userId: "user_pair",
      room,
      joinedAt: expect.any(Number),
    });
    const two = await service.connect("user_pair", { path: "/ws" });
    expect(await two.subscribe(room)).toEqual({ room, subscriberCount: 3 });
    one.close();
    two.socket.emit("unsubscribe", { room });
    expect(await watcher.next("user_left_room")).toEqual({
      userId: "user_pair",
      room,
      leftAt: expect.any(Number),
    });
    expect(watcher.payloads("user_joined_room")).toHaveLength(1);
    expect(watcher.payloads("user_left_room")).toHaveLength(1);
    expect(one.payloads("user_joined_room")).toEqual([]);
    watcher.close();
    two.close();
  });

  it("sends no presence above PRESENCE_LIMIT", async () => {
    const room = "market:CROWD-USD";
    const clients = await Promise.all(["a", "b", "c", "d"].map((name) => service.connect(`user_${name}`)));
    for (const [index, client] of clients.entries()) {
      expect(await client.subscribe(room)).toEqual({ room, subscriberCount: index + 1 });
    }
    await service.publish(bar("CROWD-USD", 1));
    await clients[0]?.next("market_chart_live_update");
    expect(clients[0]?.payloads("user_joined_room").map(({ userId }) => userId)).toEqual([
      "user_b",
      "user_c",
    ]);
    for (const client of clients) client.close();
  });
});

it("ROOM-5 nothing comes before subscribed, nothing after unsubscribed", async () => {
  const client = await service.connect("user_window");
  const room = "market:WINDOW-USD";
  let published = 0;
  let stop = false;
  const publisher = (async () => {
    while (!stop) await service.publish(bar("WINDOW-USD", ++published));
  })();
  for (let turn = 0; turn < 20; turn++) {
    await client.subscribe(room);
    await client.next("market_chart_live_update");
    client.socket.emit("unsubscribe", { room });
    await client.next("unsubscribed");
  }
  stop = true;
  await publisher;
  await client.settled();
  let subscribed = false;
  let last = 0;
  for (const { event, payload } of client.received) {
    if (event === "subscribed") subscribed = true;
    if (event === "unsubscribed") subscribed = false;
    if (event !== "market_chart_live_update") continue;
    expect(subscribed).toBe(true);
    const { timestamp } = payload as { timestamp: number };
    expect(timestamp).toBeGreaterThan(last);
    last = timestamp;
  }
  client.close();
});
