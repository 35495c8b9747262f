import { beforeEach, describe, expect, it } from "vitest";
import { Deferred, settled } from "../../support/fakes.ts";
import { type FakeClient, FakeGateway } from "./fake-gateway.ts";

const ROOM = "market:BTC-USD";
let gateway: FakeGateway;
let client: FakeClient;

beforeEach(async () => {
  gateway = new FakeGateway();
  client = await gateway.connect();
});

const frame = (seq: number) => ({ seq, body: JSON.stringify(["e", seq]) });
const subscribed = (subscriberCount: number, room = ROOM) => ["subscribed", { room, subscriberCount }];
const unsubscribed = ["unsubscribed", { room: ROOM }];

/** The personal room is told that the socket is in these market rooms. */
const recorded = (...symbols: string[]) => ({
  op: "subscriptions",
  socketId: "id1",
  connection: 1,
  symbols,
});

/** What rooms are told until there is no more to tell. */
const told = async () =>
  (await gateway.rooms.answerAll()).flatMap(({ room, ops }) => ops.map((op) => [room, op] as const));

const failure = (ackId: number) => {
  const error = { code: "INTERNAL", message: "The room could not be joined. Try again.", retryAfter: 5 };
  return [["subscribe_error", { ...error, room: ROOM }], { id: ackId, data: [{ error }] }];
};

describe("ROOM-1 subscribe", () => {
  it("joins, answers with the count, and gives an ack the same object", async () => {
    client.emit("subscribe", { room: ROOM }, 7);
    expect(client.take()).toEqual([]);
    const [asked] = await gateway.rooms.answerAll({ subscriberCount: 12 });
    const ops = [{ op: "join", socketId: "id1", userId: "u", connection: 1, snapshot: true }];
    expect({ room: asked?.room, ops: asked?.ops }).toEqual({ room: ROOM, ops });
    expect(client.take()).toEqual([subscribed(12), { id: 7, data: [{ room: ROOM, subscriberCount: 12 }] }]);
  });

  it("again answers again and changes nothing", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll({ subscriberCount: 1 });
    const { saves } = client.transport;
    client.emit("subscribe", { room: ROOM });
    expect((await gateway.rooms.answerAll({ subscriberCount: 2, seq: 50 })).map(({ room }) => room)).toEqual([
      ROOM,
    ]);
    expect(client.take()).toEqual([subscribed(1), subscribed(2)]);
    expect(client.transport.saves).toBe(saves);
    gateway.subscriptions.deliver(ROOM, 1, [frame(1)]);
    expect(client.take()).toEqual([["e", 1]]);
  });

  it("MKT-2 ROOM-5 is followed by the room's state, then by what was published after it", async () => {
    client.emit("subscribe", { room: ROOM }, 1);
    gateway.subscriptions.deliver(ROOM, 1, [frame(4), frame(5)]);
    await gateway.rooms.answerAll({ seq: 4, snapshot: ['["bars",1]', '["book",2]'] });
    gateway.subscriptions.deliver(ROOM, 1, [frame(6)]);
    expect(client.take()).toEqual([
      subscribed(1),
      { id: 1, data: [{ room: ROOM, subscriberCount: 1 }] },
      ["bars", 1],
      ["book", 2],
      ["e", 5],
      ["e", 6],
    ]);
  });

  it("MKT-2 again asks for no state, and sends none", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll({ snapshot: [] });
    client.emit("subscribe", { room: ROOM });
    const [asked] = await gateway.rooms.answerAll({ snapshot: ['["bars",1]'] });
    expect(asked?.ops).toEqual([{ op: "join", socketId: "id1", userId: "u", connection: 1 }]);
    expect(client.take()).toEqual([subscribed(1), subscribed(1)]);
  });

  it("MKT-2 after having left gets the state again", async () => {
    for (const name of ["subscribe", "unsubscribe", "subscribe"] as const) {
      client.emit(name, { room: ROOM });
      await gateway.rooms.answerAll({ snapshot: ['["bars",1]'] });
    }
    expect(client.take()).toEqual([
      subscribed(1),
      ["bars", 1],
      ["unsubscribed", { room: ROOM }],
      subscribed(1),
      ["bars", 1],
    ]);
  });

  it("ROOM-5 frames delivered while joining follow subscribed, earlier ones never come", async () => {
    client.emit("subscribe", { room: ROOM }, 1);
    gateway.subscriptions.deliver(ROOM, 1, [frame(4), frame(5)]);
    expect(client.take()).toEqual([]);
    await gateway.rooms.answerAll({ seq: 4 });
    expect(client.take()).toEqual([
      subscribed(1),
      { id: 1, data: [{ room: ROOM, subscriberCount: 1 }] },
      ["e", 5],
    ]);
  });

  it("ROOM-2 to one's own personal room works, and does not count", async () => {
    client.emit("subscribe", { room: "user:u" });
    await gateway.rooms.answer({ subscriberCount: 2 });
    expect(client.take()).toEqual([subscribed(2, "user:u")]);
    expect(client.transport.saved).toMatchObject({ application: { sockets: [{ data: { symbols: [] } }] } });
  });

  it("that the room does not answer emits subscribe_error and leaves nothing behind", async () => {
    client.emit("subscribe", { room: ROOM }, 3);
    await gateway.rooms.fail();
    await gateway.rooms.answer();
    expect([...gateway.subscriptions.rooms()]).toEqual(["user:u"]);
    expect(await told()).toMatchObject([
      [ROOM, { op: "leave", socketId: "id1", connection: 1 }],
      ["user:u", recorded()],
    ]);
    expect(client.take()).toEqual(failure(3));
  });

  it("answered after the socket has gone says nothing", async () => {
    client.emit("subscribe", { room: ROOM }, 3);
    gateway.engine.transportClosed(client.session, "transport close");
    await gateway.rooms.answerAll();
    expect(client.take()).toEqual([]);
    expect([...gateway.subscriptions.rooms()]).toEqual([]);
  });
});

