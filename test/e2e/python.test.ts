import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestClient, TRANSPORTS } from "../support/client.ts";
import { signToken } from "../support/keys.ts";
import { PythonClient, pythonClientAvailable } from "../support/python.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

const ROOM = "market:BTC-USD";

describe.skipIf(!(await pythonClientAvailable()))("CONN-12 python-socketio", () => {
  let service: Service;
  let watcher: TestClient;

  beforeAll(async () => {
    service = await startService();
    watcher = await service.connect("user_watcher");
    await watcher.subscribe(ROOM);
  });
  afterAll(() => service.stop());

  const CLIENTS = (["sync_client", "async_client"] as const).flatMap((script) =>
    TRANSPORTS.map((transports) => [script, transports] as const),
  );

  it.each(CLIENTS)("%s subscribes, receives and unsubscribes on %s", async (script, transports) => {
    const userId = `user_${script}_${transports}`;
    const client = new PythonClient(script, service.url, await signToken(userId), transports);
    try {
      expect(await client.event("connected")).toMatchObject({ userId });
      // It upgrades before it says that it has connected.
      expect(await client.event("transport")).toBe(transports === "polling" ? "polling" : "websocket");
      client.emit("subscribe", { room: ROOM });
      expect(await client.event("ack")).toEqual({ room: ROOM, subscriberCount: 2 });
      expect(await client.event("subscribed")).toEqual({ room: ROOM, subscriberCount: 2 });
      // One by one: the client gives each event to a thread of its own.
      for (const number of [1, 2, 3]) {
        const { event, data } = bar("BTC-USD", number, { close: "1.10", venue: "é😀" });
        await service.publish({ event, data });
        expect(await client.event(event, number)).toEqual(data);
      }
      await service.publish(credit(userId, 1));
      expect(await client.event("credits_granted")).toEqual(credit(userId, 1).data);
      client.emit("unsubscribe", { room: ROOM });
      expect(await client.event("unsubscribed")).toEqual({ room: ROOM });
      await service.publish([bar("BTC-USD", 4), credit(userId, 2)]);
      await client.event("credits_granted", 2);
      client.emit("ping");
      expect(await client.event("pong")).toEqual({ timestamp: expect.any(Number) });
      expect(client.payloads("market_chart_live_update")).toHaveLength(3);
      client.emit("subscribe", { room: ROOM });
      await client.event("subscribed", 2);
      await client.leave();
      expect(client.payloads("disconnect")).toHaveLength(1);
      await watcher.next("user_left_room", (left) => left.userId === userId);
      await watcher.next("user_left_room", (left) => left.userId === userId);
      expect(await watcher.request("subscribe", ROOM)).toEqual({ room: ROOM, subscriberCount: 1 });
    } finally {
      client.kill();
    }
  });
});
