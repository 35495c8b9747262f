import type { Socket } from "socket.io-client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { LocalServer } from "../../scripts/lib/local-server.ts";
import { startGatewayServer } from "../conformance/gateway-server.ts";
import { TestClient, TRANSPORTS, type Transports } from "../support/client.ts";
import { type Service, startService } from "../support/service.ts";
import { type StallingProxy, startStallingProxy } from "../support/stalling-proxy.ts";

let driver: LocalServer;

beforeAll(async () => {
  driver = await startGatewayServer({ vars: {}, onLog: () => undefined });
});
afterAll(() => driver.stop());

const ROOM = "market:BTC-USD";

/** A client in the room, on the transport that it ends up with. */
const subscriber = async (
  service: Service,
  userId: string,
  transports: Transports,
  proxy?: StallingProxy,
): Promise<TestClient> => {
  const client = await service.connect(userId, {
    transports,
    ...(proxy !== undefined && { origin: `ws://127.0.0.1:${proxy.port}` }),
  });
  if (transports === "default") await client.upgraded();
  await client.subscribe(ROOM);
  return client;
};

describe("CONN-12 what ends a connection, as the client and the room hear of it", () => {
  let service: Service;
  let watcher: TestClient;

  beforeAll(async () => {
    service = await startService();
    watcher = await service.connect("user_watcher");
    await watcher.subscribe(ROOM);
  });
  afterAll(() => service.stop());

  const hasLeft = (userId: string): Promise<unknown> =>
    watcher.next("user_left_room", (left) => left.userId === userId);

  it.each(TRANSPORTS)("io client disconnect, on %s", async (transports) => {
    const userId = `user_leaves_${transports}`;
    const client = await subscriber(service, userId, transports);
    client.socket.disconnect();
    expect(await client.next("disconnect")).toBe("io client disconnect");
    await hasLeft(userId);
  });

  it.each(TRANSPORTS)("transport close after a packet that cannot be read, on %s", async (transports) => {
    const userId = `user_bad_packet_${transports}`;
    const client = await subscriber(service, userId, transports);
    client.socket.io.engine.write("9");
    expect(await client.next("disconnect")).toBe("transport close");
    await hasLeft(userId);
  });

  it.each(TRANSPORTS)(
    "transport close after CONNECTs that are refused ten times over, on %s",
    async (transports) => {
      const userId = `user_refused_${transports}`;
      const client = await subscriber(service, userId, transports);
      for (let turn = 0; turn < 10; turn++) client.socket.io.engine.write("0/admin,{}");
      expect(await client.next("disconnect")).toBe("transport close");
      await hasLeft(userId);
    },
  );

  /** What a subscriber has in flight: a WebSocket, or a GET without an answer and no other request. */
  const idle = (transports: Transports) => [{ method: "GET", answered: transports === "websocket" }];

  it.each([
    // A text frame, and a response to a poll that the service has not answered.
    ["websocket", "\u0081\u0002" + "49"],
    ["polling", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n49"],
  ] as const)(
    "parse error if something else answers in the service's place, on %s",
    async (transports, answer) => {
      const proxy = await startStallingProxy(Number(new URL(service.origin).port));
      try {
        const userId = `user_parse_${transports}`;
        const client = await subscriber(service, userId, transports, proxy);
        await expect.poll(() => proxy.connections).toEqual(idle(transports));
        proxy.inject(answer);
        expect(await client.next("disconnect")).toBe("parse error");
        await hasLeft(userId);
      } finally {
        proxy.close();
      }
    },
  );

  it.each([
    // A frame with reserved bits, and half a response.
    ["websocket", "\u00ff\u0000"],
    ["polling", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"],
  ] as const)(
    "transport error if the network garbles what it carries, on %s",
    async (transports, garbage) => {
      const proxy = await startStallingProxy(Number(new URL(service.origin).port));
      try {
        const userId = `user_garbled_${transports}`;
        const client = await subscriber(service, userId, transports, proxy);
        await expect.poll(() => proxy.connections).toEqual(idle(transports));
        proxy.inject(garbage);
        expect(await client.next("disconnect")).toBe("transport error");
        await hasLeft(userId);
      } finally {
        proxy.close();
      }
    },
  );
});

it("CONN-12 a crash is transport close on a WebSocket and transport error on polling", async () => {
  const service = await startService();
  try {
    const clients = await Promise.all(
      TRANSPORTS.map((transports) => subscriber(service, `user_${transports}`, transports)),
    );
    await service.crash();
    const reasons = await Promise.all(clients.map((client) => client.next("disconnect")));
    expect(reasons).toEqual(
      TRANSPORTS.map((transports) => (transports === "polling" ? "transport error" : "transport close")),
    );
  } finally {
    await service.stop();
  }
});

it("CONN-8 CONN-12 a client whose network is gone sees ping timeout, and others see it leave", async () => {
  const service = await startService({ vars: { PING_INTERVAL: "800", PING_TIMEOUT: "800" } });
  const proxy = await startStallingProxy(Number(new URL(service.origin).port));
  try {
    const watcher = await subscriber(service, "user_watcher", "websocket");
    const clients = await Promise.all(
      TRANSPORTS.map((transports) => subscriber(service, `user_${transports}`, transports, proxy)),
    );
    proxy.stall();
    const reasons = await Promise.all(clients.map((client) => client.next("disconnect")));
    expect(reasons).toEqual(TRANSPORTS.map(() => "ping timeout"));
    const left = await watcher.all("user_left_room", TRANSPORTS.length);
    expect(left.map(({ userId }) => userId).sort()).toEqual(TRANSPORTS.map((name) => `user_${name}`).sort());
    expect(watcher.payloads("disconnect")).toEqual([]);
  } finally {
    proxy.close();
    await service.stop();
  }
});

describe.each(TRANSPORTS)("what a server does of its own accord, on %s", (transports) => {
  let client: TestClient;
  /** The same socket, for events that LedgerCore's catalogue does not know. */
  let socket: Socket;

  beforeEach(async () => {
    client = new TestClient(driver.url.origin, undefined, { transports, socket: { path: "/driver.io/" } });
    socket = client.socket as unknown as Socket;
    await client.next("connect");
    if (transports === "default") await client.upgraded();
  });
  afterEach(() => client.close());

  it("CONN-12 io server disconnect", async () => {
    socket.emit("leave");
    expect(await client.next("disconnect")).toBe("io server disconnect");
    // The client may come back on the session that it still has.
    socket.connect();
    await client.next("connect");
  });

  it("CONN-12 transport close when the server ends the session", async () => {
    socket.emit("close");
    expect(await client.next("disconnect")).toBe("transport close");
  });

  it("asks its client, and gets the acknowledgement", async () => {
    const bytes = Buffer.from([0, 1, 2, 255]);
    socket.on("question", (...args) => args.pop()(...args.reverse()));
    for (const args of [[], [1, "two é😀", { three: [null] }], [bytes, { deep: [bytes] }]]) {
      const answer = new Promise((resolve) => socket.once("answer", (...got: unknown[]) => resolve(got)));
      socket.emit("ask", ...args);
      expect(await answer).toEqual(args.toReversed());
    }
  });

  it("gives up on an acknowledgement that does not come, and ignores one that comes late", async () => {
    const question = new Promise<() => void>((resolve) => socket.once("question", resolve));
    socket.emit("ask");
    expect(await client.next("no answer")).toBe("timeout");
    (await question)();
    socket.once("question", (ack) => ack("in time"));
    socket.emit("ask");
    expect(await client.next("answer")).toBe("in time");
    expect(client.payloads("answer")).toEqual(["in time"]);
  });
});