describe("USER-2 the rooms to bring a socket back to", () => {
  it("are recorded by the personal room before subscribed is sent", async () => {
    client.emit("subscribe", { room: ROOM }, 1);
    await gateway.rooms.answer();
    expect(client.take()).toEqual([]);
    const { room, ops } = await gateway.rooms.answer();
    expect([room, ops]).toEqual(["user:u", [recorded("BTC-USD")]]);
    expect(client.take()).toEqual([subscribed(1), { id: 1, data: [{ room: ROOM, subscriberCount: 1 }] }]);
  });

  it("recorded before the room is joined do not make the socket subscribed", async () => {
    client.emit("subscribe", { room: ROOM });
    const joining = gateway.rooms.next();
    await gateway.rooms.answer();
    expect(client.take()).toEqual([]);
    gateway.rooms.calls.push(joining);
    await gateway.rooms.answer();
    expect(client.take()).toEqual([subscribed(1)]);
  });

  it("that cannot be recorded fail the subscribe, and the room is left", async () => {
    client.emit("subscribe", { room: ROOM }, 3);
    await gateway.rooms.answer();
    await gateway.rooms.fail();
    expect([...gateway.subscriptions.rooms()]).toEqual(["user:u"]);
    expect(await told()).toMatchObject([
      [ROOM, { op: "leave", socketId: "id1", connection: 1 }],
      ["user:u", recorded()],
    ]);
    expect(client.take()).toEqual(failure(3));
    expect(client.transport.saved).toMatchObject({ application: { sockets: [{ data: { symbols: [] } }] } });
  });

  it("hold those being joined too, so that no record undoes another", async () => {
    client.emit("subscribe", { room: ROOM });
    client.emit("subscribe", { room: "market:ETH-USD" });
    client.emit("unsubscribe", { room: ROOM });
    expect((await told()).filter(([room]) => room === "user:u")).toEqual([
      ["user:u", recorded("BTC-USD")],
      ["user:u", recorded("BTC-USD", "ETH-USD")],
      ["user:u", recorded("ETH-USD")],
    ]);
  });

  it("no longer hold a room when unsubscribed is sent", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll();
    client.take();
    client.emit("unsubscribe", { room: ROOM });
    await settled();
    expect(client.take()).toEqual([]);
    const { ops } = await gateway.rooms.answer();
    expect(ops).toEqual([recorded()]);
    expect(client.take()).toEqual([unsubscribed]);
  });

  it("that cannot be recorded refuse an unsubscribe: the socket is still in the room", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll();
    client.take();
    client.emit("unsubscribe", { room: ROOM }, 4);
    await gateway.rooms.fail();
    const error = { code: "INTERNAL", message: "The room could not be left. Try again.", retryAfter: 5 };
    expect(client.take()).toEqual([
      ["subscribe_error", { ...error, room: ROOM }],
      { id: 4, data: [{ error }] },
    ]);
    expect(gateway.subscriptions.deliver(ROOM, 1, [frame(1)])).toBe(true);
    expect(client.take()).toEqual([["e", 1]]);
  });

  it("leave out what is being left, while more is joined", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll();
    client.emit("unsubscribe", { room: ROOM });
    client.emit("subscribe", { room: "market:ETH-USD" });
    const calls = await gateway.rooms.answerAll();
    const records = calls.flatMap(({ room, ops }) => (room === "user:u" ? ops : []));
    expect(records).toEqual([recorded(), recorded("ETH-USD")]);
  });

  it("a failed subscribe says nothing to a socket that left meanwhile", async () => {
    client.emit("subscribe", { room: ROOM }, 3);
    await gateway.rooms.fail();
    await gateway.rooms.answer();
    client.send("41");
    await gateway.rooms.answerAll();
    expect(client.take()).toEqual([]);
  });
});

