import { beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../../src/engineio/session.ts";
import { type FakeTransport, settled } from "../../support/fakes.ts";
import { createStack, openClient, type Stack } from "./fake-application.ts";

let stack: Stack;
let transport: FakeTransport;
let session: Session;

beforeEach(() => {
  stack = createStack();
  ({ transport, session } = openClient(stack));
});

const send = (...frames: (string | Uint8Array)[]) => {
  for (const frame of frames) stack.engine.receive(session, frame);
};

const connect = async (frame: string, user = "u", connected = () => {}) => {
  const { application } = stack;
  send(frame);
  application.requests.at(-1)?.verdict.resolve({ verdict: "accept", data: { user } });
  await settled();
  application.joins.at(-1)?.done.resolve({ connected });
  await settled();
  return transport.take();
};

const closedAs = (reason: string, code: number) => expect(transport.closes).toEqual([{ code, reason }]);

describe("socket.io: CONNECT", () => {
  it("asks the application, joins, answers, and only then does what follows the answer", async () => {
    const { application } = stack;
    send('40{"token":"t"}');
    expect(application.requests.map(({ request }) => request)).toEqual([
      { nsp: "/", auth: { token: "t" }, context: { ip: "here" } },
    ]);
    expect(session.accepted).toBe(false);
    application.requests[0]?.verdict.resolve({ verdict: "accept", data: { user: "u" } });
    await settled();
    const [join] = application.joins;
    expect(join?.socket).toMatchObject({ id: "sid1", nsp: "/", data: { user: "u" }, connected: false });
    expect(transport.sent).toEqual([]);
    // It waits for the server now: CONN-5's timeout is for clients.
    expect(session).toMatchObject({ accepted: true, established: false });
    expect(join?.auth).toEqual({ token: "t" });
    join?.done.resolve({ connected: () => join.socket.emit("connected", { sid: join.socket.id }) });
    await settled();
    expect(transport.sent).toEqual(['40{"sid":"sid1"}', '42["connected",{"sid":"sid1"}]']);
    expect(join?.socket.connected).toBe(true);
    expect(session.established).toBe(true);
  });

  it("USER-2 answers with the id that a recovered socket had, and with its private session id", async () => {
    const { application } = stack;
    send('40/ws,{"pid":"p0","offset":"e.1"}');
    application.requests[0]?.verdict.resolve({ verdict: "accept", data: { user: "u" } });
    await settled();
    const [join] = application.joins;
    if (join === undefined) throw new Error("Nobody joins.");
    expect(join.auth).toEqual({ pid: "p0", offset: "e.1" });
    join.socket.id = "former";
    join.done.resolve({ pid: "p0", connected: () => join.socket.emit("connected") });
    await settled();
    expect(transport.take()).toEqual(['40/ws,{"sid":"former","pid":"p0"}', '42/ws,["connected"]']);
    expect(transport.saved).toMatchObject({ application: { sockets: [{ nsp: "/ws", id: "former" }] } });
    send("41/ws,");
    expect(application.disconnects).toEqual([["former", "client namespace disconnect"]]);
  });

  it("CONN-3 refuses any other namespace and leaves the session open", async () => {
    send("40/admin,");
    expect(transport.take()).toEqual(['44/admin,{"message":"Invalid namespace"}']);
    send("40/ws?token=1,{}");
    expect(transport.take()).toEqual(['44/ws?token=1,{"message":"Invalid namespace"}']);
    expect(stack.application.requests).toEqual([]);
    expect(await connect("40")).toEqual(['40{"sid":"sid1"}']);
  });

  it("CONN-9 repeats a namespace of 200 characters, and closes the session for a longer one", async () => {
    const longest = `/${"x".repeat(199)}`;
    send(`40${longest},`);
    expect(transport.take()).toEqual([`44${longest},{"message":"Invalid namespace"}`]);
    expect(transport.closes).toEqual([]);
    send(`40${longest}x,{}`);
    await settled();
    expect(transport.sent).toEqual([]);
    closedAs("parse error", 1002);
    expect(stack.application.requests).toEqual([]);
    expect(stack.errors).toEqual([]);
  });

  it("CONN-9 a namespace that is too long ends the sockets that its session has", async () => {
    await connect("40");
    send(`40/${"x".repeat(100_000)}`);
    expect(transport.sent).toEqual([]);
    closedAs("parse error", 1002);
    expect(stack.application.disconnects).toEqual([["sid1", "parse error"]]);
  });

  it("CONN-3 an application's own namespace may be as long as it likes", async () => {
    const nsp = `/${"x".repeat(300)}`;
    stack.application.namespaces.add(nsp);
    expect(await connect(`40${nsp},`)).toEqual([`40${nsp},{"sid":"sid1"}`]);
  });

  it("CONN-5 answers a refusal with its message and data, and lets the client try again", async () => {
    send("40/ws,{}");
    const [request] = stack.application.requests;
    request?.verdict.resolve({ verdict: "refuse", message: "no", data: { code: "UNAUTHORIZED" } });
    await settled();
    expect(transport.take()).toEqual(['44/ws,{"message":"no","data":{"code":"UNAUTHORIZED"}}']);
    send("40/ws,{}");
    stack.application.requests[1]?.verdict.resolve({ verdict: "refuse", message: "no" });
    await settled();
    expect(transport.take()).toEqual(['44/ws,{"message":"no"}']);
    expect(session.established).toBe(false);
    expect(await connect("40/ws,")).toEqual(['40/ws,{"sid":"sid1"}']);
  });

  it("CONN-6 closes without CONNECT_ERROR when the token cannot be checked", async () => {
    send("40");
    stack.application.requests[0]?.verdict.resolve({ verdict: "unavailable" });
    await settled();
    expect(transport.sent).toEqual([]);
    closedAs("forced close", 1000);
    expect(stack.application.disconnects).toEqual([]);
  });

  it.each([
    ["an event before CONNECT", '42["a"]'],
    ["an ack before CONNECT", "431[]"],
    ["DISCONNECT before CONNECT", "41"],
    ["CONNECT_ERROR from a client", '44{"message":"no"}'],
    ["a packet that cannot be parsed", "49"],
    ["an attachment that nothing announced", new Uint8Array([1])],
  ])("CONN-9 %s closes the session", (_, frame) => {
    send(frame);
    closedAs("parse error", 1002);
    expect(stack.application.events).toEqual([]);
  });

  it.each(["40", '42["a"]', "41"])("CONN-9 %s while authenticating closes the session", async (frame) => {
    send("40", frame);
    closedAs("parse error", 1002);
    stack.application.requests[0]?.verdict.resolve({ verdict: "accept", data: { user: "u" } });
    await settled();
    expect(stack.application.joins).toEqual([]);
    expect(stack.application.disconnects).toEqual([]);
    expect(transport.sent).toEqual([]);
  });

  it.each(["40", '44{"message":"no"}'])("CONN-9 %s after CONNECT closes the session", async (frame) => {
    await connect("40");
    send(frame);
    closedAs("parse error", 1002);
    expect(stack.application.disconnects).toEqual([["sid1", "parse error"]]);
  });

  it("CONN-9 an event for a namespace refused before closes the session", async () => {
    send("40/admin,", '42/admin,["a"]');
    closedAs("parse error", 1002);
  });
});

describe("socket.io: events and acks", () => {
  it("hands over the name and the arguments, without an ack when none was asked for", async () => {
    await connect("40");
    send('42["a",1,{"b":2}]', "42[7]");
    expect(stack.application.events.map(({ event }) => event)).toEqual([
      { name: "a", args: [1, { b: 2 }] },
      { name: "7", args: [] },
    ]);
  });

  it("acks under the id the client gave, in its namespace", async () => {
    await connect("40/ws,");
    send('42/ws,12["a"]');
    const { event } = stack.application.events[0] ?? {};
    event?.ack?.({ ok: true }, 2);
    expect(transport.sent).toEqual(['43/ws,12[{"ok":true},2]']);
  });

  it("acks with id 0, and not after the socket has left", async () => {
    await connect("40");
    send('420["a"]', '421["b"]');
    const [zero, one] = stack.application.events;
    zero?.event.ack?.();
    send("41");
    one?.event.ack?.("late");
    expect(transport.sent).toEqual(["430[]"]);
  });

  it("acks once, however often the application answers", async () => {
    await connect("40");
    send('427["a"]', '428["b"]');
    const [seven, eight] = stack.application.events;
    seven?.event.ack?.("first");
    seven?.event.ack?.("second");
    eight?.event.ack?.("other");
    seven?.event.ack?.();
    expect(transport.sent).toEqual(['437["first"]', '438["other"]']);
  });

  it("takes binary events and sends binary acks", async () => {
    await connect("40");
    const bytes = new Uint8Array([1, 2, 3]);
    send('451-5["up",{"_placeholder":true,"num":0}]');
    expect(stack.application.events).toEqual([]);
    send(bytes);
    const { event } = stack.application.events[0] ?? {};
    expect(event).toMatchObject({ name: "up", args: [bytes] });
    event?.ack?.({ echo: bytes });
    expect(transport.sent).toEqual(['461-5[{"echo":{"_placeholder":true,"num":0}}]', bytes]);
  });

  it("sends binary events as text and attachments", async () => {
    await connect("40/ws,");
    stack.application.joins[0]?.socket.emit("down", new Uint8Array([9]));
    expect(transport.sent).toEqual(['451-/ws,["down",{"_placeholder":true,"num":0}]', new Uint8Array([9])]);
  });

  it("CONN-9 a text where an attachment was due closes the session", async () => {
    await connect("40");
    send('451-["up",{"_placeholder":true,"num":0}]', '42["a"]');
    closedAs("parse error", 1002);
    expect(stack.application.events).toEqual([]);
  });
});

describe("CONN-3 two namespaces on one session", () => {
  it("have a socket each, and events reach the one they name", async () => {
    expect(await connect("40", "a")).toEqual(['40{"sid":"sid1"}']);
    expect(await connect("40/ws,", "b")).toEqual(['40/ws,{"sid":"sid2"}']);
    send('42/ws,["x"]', '42["y"]');
    expect(stack.application.events.map(({ socket, event }) => [socket.id, event.name])).toEqual([
      ["sid2", "x"],
      ["sid1", "y"],
    ]);
  });

  it("are left one by one", async () => {
    await connect("40", "a");
    await connect("40/ws,", "b");
    send("41");
    expect(stack.application.disconnects).toEqual([["sid1", "client namespace disconnect"]]);
    send('42/ws,["x"]');
    expect(stack.application.events.map(({ socket }) => socket.id)).toEqual(["sid2"]);
    expect(transport.closes).toEqual([]);
    expect(transport.saved).toMatchObject({ application: { sockets: [{ id: "sid2" }] } });
    send('42["y"]');
    closedAs("parse error", 1002);
    expect(stack.application.disconnects).toEqual([
      ["sid1", "client namespace disconnect"],
      ["sid2", "parse error"],
    ]);
  });

  it("can be joined again after leaving, with a new socket", async () => {
    await connect("40");
    send("41");
    expect(await connect("40")).toEqual(['40{"sid":"sid2"}']);
  });
});
