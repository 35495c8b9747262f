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
      expect({ room, ops }).toEqual({
        room: "user:u",
        ops: [{ op: "connect", socketId: "id1", userId: "u", pid: "id2" }],
      });
      expect(client.transport.sent).toEqual([
        `${head}{"sid":"id1","pid":"id2"}`,
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
      '40{"sid":"id1","pid":"id2"}',
      ["connected", { userId: "u", sid: "id1", timestamp: 1_234 }],
      ["e", 2],
    ]);
  });

  it("closes without CONNECT_ERROR when the personal room cannot be told, which it then does not leave", async () => {
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    await gateway.rooms.fail();
    expect(client.transport.sent).toEqual([]);
    expect(client.transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    // Who the socket is to the room is unknown: the room is stale, and is told all.
    expect(gateway.rooms.calls).toEqual([]);
    expect(gateway.subscriptions.members("user:u")).toEqual([]);
  });

  it("that ends before the personal room has answered leaves it once", async () => {
    const client = gateway.open();
    client.send('40{"token":"t"}');
    await settled();
    gateway.engine.transportClosed(client.session, "transport close");
    expect(gateway.rooms.calls.length).toBe(1);
    await gateway.rooms.answer();
    expect(gateway.rooms.calls.map(({ ops }) => ops)).toEqual([
      [{ op: "leave", socketId: "id1", connection: 1 }],
    ]);
    expect(client.transport.sent).toEqual([]);
  });
});

