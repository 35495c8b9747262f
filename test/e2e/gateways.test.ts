import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { signToken } from "../support/keys.ts";
import { engineUrl, RawClient } from "../support/raw-client.ts";
import { bar, type Service, startService } from "../support/service.ts";
import { startStallingProxy } from "../support/stalling-proxy.ts";

describe("capacity", () => {
  it("fills other gateways before it refuses with 503 and Retry-After, and has room again", async () => {
    const service = await startService({ vars: { MAX_SESSIONS_PER_GATEWAY: "2", GATEWAYS_PER_COLO: "3" } });
    try {
      const clients = await Promise.all(
        Array.from({ length: 6 }, (_, index) => service.connect(`user_${index}`)),
      );
      const raw = new RawClient(engineUrl(service.url));
      expect(await raw.refused).toMatchObject({
        status: 503,
        headers: { "retry-after": "5" },
        body: { code: "INTERNAL", retryAfter: 5 },
      });
      expect(clients.flatMap((client) => client.payloads("disconnect"))).toEqual([]);
      clients[0]?.close();
      await expect
        .poll(async () => {
          const next = await service.client("user_next");
          return Promise.race([
            next.next("connected").then(() => true),
            next.next("connect_error").then(() => false),
          ]);
        })
        .toBe(true);
    } finally {
      await service.stop();
    }
  });
});

describe("ROOM-6 a gateway that loses its sockets leaves no ghosts", () => {
  it("counts and presence are right again after a crash and a restart", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "ledgercore-ghosts-"));
    const vars = { PING_INTERVAL: "1000", PING_TIMEOUT: "500" };
    const room = "market:GHOST-USD";
    let service: Service | undefined;
    try {
      service = await startService({ vars, persist: folder });
      for (const name of ["a", "b", "c"]) {
        const client = await service.connect(`user_${name}`);
        await client.subscribe(room);
      }
      await service.crash();
      service = await startService({ vars, persist: folder });
      const watcher = await service.connect("user_watcher");
      await watcher.subscribe(room);
      const count = async (): Promise<number> =>
        (
          (await watcher.socket.timeout(5_000).emitWithAck("subscribe", { room })) as {
            subscriberCount: number;
          }
        ).subscriberCount;
      await expect.poll(count, { timeout: 10_000 }).toBe(1);
      // Presence too: a user whose ghost was still counted would join unannounced.
      const back = await service.connect("user_a");
      await back.subscribe(room);
      expect(await watcher.next("user_joined_room")).toMatchObject({ userId: "user_a", room });
      await service.publish(bar("GHOST-USD", 1));
      await watcher.next("market_chart_live_update");
    } finally {
      await service?.stop();
      await rm(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

describe("CONN-8 heartbeat", () => {
  it("pings, and closes a session that does not answer while others stay", async () => {
    const service = await startService({ vars: { PING_INTERVAL: "500", PING_TIMEOUT: "2000" } });
    try {
      const client = await service.connect("user_alive");
      const pings: string[] = [];
      client.socket.io.engine.on("packet", ({ type }: { type: string }) => pings.push(type));
      const raw = new RawClient(engineUrl(service.url));
      raw.send(`40${JSON.stringify({ token: await signToken("user_silent") })}`);
      await raw.frame("2");
      expect(await raw.closeFrame()).toEqual({ code: 1001, reason: "ping timeout" });
      await expect.poll(() => pings.filter((type) => type === "ping").length).toBeGreaterThan(2);
      expect(client.payloads("disconnect")).toEqual([]);
      await client.settled();
    } finally {
      await service.stop();
    }
  });

  it("a client whose network is gone sees ping timeout, and its place is given up", async () => {
    const service = await startService({ vars: { PING_INTERVAL: "400", PING_TIMEOUT: "300" } });
    const proxy = await startStallingProxy(Number(new URL(service.origin).port));
    try {
      const room = "market:STALL-USD";
      const watcher = await service.connect("user_watcher");
      await watcher.subscribe(room);
      const client = await service.client("user_stalled", { origin: `ws://127.0.0.1:${proxy.port}` });
      expect(await client.subscribe(room)).toMatchObject({ subscriberCount: 2 });
      proxy.stall();
      expect(await client.next("disconnect")).toBe("ping timeout");
      expect(await watcher.next("user_left_room")).toMatchObject({ userId: "user_stalled", room });
    } finally {
      proxy.close();
      await service.stop();
    }
  });
});
