import { io } from "socket.io-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../../src/events/catalogue.ts";
import { signToken } from "../support/keys.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

describe.each([
  ["CONN-3 the local URL, namespace /", "", "/"],
  ["CONN-3 the production form of the URL, namespace /ws", "/ws", "/ws"],
])("%s", (_, path, nsp) => {
  it("runs the documented snippet: connect, subscribe, receive, unsubscribe", async () => {
    const token = await signToken("user_snippet");
    const socket = io(`${service.url}${path}`, {
      auth: { token: `Bearer ${token}` },
      transports: ["websocket"],
    });
    const once = (event: string) => new Promise((resolve) => socket.once(event, resolve));
    try {
      const connected = once("connected");
      const subscribed = once("subscribed");
      const tick = once("market_chart_live_update");
      socket.emit("subscribe", { room: "market:BTC-USD" });
      expect(await connected).toEqual({
        userId: "user_snippet",
        sid: socket.id,
        timestamp: expect.any(Number),
      });
      expect(await subscribed).toEqual({ room: "market:BTC-USD", subscriberCount: 1 });
      await service.publish(bar("BTC-USD", 1_000));
      expect(await tick).toEqual(bar("BTC-USD", 1_000).data);
      const unsubscribed = once("unsubscribed");
      socket.emit("unsubscribe", { room: "market:BTC-USD" });
      expect(await unsubscribed).toEqual({ room: "market:BTC-USD" });
    } finally {
      socket.disconnect();
    }
  });

  it("CONN-7 sends CONNECT, then connected; an event published after it is not missed", async () => {
    const client = await service.connect("user_order", { path });
    await service.publish(credit("user_order", 1));
    await client.next("credits_granted");
    expect(client.names()).toEqual(["connect", "connected", "credits_granted"]);
    client.close();
  });

  it("answers ping with pong, by event and by ack", async () => {
    const client = await service.connect("user_ping", { path });
    client.socket.emit("ping");
    expect(await client.next("pong")).toEqual({ timestamp: expect.any(Number) });
    const reply = await client.socket.timeout(5_000).emitWithAck("ping");
    expect(reply).toEqual({ timestamp: expect.any(Number) });
    client.close();
  });

  it("ING-1 delivers every server-to-client event of the catalogue to its user's sockets, as published", async () => {
    const client = await service.connect("user_all", { path });
    const stranger = await service.connect("user_stranger", { path });
    const events = Object.values(catalogue).filter(({ direction }) => direction === "server-to-client");
    await service.publish(
      events.map(({ name, example }) => ({ event: name, userId: "user_all", data: example })),
    );
    for (const { name, example } of events) {
      expect(await client.next(name, (data) => name !== "connected" || data.userId !== "user_all")).toEqual(
        example,
      );
    }
    await stranger.settled();
    expect(stranger.names()).toEqual(["connect", "connected", "pong"]);
    client.close();
    stranger.close();
  });

  it("reaches both namespaces of one user, on one connection", async () => {
    const client = await service.connect("user_two", { path });
    const other = client.socket.io.socket(nsp === "/" ? "/ws" : "/", {
      auth: { token: await signToken("user_two") },
    });
    const connected = new Promise((resolve) => other.once("connected", resolve));
    const received = new Promise((resolve) => other.once("credits_granted", resolve));
    await connected;
    await service.publish(credit("user_two", 7));
    expect(await received).toEqual(credit("user_two", 7).data);
    expect(await client.next("credits_granted")).toEqual(credit("user_two", 7).data);
    other.disconnect();
    client.close();
  });
});

it("ING-1 narrows an event to one socket of the user", async () => {
  const [one, two] = await Promise.all([service.connect("user_sock"), service.connect("user_sock")]);
  await service.publish([{ ...credit("user_sock", 1), socketId: two.socket.id }, credit("user_sock", 2)]);
  await one.next("credits_granted");
  await two.all("credits_granted", 2);
  expect(one.payloads("credits_granted").map(({ amount }) => amount)).toEqual([2]);
  expect(two.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 2]);
});

it("ING-1 takes one event, an array and NDJSON", async () => {
  const client = await service.connect("user_forms");
  const forms: [string, string][] = [
    [JSON.stringify(credit("user_forms", 1)), "application/json"],
    [JSON.stringify([credit("user_forms", 2), credit("user_forms", 3)]), "application/json; charset=utf-8"],
    [
      `${JSON.stringify(credit("user_forms", 4))}\n${JSON.stringify(credit("user_forms", 5))}\n`,
      "application/x-ndjson",
    ],
  ];
  for (const [body, type] of forms) {
    const response = await service.ingest(body, { "content-type": type });
    expect(response.status).toBe(202);
  }
  await client.all("credits_granted", 5);
  expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 2, 3, 4, 5]);
});

it("MKT-1 prices come out as they went in, numbers or decimal strings", async () => {
  const client = await service.connect("user_prices");
  await client.subscribe("market:ETH-USD");
  const data = bar("ETH-USD", 1, { open: "0.10", high: 1e-7, close: "12345678901234567890.1", venue: "x" });
  await service.publish(data);
  expect(await client.next("market_chart_live_update")).toEqual(data.data);
});
