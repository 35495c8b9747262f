import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { type RedisPublisher, RedisServer, redisAvailable } from "../support/redis.ts";
import { Bridge } from "../support/redis-bridge.ts";
import { bar, credit, INGEST_TOKEN, type Service, startService } from "../support/service.ts";

const CHANNEL = "api:events";

/** What brings a stock client back soon after the service is. */
const RECONNECT = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 };

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

const amounts = (client: TestClient): number[] =>
  client.payloads("credits_granted").map(({ amount }) => amount);

const portOf = (service: Service): number => Number(new URL(service.origin).port);

describe.skipIf(!(await redisAvailable()))("the Redis bridge", () => {
  let persist: string;
  let redis: RedisServer;
  let app: RedisPublisher;
  let service: Service;
  const bridges: Bridge[] = [];

  const startBridge = async (env: Record<string, string> = {}): Promise<Bridge> => {
    const bridge = new Bridge({
      REDIS_URL: redis.url,
      REALTIME_URL: service.origin,
      INGEST_TOKEN,
      ...env,
    });
    bridges.push(bridge);
    await bridge.note("listening");
    return bridge;
  };

  // The bridge imports the SDK as its users do: built.
  beforeAll(() => promisify(execFile)("tsc", ["-p", path.resolve(import.meta.dirname, "../../publisher")]));

  beforeEach(async () => {
    persist = await mkdtemp(path.join(tmpdir(), "ledgercore-bridge-"));
    service = await startService({ persist });
    redis = await RedisServer.start();
    app = await redis.publisher();
  });
  afterEach(async () => {
    for (const bridge of bridges.splice(0)) await bridge.stop();
    app.close();
    await redis.stop();
    await service.stop();
    await rm(persist, { recursive: true });
  });

  it("ING-1 publishes what comes on the channel, in order: one event or an array, personal and market", async () => {
    await startBridge();
    const client = await service.connect("user_redis");
    await client.subscribe("market:BTC-USD");
    for (const number of range(1, 50)) {
      await app.publish(CHANNEL, credit("user_redis", number));
      await app.publish(CHANNEL, [bar("BTC-USD", 2 * number - 1), bar("BTC-USD", 2 * number)]);
    }
    await client.all("credits_granted", 50);
    await client.next("market_chart_live_update", ({ timestamp }) => timestamp === 100);
    expect(amounts(client)).toEqual(range(1, 50));
    const bars = client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp);
    expect(bars).toEqual(bars.toSorted((a, b) => a - b));
  });

  it("ING-2 messages that are no events, and events that are refused, are told without payload and stop nothing", async () => {
    const bridge = await startBridge({ REDIS_CHANNEL: "other" });
    const client = await service.connect("user_faulty");
    await app.publish("other", "{secret");
    await app.publish("other", ["secret", null, 1, { data: "secret" }, credit("user_faulty", 1)]);
    await app.publish("other", { ...credit("user_faulty", 2), data: { amount: "secret" }, id: "bad" });
    await app.publish("other", credit("user_faulty", 3));
    await client.all("credits_granted", 2);
    expect(amounts(client)).toEqual([1, 3]);
    expect(await bridge.note("not_published")).toMatchObject({
      event: "credits_granted",
      id: "bad",
      code: "VALIDATION_FAILED",
    });
    bridge.signal("SIGINT");
    expect(await bridge.note("ended")).toMatchObject({
      received: 3,
      published: 2,
      malformed: 5,
      not_published: 1,
    });
    expect(JSON.stringify(bridge.notes)).not.toContain("secret");
  });

  it("is back when Redis is", async () => {
    await startBridge();
    const client = await service.connect("user_restart");
    for (const number of range(1, 20)) await app.publish(CHANNEL, credit("user_restart", number));
    await client.all("credits_granted", 20);
    await redis.crash();
    app.close();
    await redis.start();
    app = await redis.publisher();
    await expect.poll(() => app.subscribers(CHANNEL), { timeout: 10_000 }).toBe(1);
    for (const number of range(21, 40)) await app.publish(CHANNEL, credit("user_restart", number));
    await client.all("credits_granted", 40);
    expect(amounts(client)).toEqual(range(1, 40));
  });

  it("ING-3 USER-2 nothing that it received is lost or doubled when the service is killed in mid-stream", async () => {
    const bridge = await startBridge();
    const client = await service.connect("user_crash", { socket: RECONNECT });
    let revived: Promise<Service> | undefined;
    for (const number of range(1, 600)) {
      await app.publish(CHANNEL, credit("user_crash", number));
      if (number === 200) {
        await client.all("credits_granted", 1);
        await service.crash();
      }
      if (number === 400) {
        await bridge.note("retrying");
        revived = startService({ persist, port: portOf(service) });
      }
    }
    service = (await revived) ?? service;
    await client.all("credits_granted", 600);
    await client.settled();
    expect(client.socket.recovered).toBe(true);
    expect(amounts(client)).toEqual(range(1, 600));
  });

  it("ING-3 two bridges double nothing that has ids", async () => {
    await Promise.all([startBridge(), startBridge()]);
    const client = await service.connect("user_two");
    for (const number of range(1, 200)) {
      const receivers = await app.publish(CHANNEL, { ...credit("user_two", number), id: `event-${number}` });
      expect(receivers).toBe(2);
    }
    await client.all("credits_granted", 200);
    for (const bridge of bridges) {
      bridge.signal("SIGTERM");
      expect(await bridge.note("ended")).toMatchObject({ received: 200, published: 200 });
    }
    await client.settled();
    expect(amounts(client)).toEqual(range(1, 200));
  });

  it("told to end, publishes what it has received first", async () => {
    const bridge = await startBridge();
    const client = await service.connect("user_end");
    await Promise.all(range(1, 300).map((number) => app.publish(CHANNEL, credit("user_end", number))));
    bridge.signal("SIGTERM");
    expect(await bridge.ended).toEqual({ code: 0, errors: "" });
    expect(await bridge.note("ended")).toMatchObject({ received: 300, published: 300 });
    await client.all("credits_granted", 300);
    expect(amounts(client)).toEqual(range(1, 300));
  });

  it("can be told to end while it waits for Redis", async () => {
    await redis.crash();
    const bridge = new Bridge({ REDIS_URL: redis.url, REALTIME_URL: service.origin, INGEST_TOKEN });
    bridges.push(bridge);
    await bridge.note("redis_error");
    bridge.signal("SIGTERM");
    expect(await bridge.ended).toEqual({ code: 0, errors: "" });
    await redis.start();
  });

  it("AUTH-3 says what is missing, or that the token is refused, without the token", async () => {
    const bare = new Bridge({ REALTIME_URL: service.origin });
    expect(await bare.ended).toEqual({ code: 1, errors: "Set INGEST_TOKEN.\n" });
    const bridge = await startBridge({ INGEST_TOKEN: "wrong-token" });
    await app.publish(CHANNEL, credit("user_x", 1));
    expect(await bridge.note("not_published")).toMatchObject({ code: "UNAUTHORIZED" });
    expect(JSON.stringify(bridge.notes)).not.toContain("wrong-token");
  });
});
