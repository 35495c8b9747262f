import { io as latest } from "socket.io-client";
import { io as io40 } from "socket.io-client-4.0";
import { io as io44 } from "socket.io-client-4.4";
import { io as io46 } from "socket.io-client-4.6";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestClient, TRANSPORTS } from "../support/client.ts";
import { startRoundRobinProxy } from "../support/round-robin-proxy.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

/** What the versions are called with has not changed since 4.0, though their types have. */
const VERSIONS = [
  ["4.0", io40],
  ["4.4", io44 as unknown as typeof latest],
  ["4.6", io46 as unknown as typeof latest],
  ["latest", latest],
] as const;

const ROOM = "market:BTC-USD";

let service: Service;
/** Sees who comes and goes. */
let watcher: TestClient;

beforeAll(async () => {
  service = await startService();
  watcher = await service.connect("user_watcher");
  await watcher.subscribe(ROOM);
});
afterAll(() => service.stop());

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

const timestamps = (client: TestClient): number[] =>
  client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp);

/** The watcher has seen the user leave, and is alone. */
const hasLeft = async (userId: string): Promise<void> => {
  await watcher.next("user_left_room", (left) => left.userId === userId);
  expect(await watcher.request("subscribe", ROOM)).toEqual({ room: ROOM, subscriberCount: 1 });
};

/** A client's whole life, from `connected` on. */
const live = async (client: TestClient, userId: string): Promise<void> => {
  expect(await client.next("connected")).toEqual({
    userId,
    sid: client.socket.id,
    timestamp: expect.any(Number),
  });
  expect(await client.subscribe(ROOM)).toEqual({ room: ROOM, subscriberCount: 2 });
  const bars = numbers(1, 5).map((number) => bar("BTC-USD", number, { close: "1.10", venue: "é😀" }));
  await service.publish(bars.slice(0, 3));
  for (const item of bars.slice(3)) await service.publish(item);
  expect(await client.all("market_chart_live_update", 5)).toEqual(bars.map(({ data }) => data));
  await service.publish(credit(userId, 1));
  expect(await client.next("credits_granted")).toEqual(credit(userId, 1).data);

  const other = "market:BTC-USDT";
  expect(await client.request("subscribe", other)).toEqual({ room: other, subscriberCount: 1 });
  expect(await client.request("unsubscribe", other)).toEqual({ room: other });
  client.socket.emit("unsubscribe", { room: ROOM });
  expect(await client.next("unsubscribed", ({ room }) => room === ROOM)).toEqual({ room: ROOM });
  await hasLeft(userId);
  await service.publish([bar("BTC-USD", 6), credit(userId, 2)]);
  await client.next("credits_granted");
  client.socket.emit("ping");
  expect(await client.next("pong")).toEqual({ timestamp: expect.any(Number) });
  expect(timestamps(client)).toEqual(numbers(1, 5));

  expect(await client.subscribe(ROOM)).toEqual({ room: ROOM, subscriberCount: 2 });
  client.close();
  expect(await client.next("disconnect")).toBe("io client disconnect");
  await hasLeft(userId);
};

describe.each(VERSIONS)("CONN-12 socket.io-client %s", (version, io) => {
  it.each(TRANSPORTS)("CONN-3 ROOM-1 lives its whole life on %s", async (transports) => {
    const userId = `user_${version}_${transports}`;
    const client = await service.client(userId, { io, transports });
    await client.next("connect");
    if (transports === "default") await client.upgraded();
    await live(client, userId);
    expect(client.transport).toBe(transports === "polling" ? "polling" : "websocket");
  });

  it("CONN-11 ROOM-5 gets every event once and in order while it upgrades", async () => {
    const proxy = await startRoundRobinProxy(service.workers);
    const userId = `user_${version}_upgrade`;
    try {
      const upgrade = proxy.holdUpgrades();
      const client = await service.client(userId, { io, transports: "default", origin: proxy.origin });
      await client.next("connected");
      await client.subscribe(ROOM);
      const received = () => timestamps(client).length;
      const { engine } = client.socket.io;
      const at = { upgrading: 0, upgraded: 0 };
      engine.once("upgrading", () => {
        at.upgrading = received();
      });
      engine.once("upgrade", () => {
        at.upgraded = received();
      });

      let published = 0;
      const publish = () => service.publish(bar("BTC-USD", ++published));
      for (let turn = 0; turn < 20; turn++) await publish();
      await client.all("market_chart_live_update", 10);
      expect(client.transport).toBe("polling");
      upgrade();
      while (client.transport === "polling") await publish();
      for (let turn = 0; turn < 20; turn++) await publish();
      expect(await client.all("market_chart_live_update", published)).toHaveLength(published);
      await client.settled();
      expect(timestamps(client)).toEqual(numbers(1, published));
      // Events came before, while and after the client changed over.
      expect(at.upgrading).toBeGreaterThan(0);
      expect(at.upgraded).toBeLessThan(published);
      client.close();
      await hasLeft(userId);
    } finally {
      proxy.close();
    }
  });
});

it.each([
  ["", "websocket"],
  ["/ws", "websocket"],
  ["/ws", "polling"],
  ["/ws", "default"],
] as const)("CONN-3 CONN-12 the URL form ws://host%s on %s", async (path, transports) => {
  const userId = `user_form_${transports}`;
  const client = await service.client(userId, { path, transports });
  await live(client, userId);
});