describe("ROOM-1 unsubscribe", () => {
  it("answers once that is recorded, stops the frames, and tells the room", async () => {
    client.emit("subscribe", { room: ROOM });
    await gateway.rooms.answerAll();
    client.take();
    client.emit("unsubscribe", { room: ROOM }, 8);
    expect(await told()).toMatchObject([
      ["user:u", recorded()],
      [ROOM, { op: "leave", socketId: "id1", connection: 1 }],
    ]);
    expect(gateway.subscriptions.deliver(ROOM, 1, [frame(1)])).toBe(false);
    expect(client.take()).toEqual([unsubscribed, { id: 8, data: [{ room: ROOM }] }]);
  });

  it.each([ROOM, "weather:paris", "user:other"])(
    "from %s, where one is not, answers and tells no room",
    (room) => {
      client.emit("unsubscribe", { room });
      expect(client.take()).toEqual([["unsubscribed", { room }]]);
      expect(gateway.rooms.calls).toEqual([]);
    },
  );

  it("from the personal room is refused", () => {
    client.emit("unsubscribe", { room: "user:u" }, 1);
    const error = {
      code: "VALIDATION_FAILED",
      message: "The payload of unsubscribe is not valid.",
      event: "unsubscribe",
      issues: [{ path: "room", message: "The personal room cannot be left" }],
    };
    expect(client.take()).toEqual([["validation_error", error], { id: 1, data: [{ error }] }]);
    expect([...gateway.subscriptions.rooms()]).toEqual(["user:u"]);
  });

  it("in flight: subscribe, unsubscribe, subscribe are answered in order", async () => {
    client.emit("subscribe", { room: ROOM });
    client.emit("unsubscribe", { room: ROOM });
    client.emit("subscribe", { room: ROOM });
    client.emit("subscribe", { room: "market:ETH-USD" });
    expect(client.take()).toEqual([]);
    // The two joins, and the records that go with them.
    expect(gateway.rooms.calls.map(({ room }) => room)).toEqual([ROOM, "user:u", "market:ETH-USD"]);
    await gateway.rooms.answerAll();
    expect(client.take()).toEqual([
      subscribed(1),
      subscribed(1, "market:ETH-USD"),
      unsubscribed,
      subscribed(1),
    ]);
    expect(client.transport.saved).toMatchObject({
      application: { sockets: [{ data: { symbols: ["ETH-USD", "BTC-USD"] } }] },
    });
  });
});

describe("ROOM-2 refused rooms", () => {
  it.each([
    ["user:other", "UNAUTHORIZED", "This is another user's room. Yours is joined when you connect."],
    ["weather:paris", "NOT_FOUND", "There is no such kind of room. Subscribe to market:<SYMBOL>."],
    ["BTC-USD", "NOT_FOUND", "There is no such kind of room. Subscribe to market:<SYMBOL>."],
    ["Market:BTC-USD", "NOT_FOUND", "There is no such kind of room. Subscribe to market:<SYMBOL>."],
  ])("%s: %s", async (room, code, message) => {
    client.emit("subscribe", { room }, 5);
    await settled();
    expect(client.take()).toEqual([
      ["subscribe_error", { code, message, room }],
      { id: 5, data: [{ error: { code, message } }] },
    ]);
    expect(gateway.rooms.calls).toEqual([]);
    expect([...gateway.subscriptions.rooms()]).toEqual(["user:u"]);
  });

  it.each(["market:", "market:btc-usd", "market:BTC", "market:BTC-USD\n", "user:", "user:a b"])(
    "%j is malformed",
    async (room) => {
      client.emit("subscribe", { room }, 5);
      await settled();
      const error = {
        code: "VALIDATION_FAILED",
        message: "The payload of subscribe is not valid.",
        event: "subscribe",
        issues: [{ path: "room", message: "Expected market:<SYMBOL>, such as market:BTC-USD" }],
      };
      expect(client.take()).toEqual([["validation_error", error], { id: 5, data: [{ error }] }]);
      expect(gateway.rooms.calls).toEqual([]);
    },
  );
});

