import { beforeEach, describe, expect, it } from "vitest";
import type { Session } from "../../../src/engineio/session.ts";
import { err, ok } from "../../../src/lib/result.ts";
import type { Socket } from "../../../src/socketio/socket.ts";
import { type FakeTransport, settled } from "../../support/fakes.ts";
import { connectSocket, createStack, type Data, openClient, type Stack } from "./fake-application.ts";

let stack: Stack;
let transport: FakeTransport;
let session: Session;
let socket: Socket<Data>;

beforeEach(async () => {
  stack = createStack();
  ({ transport, session } = openClient(stack));
  socket = await connectSocket(stack, session);
  transport.take();
});

const receive = async (...frames: (string | Uint8Array)[]) => {
  for (const frame of frames) stack.engine.receive(session, frame);
  await settled();
};

/** Asks, and holds what becomes of it, once it is known. */
const ask = (timeoutMs: number, ...args: unknown[]) => askOf(socket, timeoutMs, ...args);

const askOf = (asked: Socket<Data>, timeoutMs: number, ...args: unknown[]) => {
  const results: unknown[] = [];
  asked.emitWithAck(timeoutMs, "q", ...args).then((result) => void results.push(result));
  return results;
};

describe("socket.io: an event with acknowledgement", () => {
  it("carries the next id, and is resolved by the answer to that id", async () => {
    const results = [ask(100, { a: 1 }), ask(100), ask(100)];
    expect(transport.take()).toEqual(['420["q",{"a":1}]', '421["q"]', '422["q"]']);
    await receive('431["one",{"b":2}]');
    expect(results).toEqual([[], [ok(["one", { b: 2 }])], []]);
    await receive("430[]");
    expect(results).toEqual([[ok([])], [ok(["one", { b: 2 }])], []]);
    ask(100);
    expect(transport.take()).toEqual(['423["q"]']);
    expect(transport.closes).toEqual([]);
  });

  it("is answered in its own namespace only", async () => {
    const other = await connectSocket(stack, session, "40/ws,");
    transport.take();
    const results = [ask(100), askOf(other, 100)];
    expect(transport.take()).toEqual(['420["q"]', '42/ws,0["q"]']);
    await receive("43/ws,0[7]");
    expect(results).toEqual([[], [ok([7])]]);
  });

  it("asks and answers with bytes", async () => {
    const bytes = new Uint8Array([1, 2]);
    const results = ask(100, bytes);
    expect(transport.take()).toEqual(['451-0["q",{"_placeholder":true,"num":0}]', bytes]);
    await receive('461-0[{"_placeholder":true,"num":0}]', new Uint8Array([3]));
    expect(results).toEqual([ok([new Uint8Array([3])])]);
  });

  it("gives up when its own time has passed", async () => {
    const results = [ask(1_000), ask(2_000)];
    stack.timers.pass(999);
    await settled();
    expect(results).toEqual([[], []]);
    stack.timers.pass(1);
    await settled();
    expect(results).toEqual([[err("timeout")], []]);
    await receive("431[1]");
    expect(results[1]).toEqual([ok([1])]);
  });

  it("keeps no timer once it is answered", async () => {
    ask(1_000);
    expect(stack.timers.pending).toEqual([1_000]);
    await receive("430[]");
    expect(stack.timers.pending).toEqual([]);
  });

  it("ignores an answer that comes late, or again, or to nothing that was asked", async () => {
    const late = ask(1_000);
    stack.timers.pass(1_000);
    const answered = ask(1_000);
    await receive('430["late"]', '431["first"]', '431["second"]', '432["unasked"]');
    expect(late).toEqual([err("timeout")]);
    expect(answered).toEqual([ok(["first"])]);
    expect(transport.closes).toEqual([]);
  });

  it.each<[string, () => void]>([
    ["the client leaves the namespace", () => stack.engine.receive(session, "41")],
    ["the server disconnects the socket", () => socket.disconnect()],
    ["the session closes", () => stack.engine.transportClosed(session, "transport close")],
  ])("ends when %s", async (_, end) => {
    const results = [ask(1_000), ask(2_000)];
    end();
    await settled();
    expect(results).toEqual([[err("disconnected")], [err("disconnected")]]);
    expect(stack.timers.pending).toEqual([]);
  });

  it("lives on when another socket of the session leaves", async () => {
    const other = await connectSocket(stack, session, "40/ws,");
    const results = [ask(1_000), askOf(other, 1_000)];
    await receive("41/ws,", "430[1]");
    expect(results).toEqual([[ok([1])], [err("disconnected")]]);
  });

  it("is not asked of a socket that has left, or is not there yet", async () => {
    socket.disconnect();
    transport.take();
    stack.engine.receive(session, "40");
    stack.application.requests.at(-1)?.verdict.resolve({ verdict: "accept", data: { user: "u" } });
    await settled();
    const joining = stack.application.joins.at(-1)?.socket;
    expect(joining?.id).toBe("sid2");
    const results = [ask(1_000), ...(joining ? [askOf(joining, 1_000)] : [])];
    await settled();
    expect(results).toEqual([[err("disconnected")], [err("disconnected")]]);
    expect(transport.sent).toEqual([]);
    expect(stack.timers.pending).toEqual([]);
  });
});

describe("socket.io: a socket that the server disconnects", () => {
  it("is told, and so is the application; the session forgets it", () => {
    socket.disconnect();
    expect(transport.sent).toEqual(["41"]);
    expect(socket.connected).toBe(false);
    expect(stack.application.disconnects).toEqual([["sid1", "server namespace disconnect"]]);
    expect(transport.saved).toMatchObject({ established: true, application: { sockets: [] } });
    expect(transport.closes).toEqual([]);
  });

  it("leaves the session's other namespace as it is", async () => {
    const other = await connectSocket(stack, session, "40/ws,");
    transport.take();
    other.disconnect();
    expect(transport.take()).toEqual(["41/ws,"]);
    await receive('42["a"]');
    expect(stack.application.events.map(({ socket: { id } }) => id)).toEqual(["sid1"]);
    expect(transport.saved).toMatchObject({ application: { sockets: [{ id: "sid1", nsp: "/" }] } });
    expect(transport.closes).toEqual([]);
  });

  it("may be followed by another in the same namespace", async () => {
    socket.disconnect();
    transport.take();
    const next = await connectSocket(stack, session);
    expect(transport.sent).toEqual(['40{"sid":"sid2"}']);
    socket.disconnect();
    expect(next.connected).toBe(true);
    await receive('42["a"]');
    expect(stack.application.events.map(({ socket: { id } }) => id)).toEqual(["sid2"]);
  });

  it.each<[string, () => void, string]>([
    ["the server", () => socket.disconnect(), "server namespace disconnect"],
    ["the client", () => stack.engine.receive(session, "41"), "client namespace disconnect"],
    ["the end of the session", () => stack.engine.close(session, "forced close"), "forced close"],
  ])("hears nothing more when %s has ended it before", (_, end, reason) => {
    end();
    transport.take();
    socket.disconnect();
    expect(transport.sent).toEqual([]);
    expect(stack.application.disconnects).toEqual([["sid1", reason]]);
  });
});
