import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Session, SessionState } from "../../../src/engineio/session.ts";
import { err, ok } from "../../../src/lib/result.ts";
import { FakeTransport, settled } from "../../support/fakes.ts";
import { createStack, openClient, type Stack } from "./fake-application.ts";

let stack: Stack;
let transport: FakeTransport;
let session: Session;

beforeEach(() => {
  stack = createStack();
  ({ transport, session } = openClient(stack));
});

const accept = async (user: string) => {
  stack.application.requests.at(-1)?.verdict.resolve({ verdict: "accept", data: { user } });
  await settled();
};

const joined = async (connected: (() => void) | undefined) => {
  stack.application.joins.at(-1)?.done.resolve(connected && { connected });
  await settled();
};

const connect = async (frame: string, user: string) => {
  stack.engine.receive(session, frame);
  await accept(user);
  await joined(() => {});
};

describe("socket.io: a session that ends early", () => {
  it("during authenticate is neither joined nor disconnected", async () => {
    stack.engine.receive(session, "40");
    stack.engine.transportClosed(session, "transport close");
    await accept("u");
    expect(stack.application.joins).toEqual([]);
    expect(stack.application.disconnects).toEqual([]);
    expect(transport.sent).toEqual([]);
  });

  it("during join is disconnected once, and hears nothing", async () => {
    stack.engine.receive(session, "40");
    await accept("u");
    stack.engine.transportClosed(session, "transport close");
    expect(stack.application.disconnects).toEqual([["sid1", "transport close"]]);
    let told = false;
    await joined(() => {
      told = true;
    });
    expect(told).toBe(false);
    expect(transport.sent).toEqual([]);
    expect(stack.application.disconnects).toEqual([["sid1", "transport close"]]);
  });

  it("by a join that failed is closed without CONNECT_ERROR and disconnected once", async () => {
    stack.engine.receive(session, "40");
    await accept("u");
    await joined(undefined);
    expect(transport.sent).toEqual([]);
    expect(transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    expect(stack.application.disconnects).toEqual([["sid1", "forced close"]]);
  });

  it.each(["authenticate", "join"])(
    "by an exception in %s is closed, and the error is told",
    async (step) => {
      const failure = new Error("bug");
      stack.engine.receive(session, "40");
      if (step === "authenticate") stack.application.requests[0]?.verdict.reject(failure);
      else {
        await accept("u");
        stack.application.joins[0]?.done.reject(failure);
      }
      await settled();
      expect(stack.errors).toEqual([failure]);
      expect(transport.closes).toEqual([{ code: 1000, reason: "forced close" }]);
      expect(stack.application.disconnects.length).toBe(step === "join" ? 1 : 0);
    },
  );

  it("disconnects connected and joining sockets alike, each once", async () => {
    await connect("40", "a");
    stack.engine.receive(session, "40/ws,");
    await accept("b");
    stack.engine.close(session, "ping timeout");
    stack.engine.transportClosed(session, "transport close");
    expect(stack.application.disconnects).toEqual([
      ["sid1", "ping timeout"],
      ["sid2", "ping timeout"],
    ]);
    expect(stack.application.joins.map(({ socket }) => socket.connected)).toEqual([false, false]);
  });
});

describe("socket.io: hibernation", () => {
  it("saves the context with the session at once", () => {
    expect(transport.saved).toEqual({
      id: "session",
      openedAt: 1_000_000,
      established: false,
      pongAt: 0,
      application: { context: { ip: "here" }, sockets: [] },
    });
  });

  it("saves connected sockets only, and what they store", async () => {
    await connect("40", "a");
    stack.engine.receive(session, "40/ws,");
    await accept("b");
    const [first] = stack.application.joins;
    if (first) {
      first.socket.data = { user: "changed" };
      first.socket.save();
    }
    expect(transport.saved).toMatchObject({
      established: true,
      pongAt: 0,
      application: {
        context: { ip: "here" },
        sockets: [{ nsp: "/", id: "sid1", data: { user: "changed" } }],
      },
    });
  });

  it("brings back every socket, which then works as before", async () => {
    await connect("40", "a");
    await connect("40/ws,", "b");
    const woken = createStack();
    const wire = new FakeTransport();
    // Saved by `Session.save`.
    const again = woken.engine.restore(wire, transport.saved as SessionState, undefined);
    expect(
      woken.application.restored.map(({ id, nsp, data, connected }) => ({ id, nsp, data, connected })),
    ).toEqual([
      { id: "sid1", nsp: "/", data: { user: "a" }, connected: true },
      { id: "sid2", nsp: "/ws", data: { user: "b" }, connected: true },
    ]);
    expect(wire.sent).toEqual([]);
    woken.engine.receive(again, '42/ws,3["x"]');
    woken.application.events[0]?.event.ack?.(1);
    expect(wire.take()).toEqual(["43/ws,3[1]"]);
    woken.application.restored[0]?.write('42["written"]');
    expect(wire.take()).toEqual(['42["written"]']);
    woken.engine.receive(again, "41");
    expect(wire.saved).toMatchObject({
      application: { context: { ip: "here" }, sockets: [{ id: "sid2", nsp: "/ws", data: { user: "b" } }] },
    });
    woken.engine.close(again, "forced close");
    expect(woken.application.disconnects).toEqual([
      ["sid1", "client namespace disconnect"],
      ["sid2", "forced close"],
    ]);
  });

  it("lets a session that had not connected connect, with the context of its handshake", async () => {
    const woken = createStack();
    const again = woken.engine.restore(new FakeTransport(), transport.saved as SessionState, undefined);
    woken.engine.receive(again, "40");
    expect(woken.application.requests[0]?.request).toEqual({
      nsp: "/",
      auth: undefined,
      context: { ip: "here" },
    });
  });
});

describe("socket.io: acknowledgements after hibernation", () => {
  /** What `crypto` gives for each socket that comes back, one after the other. */
  let bits: number[];

  beforeEach(async () => {
    await connect("40", "a");
    await connect("40/ws,", "b");
    bits = [4 * 70, 0xffff_ffff];
    vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => {
      if (array instanceof Uint32Array) array.fill(bits.shift() ?? 0);
      return array;
    });
  });

  afterEach(() => void vi.restoreAllMocks());

  it("have ids that start at random, for each socket, and go up from there", async () => {
    const woken = createStack();
    const wire = new FakeTransport();
    const again = woken.engine.restore(wire, transport.saved as SessionState, undefined);
    const [root, ws] = woken.application.restored;
    const results = [root, root, ws, ws].map((socket) => socket?.emitWithAck(100, "q"));
    expect(wire.take()).toEqual(['4270["q"]', '4271["q"]', '42/ws,1073741823["q"]', '42/ws,1073741824["q"]']);
    for (const [index, ack] of ["4371", "43/ws,1073741824", "4370", "43/ws,1073741823"].entries())
      woken.engine.receive(again, `${ack}[${index}]`);
    expect(await Promise.all(results)).toEqual([ok([2]), ok([0]), ok([3]), ok([1])]);
    expect(wire.closes).toEqual([]);
  });

  it("are not taken for those of questions asked before", async () => {
    stack.application.joins[0]?.socket.emitWithAck(100, "before");
    expect(transport.sent.at(-1)).toBe('420["before"]');
    const woken = createStack();
    const again = woken.engine.restore(new FakeTransport(), transport.saved as SessionState, undefined);
    const asked = woken.application.restored[0]?.emitWithAck(100, "after");
    woken.engine.receive(again, "430[true]");
    woken.timers.pass(100);
    expect(await asked).toEqual(err("timeout"));
    expect(again.closed).toBe(false);
  });
});
