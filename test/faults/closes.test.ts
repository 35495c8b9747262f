import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestClient, TRANSPORTS, type Transports } from "../support/client.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { signToken } from "../support/keys.ts";
import { credit, type Service, startService } from "../support/service.ts";

/** The table of closes in docs/reliability.md: what a stock client makes of each by itself. */
const RECONNECTING = { reconnection: true, reconnectionDelay: 20, reconnectionDelayMax: 100 };

let service: Service;

beforeAll(async () => {
  service = await startService({
    vars: {
      PING_INTERVAL: "1000",
      PING_TIMEOUT: "500",
      CONNECT_TIMEOUT: "500",
      MAX_PAYLOAD: "5000",
      ALLOWED_ORIGINS: "https://app.test.example",
    },
  });
});
afterAll(() => service?.stop());

describe.concurrent("CONN-12 USER-2 a client comes back by itself, as the same socket, and has what it missed", () => {
  const tooLarge = "x".repeat(6_000);
  it.each<[end: string, transports: Transports, provoke: (client: TestClient) => void]>([
    ["a packet that cannot be read", "websocket", (c) => c.socket.io.engine.write("9")],
    ["a packet that cannot be read", "polling", (c) => c.socket.io.engine.write("9")],
    ["a payload too large", "websocket", (c) => c.socket.io.engine.write(`4${tooLarge}`)],
    ["a payload too large", "polling", (c) => c.socket.io.engine.write(`4${tooLarge}`)],
  ])("%s: transport close, on %s", async (end, transports, provoke) => {
    const user = `user_${transports}_${end.length}`;
    const client = await service.connect(user, { transports, socket: RECONNECTING });
    const id = await client.next("connect");
    provoke(client);
    expect(await client.next("disconnect")).toBe("transport close");
    await service.publish(credit(user, 1));
    expect(await client.next("connect")).toBe(id);
    expect(client.socket.recovered).toBe(true);
    expect(await client.next("credits_granted")).toMatchObject({ amount: 1 });
    client.close();
  });

  it.each(TRANSPORTS)(
    "a network that carries nothing to the service: ping timeout, on %s",
    async (transports) => {
      const network: FaultyProxy = await startFaultyProxy(Number(new URL(service.origin).port));
      try {
        const origin = `http://127.0.0.1:${network.port}`;
        const client = await service.connect(`user_silent_${transports}`, {
          transports,
          origin,
          socket: RECONNECTING,
        });
        if (transports === "default") await client.upgraded();
        const id = await client.next("connect");
        network.stall("up");
        expect(await client.next("disconnect")).toBe("ping timeout");
        network.heal();
        expect(await client.next("connect")).toBe(id);
        expect(client.socket.recovered).toBe(true);
        client.close();
      } finally {
        network.close();
      }
    },
  );
});

describe.concurrent("CONN-12 a client tries again by itself", () => {
  it("when it did not authenticate in time", async () => {
    let attempts = 0;
    const token = await signToken("user_late");
    const client = new TestClient(service.url, undefined, {
      // The first time, the application has no token to give.
      socket: { ...RECONNECTING, auth: (give) => ++attempts > 1 && give({ token }) },
    });
    expect(await client.next("disconnect")).toBe("transport close");
    await client.next("connected");
    client.close();
  });

  it.each(["websocket", "polling"] as const)("when the handshake is refused, on %s", async (transports) => {
    const client = await service.client("user_elsewhere", {
      transports,
      socket: { ...RECONNECTING, extraHeaders: { origin: "https://other.test.example" } },
    });
    for (let attempt = 0; attempt < 3; attempt++) await client.next("connect_error");
    expect(client.socket.active).toBe(true);
    client.close();
  });
});

it.each(TRANSPORTS)("CONN-5 a client whose token is refused stays away, on %s", async (transports) => {
  const client = await service.client("user_refused", { transports, token: "no", socket: RECONNECTING });
  const error: Error & { data?: unknown } = await client.next("connect_error");
  expect(error.data).toMatchObject({ code: "UNAUTHORIZED" });
  expect(client.socket.active).toBe(false);
});