describe("USER-2 recovery", () => {
  /** What the room answers to `former` when it comes back the second time. */
  const recovered = {
    recovered: true,
    socketId: "former",
    pid: "p0",
    connection: 3,
    symbols: ["BTC-USD", "ETH-USD"],
    missed: ['["credits_granted",{"amount":1},"e.8"]', '["credits_granted",{"amount":2},"e.9"]'],
    logged: 9,
    seq: 4,
  };

  const LONGEST = { pid: "p".repeat(100), offset: "o".repeat(100) };

  it.each([
    ["none without a pid", { offset: "e.1" }, undefined],
    ["none for a pid that is no string", { pid: 1, offset: "e.1" }, undefined],
    ["none for a pid that is longer than any", { pid: "p".repeat(101), offset: "e.1" }, undefined],
    ["a pid without an offset", { pid: "p0" }, { pid: "p0" }],
    ["both", { pid: "p0", offset: "e.1" }, { pid: "p0", offset: "e.1" }],
    ["the longest", LONGEST, LONGEST],
    ["no offset that is no string", { pid: "p0", offset: 7 }, { pid: "p0" }],
    ["no offset that is longer than any", { pid: "p0", offset: "o".repeat(101) }, { pid: "p0" }],
  ])("asks the personal room with what the client says: %s", async (_, auth, resume) => {
    const client = gateway.open();
    client.send(`40${JSON.stringify({ token: "t", ...auth })}`);
    await settled();
    expect(gateway.rooms.next().ops).toEqual([
      { op: "connect", socketId: "id1", userId: "u", pid: "id2", ...(resume !== undefined && { resume }) },
    ]);
  });

  it("the token is checked again: a bad one asks no room", async () => {
    gateway.answer = { ok: false, error: { kind: "invalid", reason: "expired" } };
    const client = gateway.open();
    client.send('40{"token":"t","pid":"p0","offset":"e.1"}');
    await settled();
    expect(client.transport.take()).toEqual([expect.stringMatching(/^44/)]);
    expect(gateway.rooms.calls).toEqual([]);
  });

  it("sends CONNECT, connected, what was missed, what was held, then each market room's state", async () => {
    const client = gateway.open();
    client.send('40{"token":"t","pid":"p0","offset":"e.7"}');
    await settled();
    // The room's present life delivered these before it answered: two were missed and are in the answer.
    gateway.subscriptions.deliver("user:u", 1, [
      { seq: 3, body: '["credits_granted",{"amount":2},"e.9"]', logged: 9 },
      { seq: 4, body: '["user_joined_room",{}]' },
      { seq: 5, body: '["credits_granted",{"amount":3},"e.10"]', logged: 10 },
      { seq: 6, body: '["credits_granted",{"amount":4},"e.11"]', logged: 11, socketId: "id1" },
      { seq: 7, body: '["credits_granted",{"amount":5},"e.12"]', logged: 12, socketId: "former" },
    ]);
    await gateway.rooms.answer(recovered);
    expect(client.transport.sent).toEqual([]);
    expect(gateway.rooms.calls.map(({ room, ops }) => [room, ops])).toEqual(
      ["BTC-USD", "ETH-USD"].map((symbol) => [
        `market:${symbol}`,
        [{ op: "join", socketId: "former", userId: "u", connection: 3, snapshot: true }],
      ]),
    );
    gateway.subscriptions.deliver("market:BTC-USD", 1, [frame(20, "old"), frame(21, "live")]);
    await gateway.rooms.answer({ seq: 20, snapshot: ['["bar",1]', '["bar",2]'] });
    expect(client.transport.sent).toEqual([]);
    await gateway.rooms.answer({ snapshot: [] });
    expect(client.take()).toEqual([
      '40{"sid":"former","pid":"p0"}',
      ["connected", { userId: "u", sid: "former", timestamp: 1_234 }],
      ["credits_granted", { amount: 1 }, "e.8"],
      ["credits_granted", { amount: 2 }, "e.9"],
      ["credits_granted", { amount: 3 }, "e.10"],
      ["credits_granted", { amount: 5 }, "e.12"],
      ["bar", 1],
      ["bar", 2],
      ["live", 21],
    ]);
    const data = { symbols: ["BTC-USD", "ETH-USD"], connection: 3, logged: 12 };
    expect(client.transport.saved).toMatchObject({ application: { sockets: [{ id: "former", data }] } });
    expect(gateway.rooms.calls).toEqual([]);
  });

  it("CONN-3 on /ws sends all of it in that namespace", async () => {
    const client = gateway.open();
    client.send('40/ws,{"token":"t","pid":"p0"}');
    await settled();
    await gateway.rooms.answer({ ...recovered, symbols: ["BTC-USD"] });
    await gateway.rooms.answer({ snapshot: ['["bar",1]'] });
    expect(client.transport.sent.slice(2)).toEqual([
      '42/ws,["credits_granted",{"amount":1},"e.8"]',
      '42/ws,["credits_granted",{"amount":2},"e.9"]',
      '42/ws,["bar",1]',
    ]);
  });

  it("ROOM-1 the rooms come back as the socket's own: unsubscribe leaves them, subscribe joins again", async () => {
    const client = await gateway.connect(recovered);
    await gateway.rooms.answerAll();
    client.take();
    client.emit("unsubscribe", { room: "market:BTC-USD" });
    const [record, leave] = await gateway.rooms.answerAll();
    expect(leave).toMatchObject({
      room: "market:BTC-USD",
      ops: [{ op: "leave", socketId: "former", connection: 3 }],
    });
    expect(record).toMatchObject({
      room: "user:u",
      ops: [{ op: "subscriptions", socketId: "former", connection: 3, symbols: ["ETH-USD"] }],
    });
  });

  it("a session that closes meanwhile leaves as the socket that was recovered, and joins no market room", async () => {
    const client = gateway.open();
    client.send('40{"token":"t","pid":"p0"}');
    await settled();
    gateway.engine.transportClosed(client.session, "transport close");
    await gateway.rooms.answer(recovered);
    expect(gateway.rooms.calls.map(({ room, ops }) => [room, ops])).toEqual([
      ["user:u", [{ op: "leave", socketId: "former", connection: 3 }]],
    ]);
    expect([...gateway.subscriptions.rooms()]).toEqual([]);
    expect(client.transport.sent).toEqual([]);
  });

  it("a connection that is superseded before its answer has come ends when that comes", async () => {
    const [first, second] = [gateway.open(), gateway.open()];
    for (const client of [first, second]) client.send('40{"token":"t","pid":"p0"}');
    await settled();
    // Both in one call: the room has put the socket on the later of the two.
    expect(gateway.application.supersede("user:u", "former", 3)).toEqual([]);
    await gateway.rooms.answer({ ...recovered, connection: 3 });
    await gateway.rooms.answer({ ...recovered, connection: 4 });
    expect(first.transport.sent).toEqual([]);
    expect(first.transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    await gateway.rooms.answerAll();
    expect(second.take()).toContainEqual(["connected", expect.anything()]);
    const late = gateway.application.supersede("user:u", "former", 4);
    expect(late.map(({ session }) => session)).toEqual([second.session]);
  });

  it("a session that closes while market rooms are asked leaves all rooms once, as the recovered socket", async () => {
    const client = gateway.open();
    client.send('40{"token":"t","pid":"p0"}');
    await settled();
    await gateway.rooms.answer(recovered);
    gateway.engine.transportClosed(client.session, "transport close");
    const told = await gateway.rooms.answerAll();
    const leave = { op: "leave", socketId: "former", connection: 3, final: false };
    expect(told.filter(({ ops }) => ops[0]?.op === "leave").map(({ room, ops }) => [room, ops])).toEqual(
      ["user:u", "market:BTC-USD", "market:ETH-USD"].map((room) => [room, [leave]]),
    );
    expect(client.transport.sent).toEqual([]);
  });

  it("a market room that cannot be told closes the transport without CONNECT, to be tried again", async () => {
    const client = gateway.open();
    client.send('40{"token":"t","pid":"p0"}');
    await settled();
    await gateway.rooms.answer(recovered);
    await gateway.rooms.answer();
    await gateway.rooms.fail();
    expect(client.transport.sent).toEqual([]);
    expect(client.transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    const leave = { op: "leave", socketId: "former", connection: 3, final: false };
    expect(gateway.rooms.calls.map(({ room, ops }) => [room, ops])).toEqual(
      ["user:u", "market:BTC-USD", "market:ETH-USD"].map((room) => [room, [leave]]),
    );
    expect([...gateway.subscriptions.rooms()]).toEqual([]);
  });

  it("what the room's next life delivers again is sent once, also after hibernation", async () => {
    const client = await gateway.connect({ logged: 3 });
    const logged = (n: number) => ({ seq: n, body: `["e",${n}]`, logged: n });
    gateway.subscriptions.deliver("user:u", 1, [logged(4), logged(5)]);
    expect(client.transport.saved).toMatchObject({ application: { sockets: [{ data: { logged: 5 } }] } });
    const woken = new FakeGateway();
    // Saved by `Session.save`.
    woken.engine.restore(client.transport, client.transport.saved as never, undefined);
    woken.subscriptions.deliver("user:u", 2, [
      { ...logged(5), seq: 1 },
      { ...logged(6), seq: 2 },
    ]);
    expect(client.take()).toEqual([
      ["e", 4],
      ["e", 5],
      ["e", 6],
    ]);
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
    await gateway.rooms.answerAll();
    gateway.engine.close(client.session, "ping timeout");
    const leave = { op: "leave", socketId: "id1", connection: 1, final: false };
    expect(gateway.rooms.calls.map(({ room, ops }) => [room, ops])).toEqual([
      ["user:u", [leave]],
      ["market:BTC-USD", [leave]],
    ]);
    expect([...gateway.subscriptions.rooms()]).toEqual([]);
  });

  it("USER-2 by the client's own DISCONNECT is final", async () => {
    const client = await gateway.connect();
    client.send("41");
    const ops = [{ op: "leave", socketId: "id1", connection: 1, final: true }];
    expect(gateway.rooms.calls.map((call) => call.ops)).toEqual([ops]);
  });

  it("USER-2 by the server's DISCONNECT is final", async () => {
    const client = await gateway.connect();
    gateway.subscriptions.members("user:u")[0]?.disconnect();
    expect(client.transport.take()).toEqual(["41"]);
    const ops = [{ op: "leave", socketId: "id1", connection: 1, final: true }];
    expect(gateway.rooms.calls.map((call) => call.ops)).toEqual([ops]);
  });

  it.each(["transport close", "transport error", "ping timeout", "forced close", "parse error"] as const)(
    "USER-2 by %s is not final: the client may come back",
    async (reason) => {
      const client = await gateway.connect();
      gateway.engine.abort(client.session, reason);
      expect(gateway.rooms.calls.map(({ ops }) => ops)).toEqual([
        [{ op: "leave", socketId: "id1", connection: 1, final: false }],
      ]);
    },
  );

  it("brings the rooms of a socket back, personal and subscribed, and tells no room", async () => {
    const client = await gateway.connect();
    for (const symbol of ["BTC-USD", "ETH-USD", "SOL-USD"]) {
      client.emit("subscribe", { room: `market:${symbol}` });
      await gateway.rooms.answerAll();
    }
    client.emit("unsubscribe", { room: "market:ETH-USD" });
    await gateway.rooms.answerAll();
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