describe("ROOM-3 the limit of rooms", () => {
  const limited = {
    code: "RATE_LIMITED",
    message: "A socket may subscribe to 100 rooms. Unsubscribe from one first.",
  };
  const room = (n: number) => `market:R${n}-USD`;

  beforeEach(async () => {
    for (let n = 1; n <= 100; n++) client.emit("subscribe", { room: room(n) });
    await gateway.rooms.answerAll();
    expect(client.take()).toEqual(Array.from({ length: 100 }, (_, n) => subscribed(1, room(n + 1))));
  });

  it("refuses the 101st and leaves the others as they are", async () => {
    client.emit("subscribe", { room: room(101) }, 6);
    await settled();
    expect(client.take()).toEqual([["rate_limit_error", limited], { id: 6, data: [{ error: limited }] }]);
    expect(gateway.rooms.calls).toEqual([]);
    expect(client.transport.closes).toEqual([]);
    expect([...gateway.subscriptions.rooms()].length).toBe(101);
  });

  it("does not stand in the way of a room one is in, nor of the personal room", async () => {
    for (const name of [room(1), "user:u"]) {
      client.emit("subscribe", { room: name });
      await gateway.rooms.answer();
      expect(client.take()).toEqual([subscribed(1, name)]);
    }
  });

  it("makes room again when one is left", async () => {
    client.emit("unsubscribe", { room: room(50) });
    client.emit("subscribe", { room: room(101) });
    await gateway.rooms.answerAll();
    expect(client.take()).toEqual([["unsubscribed", { room: room(50) }], subscribed(1, room(101))]);
    client.emit("subscribe", { room: room(102) });
    expect(client.take()).toEqual([["rate_limit_error", limited]]);
  });
});

it("ROOM-3 rooms being joined count towards the limit", async () => {
  gateway = new FakeGateway(2);
  client = await gateway.connect();
  for (const symbol of ["A-USD", "B-USD", "C-USD"]) client.emit("subscribe", { room: `market:${symbol}` });
  await gateway.rooms.answerAll();
  expect(client.take().map((event) => (event as string[])[0])).toEqual([
    "rate_limit_error",
    "subscribed",
    "subscribed",
  ]);
});

describe("REQ-1 MKT-2 the state of markets", () => {
  const state = { snapshot: [JSON.stringify(["market_chart_initial_data", { series: "x".repeat(600) }])] };
  const other = (n: number) => `market:AAA-${n}`;

  it("is sent no faster than the client reads: further subscribes wait for that, nothing else does", async () => {
    const looks: Deferred<void>[] = [];
    const sleep = () => {
      const look = new Deferred<void>();
      looks.push(look);
      return look.promise;
    };
    gateway = new FakeGateway(100, { window: 1_000, sleep });
    client = await gateway.connect();
    for (const n of [1, 2]) {
      client.emit("subscribe", { room: other(n) });
      await gateway.rooms.answerAll(state);
    }
    const sent = client.take().map((packet) => (Array.isArray(packet) ? packet[0] : packet));
    const one = ["subscribed", "market_chart_initial_data"];
    expect(sent).toEqual([...one, ...one, "2"]);
    client.emit("subscribe", { room: other(3) });
    client.emit("ping");
    await settled();
    expect(gateway.rooms.calls).toEqual([]);
    expect(client.take()).toEqual([["pong", { timestamp: 1_234 }]]);
    gateway.clock.now++;
    client.send("3");
    looks.shift()?.resolve();
    await settled();
    await gateway.rooms.answerAll(state);
    expect(client.take().map((packet) => (packet as string[])[0])).toEqual(one);
  });

  it("is not waited for by a client that has gone", async () => {
    gateway = new FakeGateway(100, { window: 100, sleep: settled });
    client = await gateway.connect();
    client.emit("subscribe", { room: other(1) });
    await gateway.rooms.answerAll(state);
    client.emit("subscribe", { room: other(2) });
    gateway.engine.abort(client.session, "transport close");
    await settled();
    const told = await gateway.rooms.answerAll();
    expect(told.some(({ room }) => room === other(2))).toBe(false);
  });
});
