import { beforeEach, describe, expect, it } from "vitest";
import { INVALID_CREDENTIAL_MESSAGE } from "../../../src/auth/principal.ts";
import { settled } from "../../support/fakes.ts";
import { FakeGateway } from "./fake-gateway.ts";

let gateway: FakeGateway;

beforeEach(() => {
  gateway = new FakeGateway();
});

const frame = (seq: number, name = "e") => ({ seq, body: JSON.stringify([name, seq]) });

describe("CONN-7 connecting", () => {
  it.each([
    ["/", "40", "42"],
    ["/ws", "40/ws,", "42/ws,"],
  ])(
    "CONN-3 to %s joins the personal room, then answers CONNECT, then emits connected",
    async (_, head, event) => {
      const client = gateway.open();
      client.send(`${head}{"token":"Bearer t"}`);
      await settled();
      expect(gateway.credentials).toEqual(["t"]);
      expect(client.transport.sent).toEqual([]);
      const { room, ops } = await gateway.rooms.answer();
      expect({ room, ops }).toEqual({ room: "user:u", ops: [{ op: "join", socketId: "id1", userId: "u" }] });
      expect(client.transport.sent).toEqual([
        `${head}{"sid":"id1"}`,
        `${event}["connected",{"userId":"u","sid":"id1","timestamp":1234}]`,
      ]);
    },
  );

  it("ROOM-5 holds personal events that arrive before CONNECT is answered until after connected", async () => {
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    gateway.subscriptions.deliver("user:u", 1, [frame(1), frame(2)]);
    await gateway.rooms.answer({ seq: 1 });
    expect(client.take()).toEqual([
      '40{"sid":"id1"}',
      ["connected", { userId: "u", sid: "id1", timestamp: 1_234 }],
      ["e", 2],
    ]);
  });

  it("closes without CONNECT_ERROR when the personal room cannot be joined, and leaves it", async () => {
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    await gateway.rooms.fail();
    expect(client.transport.sent).toEqual([]);
    expect(client.transport.closes.length).toBe(1);
    expect(gateway.rooms.next().ops).toEqual([{ op: "leave", socketId: "id1" }]);
    expect(gateway.subscriptions.members("user:u")).toEqual([]);
  });

  it("that ends before the personal room has answered leaves it once", async () => {
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    gateway.engine.transportClosed(client.session, "transport close");
    await gateway.rooms.answer();
    expect(gateway.rooms.calls.map(({ ops }) => ops)).toEqual([[{ op: "leave", socketId: "id1" }]]);
    expect(client.transport.sent).toEqual([]);
  });
});

describe("CONN-4 CONN-5 tokens", () => {
  const refused = (message: string) =>
    `44${JSON.stringify({ message, data: { code: "UNAUTHORIZED", message } })}`;

  it("none at all is refused", async () => {
    const client = gateway.open();
    for (const auth of ["", "{}", '{"token":null}']) {
      client.send(`40${auth}`);
      await settled();
      expect(client.transport.take()).toEqual([refused("No token. Send a JWT or API key as auth.token.")]);
    }
    expect(gateway.credentials).toEqual([]);
  });

  it("that are bad get the error envelope, the reason goes to the log, the token nowhere", async () => {
    gateway.answer = { ok: false, error: { kind: "invalid", reason: "expired" } };
    const client = gateway.open();
    client.send('40{"token":"secret-token"}');
    await settled();
    expect(client.transport.take()).toEqual([refused(INVALID_CREDENTIAL_MESSAGE)]);
    expect(gateway.logged).toEqual([["info", "connect_refused", { kind: "invalid", reason: "expired" }]]);
    expect(JSON.stringify([gateway.logged, INVALID_CREDENTIAL_MESSAGE])).not.toContain("secret-token");
  });

  it.each(["1", '["t"]', '{"a":1}', "true", '""'])("%s as auth.token is refused", async (token) => {
    gateway.answer = { ok: false, error: { kind: "invalid", reason: "malformed" } };
    const client = gateway.open();
    client.send(`40{"token":${token}}`);
    await settled();
    expect(client.transport.take()).toEqual([refused(INVALID_CREDENTIAL_MESSAGE)]);
  });

  it("CONN-6 that cannot be checked now close the transport", async () => {
    gateway.answer = { ok: false, error: { kind: "unavailable", reason: "no key set" } };
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    expect(client.transport.sent).toEqual([]);
    expect(client.transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    expect(gateway.logged[0]?.[0]).toBe("error");
  });

  it("of the handshake serve where CONNECT brings none; one in CONNECT goes first", async () => {
    const client = gateway.open({ principal: { kind: "jwt", userId: "header" } });
    client.send("40");
    await settled();
    expect(gateway.rooms.next().room).toBe("user:header");
    expect(gateway.credentials).toEqual([]);
    client.send('40/ws,{"token":"t"}');
    await settled();
    expect(gateway.rooms.next().room).toBe("user:u");
  });
});

describe("leaving and hibernation", () => {
  it("tells every room of the socket, once", async () => {
    const client = await gateway.connect();
    client.emit("subscribe", { room: "market:BTC-USD" });
    await gateway.rooms.answer();
    gateway.engine.close(client.session, "ping timeout");
    expect(gateway.rooms.calls.map(({ room, ops }) => [room, ops])).toEqual([
      ["user:u", [{ op: "leave", socketId: "id1" }]],
      ["market:BTC-USD", [{ op: "leave", socketId: "id1" }]],
    ]);
    expect([...gateway.subscriptions.rooms()]).toEqual([]);
  });

  it("brings the rooms of a socket back, personal and subscribed, and tells no room", async () => {
    const client = await gateway.connect();
    for (const symbol of ["BTC-USD", "ETH-USD", "SOL-USD"]) {
      client.emit("subscribe", { room: `market:${symbol}` });
      await gateway.rooms.answer();
    }
    client.emit("unsubscribe", { room: "market:ETH-USD" });
    const woken = new FakeGateway();
    const { transport } = client;
    // Saved by `Session.save`.
    const session = woken.engine.restore(transport, transport.saved as never, undefined);
    expect([...woken.subscriptions.rooms()]).toEqual(["user:u", "market:BTC-USD", "market:SOL-USD"]);
    expect(woken.rooms.calls).toEqual([]);
    client.take();
    woken.subscriptions.deliver("market:SOL-USD", 1, [frame(77)]);
    expect(client.take()).toEqual([["e", 77]]);
    woken.engine.receive(session, '42["subscribe",{"room":"market:SOL-USD"}]');
    await woken.rooms.answer({ subscriberCount: 5, seq: 99 });
    expect(client.take()).toEqual([["subscribed", { room: "market:SOL-USD", subscriberCount: 5 }]]);
  });
});
