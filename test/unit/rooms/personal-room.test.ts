import { beforeEach, describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/events/define.ts";
import type { Connected, MembershipOp, Publication, Resume } from "../../../src/rooms/protocol.ts";
import { settled } from "../../support/fakes.ts";
import { RoomHarness } from "./room-harness.ts";

const { WINDOW, MAX_EVENTS } = RoomHarness;
const SETTLE = 5_000;
const START = 1_000_000;

let room: RoomHarness;

beforeEach(() => {
  room = new RoomHarness("user:u");
});

const leave = (socketId: string, connection = 1, final = false): MembershipOp => ({
  ...{ op: "leave", socketId, connection, final },
});

/** A socket comes to `gateway`, as `<name>` with the private id `p-<name>` unless it is recovered. */
const connect = (gateway: string, name: string, resume?: Resume): Connected => {
  const [answer] = room.core.update(gateway, [
    { op: "connect", userId: "u", socketId: name, pid: `p-${name}`, ...(resume && { resume }) },
  ]);
  // The answer to a connect.
  return answer as Connected;
};

const event = (n: number, rest: Partial<Publication> = {}): Publication => ({
  ...{ body: `["e",${n}]`, delivery: "durable" as Delivery },
  ...rest,
});
const publish = (...numbers: number[]) => room.core.publish(numbers.map((n) => event(n)));

/** What was handed to gateways since the last look: gateway, number and offset of each event, no presence. */
const take = async () =>
  (await room.take()).flatMap(([gateway, , body]) => {
    const [name, n, offset] = body as unknown[];
    return name === "e" ? [[gateway, n, offset]] : [];
  });

const missedBy = (resume: Resume, gateway = "g") => {
  const { recovered, missed } = connect(gateway, "new", resume);
  return recovered ? missed.map((body) => (JSON.parse(body) as [string, number])[1]) : undefined;
};

describe("USER-1 publishing into a personal room", () => {
  it("logs durable events, and hands them on with their offset and position", async () => {
    connect("g", "a");
    await room.take();
    expect(publish(1, 2)).toEqual(["accepted", "accepted"]);
    expect(room.calls[0]?.frames).toEqual([
      { seq: 2, logged: 1, body: '["e",1,"E1.1"]' },
      { seq: 3, logged: 2, body: '["e",2,"E1.2"]' },
    ]);
  });

  it("does not log the others", async () => {
    connect("g", "a");
    await room.take();
    room.core.publish([event(1, { delivery: "transient" }), event(2, { delivery: "volatile" }), event(3)]);
    expect(room.calls[0]?.frames.map(({ logged, body }) => [logged, body])).toEqual([
      [undefined, '["e",1]'],
      [undefined, '["e",2]'],
      [1, '["e",3,"E1.1"]'],
    ]);
    expect(missedBy({ pid: "p-a" })).toEqual([3]);
  });

  it("has stored all events of a call before a gateway is told of one", async () => {
    connect("g", "a");
    await room.take();
    const log: string[] = [];
    const { exec } = room.storage.sql;
    Object.assign(room.storage.sql, {
      exec: (...args: Parameters<typeof exec>) => {
        if (args[0].startsWith("INSERT INTO log ")) log.push(`stored, ${room.calls.length} told`);
        return exec(...args);
      },
    });
    publish(1, 2);
    expect(log).toEqual(["stored, 0 told", "stored, 0 told"]);
    expect(room.calls.length).toBe(1);
  });

  it("keeps what comes while nobody is there, for who comes back", () => {
    connect("g", "a");
    room.core.update("g", [leave("a")]);
    expect(publish(1, 2)).toEqual(["accepted", "accepted"]);
    expect(missedBy({ pid: "p-a" })).toEqual([1, 2]);
  });

  it("is all or nothing: what is rolled back is neither logged, nor known by its id, nor handed on", async () => {
    connect("g", "a");
    await room.take();
    publish(1);
    await room.take();
    room.storage.failing = /^INSERT INTO log .*/;
    const several = [event(2, { id: "x", delivery: "transient" }), event(3, { id: "y" }), event(4)];
    expect(() => room.core.publish(several)).toThrow("The disk is full.");
    room.storage.failing = undefined;
    expect(room.calls).toEqual([]);
    // The object has died of it.
    room.start();
    await room.take();
    expect(missedBy({ pid: "p-a" })).toEqual([1]);
    await room.take();
    expect(room.core.publish(several)).toEqual(["accepted", "accepted", "accepted"]);
    expect((await take()).map(([, n, offset]) => [n, offset])).toEqual([
      [2, undefined],
      [3, "E1.2"],
      [4, "E1.3"],
    ]);
  });

  it("narrows an event to one socket, live and in recovery", async () => {
    connect("g", "a");
    connect("h", "b");
    await room.take();
    room.core.publish([event(1), event(2, { socketId: "b" }), event(3, { socketId: "a" })]);
    expect(await take()).toEqual([
      ["g", 1, "E1.1"],
      ["g", 3, "E1.3"],
      ["h", 1, "E1.1"],
      ["h", 2, "E1.2"],
    ]);
    expect(missedBy({ pid: "p-a" })).toEqual([1, 3]);
    expect(missedBy({ pid: "p-b", offset: "E1.1" })).toEqual([2]);
  });
});

describe("ING-3 ids in a personal room", () => {
  it("make a publication idempotent, within a call, later, and for the room's next life", async () => {
    connect("g", "a");
    await room.take();
    const one = event(1, { id: "x" });
    expect(room.core.publish([one, event(2, { id: "y" }), one])).toEqual([
      "accepted",
      "accepted",
      "duplicate",
    ]);
    expect(room.core.publish([one, event(3)])).toEqual(["duplicate", "accepted"]);
    expect((await take()).map(([, n]) => n)).toEqual([1, 2, 3]);
    room.start();
    await room.take();
    expect(room.core.publish([one])).toEqual(["duplicate"]);
    expect(missedBy({ pid: "p-a" })).toEqual([1, 2, 3]);
  });

  it("are remembered while nobody is there", () => {
    expect(room.core.publish([event(1, { id: "x" })])).toEqual(["accepted"]);
    expect(room.core.publish([event(1, { id: "x" })])).toEqual(["duplicate"]);
  });
});

describe("USER-1 ING-3 a personal room whose gateway is behind", () => {
  /** So many durable events wait for the gateway, which does not answer. */
  const fill = async (count: number) => {
    connect("g", "a");
    await settled();
    room.core.publish(Array.from({ length: count }, (_, n) => event(n)));
  };

  it("refuses durable events, and all after the first of them, and remembers none of their ids", async () => {
    await fill(10_000);
    const transient = event(1, { id: "t", delivery: "transient" });
    const batch = [transient, event(2, { id: "x" }), event(3, { id: "u", delivery: "transient" })];
    expect(room.core.publish(batch)).toEqual(["accepted", "overloaded", "overloaded"]);
    expect(room.core.publish(batch)).toEqual(["duplicate", "overloaded", "overloaded"]);
    await room.take();
    expect(room.core.publish(batch)).toEqual(["duplicate", "accepted", "accepted"]);
  });

  it("takes what is not durable up to there", async () => {
    await fill(10_000);
    expect(room.core.publish([event(1, { delivery: "transient" })])).toEqual(["accepted"]);
  });

  it("accepts again when the gateway has gone", async () => {
    await fill(10_000);
    expect(publish(1)).toEqual(["overloaded"]);
    room.core.update("g", [leave("a")]);
    expect(publish(1)).toEqual(["accepted"]);
  });

  it("sends the same frames until they arrive, in order", async () => {
    connect("g", "a");
    await room.take();
    publish(1, 2);
    publish(3);
    for (let attempt = 0; attempt < 6; attempt++) {
      room.calls.shift()?.answer.reject(new Error("unreachable"));
      await settled();
    }
    expect((await take()).map(([, n]) => n)).toEqual([1, 2, 3]);
    expect(room.lost).toEqual([]);
  });
});

describe("USER-2 coming back to a personal room", () => {
  it("moves the socket to the gateway it is on now, and ends its old connection there", async () => {
    expect(connect("g", "a")).toMatchObject({ recovered: false, socketId: "a", pid: "p-a", connection: 1 });
    await room.take();
    publish(1);
    const answer = connect("h", "new", { pid: "p-a", offset: "E1.0" });
    expect(answer).toEqual({
      recovered: true,
      socketId: "a",
      pid: "p-a",
      connection: 2,
      symbols: [],
      missed: ['["e",1,"E1.1"]'],
      logged: 1,
      subscriberCount: 1,
      epoch: 1,
      seq: 2,
    });
    expect(room.superseded).toEqual([["g", "a", 1]]);
    expect(room.sockets()).toEqual(["h/a"]);
    await room.take();
    publish(2);
    expect(await take()).toEqual([["h", 2, "E1.2"]]);
  });

  it("ends an old connection on the same gateway too", () => {
    connect("g", "a");
    connect("g", "new", { pid: "p-a" });
    connect("g", "newer", { pid: "p-a" });
    expect(room.superseded).toEqual([
      ["g", "a", 1],
      ["g", "a", 2],
    ]);
    expect(room.sockets()).toEqual(["g/a"]);
  });

  it("ends no connection where none is left", () => {
    connect("g", "a");
    room.core.update("g", [leave("a")]);
    connect("h", "new", { pid: "p-a" });
    expect(room.superseded).toEqual([]);
  });

  it("ends no connection where a new socket's gateway asks twice, for an answer was lost", () => {
    connect("g", "a");
    expect(connect("g", "a")).toMatchObject({ recovered: false, connection: 1, subscriberCount: 1 });
    expect(room.superseded).toEqual([]);
  });

  it("drops what waits for the gateway that the socket was the last one of", async () => {
    connect("g", "a");
    await room.take();
    publish(1);
    publish(2);
    connect("h", "new", { pid: "p-a" });
    expect((await take()).map(([gateway, n]) => [gateway, n])).toEqual([["g", 1]]);
    expect(room.lost).toEqual([]);
  });

  it.each([undefined, { pid: "p-a" }])(
    "ROOM-6 is not there where it could not be stored, and is when its gateway asks again: %j",
    (resume) => {
      connect("g", "a");
      room.storage.failing = /^PUT session:/;
      expect(() => connect("h", "new", resume)).toThrow("The disk is full.");
      room.storage.failing = undefined;
      expect(room.sockets()).toEqual(["g/a"]);
      expect(room.core.stats.subscribers).toBe(1);
      connect("h", "new", resume);
      expect(room.sockets()).toEqual(resume ? ["h/a"] : ["g/a", "h/new"]);
    },
  );

  it("ROOM-6 the old gateway's word changes nothing any more: neither leave nor sync", async () => {
    connect("g", "a");
    connect("h", "new", { pid: "p-a" });
    room.core.update("g", [leave("a", 1)]);
    room.core.update("g", [leave("a", 1, true)]);
    room.core.update("g", [{ op: "sync", members: [{ socketId: "a", userId: "u", connection: 1 }] }]);
    room.core.update("g", [{ op: "sync", members: [] }]);
    room.core.update("g", [{ op: "subscriptions", socketId: "a", connection: 1, symbols: ["X-Y"] }]);
    expect(room.sockets()).toEqual(["h/a"]);
    room.clock.now += WINDOW * 2;
    // Connected still, however long: the leaves were for a connection that is no more.
    expect(connect("i", "newer", { pid: "p-a" })).toMatchObject({
      recovered: true,
      connection: 3,
      symbols: [],
    });
  });

  it("ROOM-6 a gateway that knows but of an older connection has lost the newer one", () => {
    connect("g", "a");
    connect("g", "new", { pid: "p-a" });
    room.core.update("g", [{ op: "sync", members: [{ socketId: "a", userId: "u", connection: 1 }] }]);
    expect(room.sockets()).toEqual([]);
    expect(connect("h", "newer", { pid: "p-a" })).toMatchObject({ recovered: true, connection: 3 });
  });

  it("ROOM-6 a gateway that asks twice, for an answer was lost, has one socket", () => {
    connect("g", "a");
    const request: MembershipOp = {
      ...{ op: "connect", userId: "u", socketId: "new", pid: "p-new", resume: { pid: "p-a" } },
    };
    room.core.update("h", [request]);
    expect(room.core.update("h", [request])).toMatchObject([
      { socketId: "a", connection: 3, recovered: true },
    ]);
    room.core.update("h", [{ op: "sync", members: [{ socketId: "a", userId: "u", connection: 3 }] }]);
    expect(room.sockets()).toEqual(["h/a"]);
    room.core.update("h", [leave("a", 3)]);
    expect(room.sockets()).toEqual([]);
  });

  it("ROOM-4 presence does not flicker when a connection is taken over, whichever side is told first", async () => {
    connect("g", "a");
    await room.take();
    connect("h", "new", { pid: "p-a" });
    room.core.update("g", [leave("a", 1)]);
    expect(await room.take()).toEqual([]);
    connect("h", "b");
    await room.take();
    room.core.update("h", [leave("a", 2)]);
    connect("i", "newer", { pid: "p-a" });
    expect(await room.take()).toEqual([]);
  });

  it("brings the rooms that its last connection was in", () => {
    connect("g", "a");
    const record = (connection: number, ...symbols: string[]): MembershipOp => ({
      ...{ op: "subscriptions", socketId: "a", connection, symbols },
    });
    room.core.update("g", [record(1, "A-B", "C-D"), leave("a")]);
    room.start();
    expect(connect("h", "new", { pid: "p-a" }).symbols).toEqual(["A-B", "C-D"]);
    room.core.update("h", [record(2, "C-D")]);
    room.core.update("g", [record(1, "A-B")]);
    expect(connect("h", "new", { pid: "p-a" }).symbols).toEqual(["C-D"]);
  });

  it("is refused after the client's own disconnect, and after the window", () => {
    connect("g", "a");
    connect("g", "b");
    room.core.update("g", [leave("a", 1, true), leave("b")]);
    expect(connect("g", "new", { pid: "p-a" })).toMatchObject({
      recovered: false,
      socketId: "new",
      missed: [],
    });
    room.clock.now += WINDOW;
    expect(connect("g", "newer", { pid: "p-b" }).recovered).toBe(false);
  });

  it("ROOM-6 is possible after a gateway lost its sockets: the window begins when the room hears of it", () => {
    connect("g", "a");
    room.clock.now += WINDOW * 3;
    publish(1);
    room.core.update("g", [{ op: "sync", members: [] }]);
    room.clock.now += WINDOW - 1;
    expect(missedBy({ pid: "p-a" }, "h")).toEqual([1]);
  });
});

describe("USER-1 a personal room that starts anew", () => {
  it("delivers again what may not have arrived, within the settle time", async () => {
    connect("g", "a");
    await room.take();
    room.core.publish([event(1), event(2, { socketId: "a" }), event(3, { delivery: "transient" })]);
    expect(room.due("settle")).toBe(START + SETTLE);
    room.calls.splice(0);
    room.start();
    expect(await take()).toEqual([
      ["g", 1, "E1.1"],
      ["g", 2, "E1.2"],
    ]);
    room.start();
    expect((await take()).length).toBe(2);
  });

  it("delivers it before what is published then", async () => {
    connect("g", "a");
    await room.take();
    publish(1);
    room.calls.splice(0);
    room.start();
    publish(2);
    expect((await take()).map(([, n]) => n)).toEqual([1, 2]);
  });

  it("delivers nothing again that has settled", async () => {
    connect("g", "a");
    await room.take();
    publish(1);
    await room.take();
    room.clock.now += SETTLE;
    await room.alarm();
    expect(room.due("settle")).toBeUndefined();
    room.start();
    expect(await take()).toEqual([]);
    publish(2);
    await room.take();
    room.start();
    expect((await take()).map(([, n]) => n)).toEqual([2]);
  });

  it("has not settled while a gateway has not answered", async () => {
    connect("g", "a");
    await room.take();
    publish(1);
    for (let n = 1; n <= 3; n++) {
      room.clock.now += SETTLE;
      await room.alarm();
      expect(room.due("settle")).toBe(START + (n + 1) * SETTLE);
    }
    await room.take();
    room.clock.now += SETTLE;
    await room.alarm();
    expect(room.due("settle")).toBeUndefined();
  });

  it("sets no alarm for what nobody is there to get, and does not deliver it later", async () => {
    publish(1);
    expect(room.due("settle")).toBeUndefined();
    connect("g", "a");
    await room.take();
    publish(2);
    room.calls.splice(0);
    room.start();
    expect((await take()).map(([, n]) => n)).toEqual([2]);
  });
});

describe("USER-1 USER-2 a personal room tidies up", () => {
  it("after the window, with at most about two alarms in each", async () => {
    connect("g", "a");
    await room.take();
    room.core.update("g", [leave("a")]);
    const before = room.storage.alarmsSet;
    let runs = 0;
    for (let step = 0; step < 100; step++) {
      room.core.publish([event(step % MAX_EVENTS, { id: `id${step}` })]);
      room.clock.now += WINDOW / 10;
      if (room.clock.now < (room.storage.alarmAt ?? Number.POSITIVE_INFINITY)) continue;
      runs++;
      await room.alarm();
    }
    // Ten windows. Each run sets the alarm at most twice: the retry, then the next.
    expect(runs).toBeLessThanOrEqual(20);
    expect(room.storage.alarmsSet - before).toBeLessThanOrEqual(2 * runs + 1);
  });

  it("once in a window for events that come all at once", async () => {
    room.core.publish([event(1), event(2), event(3, { id: "x" })]);
    expect([room.storage.alarmsSet, room.due("trim")]).toEqual([1, START + WINDOW]);
    room.clock.now = START + WINDOW;
    await room.alarm();
    room.clock.now = room.due("trim") ?? 0;
    expect(room.clock.now).toBe(START + 1.5 * WINDOW);
    await room.alarm();
    expect(room.due("trim")).toBeUndefined();
    expect(room.core.empty).toBe(true);
  });

  it("forgets nothing while a gateway has not answered", async () => {
    connect("g", "a");
    publish(1);
    room.clock.now += 2 * WINDOW;
    await room.alarm();
    expect(room.due("trim")).toBe(room.clock.now + WINDOW / 2);
    expect(missedBy({ pid: "p-a" })).toEqual([1]);
  });

  it("forgets what has arrived, though a gateway always has something on its way", async () => {
    connect("g", "a");
    await room.take();
    for (let n = 1; n <= 3; n++) {
      publish(n);
      room.clock.now += WINDOW;
    }
    // The first went alone: the others follow its answer, and are not answered.
    room.calls.shift()?.answer.resolve(true);
    await settled();
    room.clock.now += WINDOW;
    await room.alarm();
    expect(missedBy({ pid: "p-a" })).toEqual([2, 3]);
    expect(room.due("settle")).toBe(room.clock.now + SETTLE);
    room.calls.length = 0;
    room.start();
    expect((await take()).map(([, n]) => n)).toEqual([2, 3]);
  });

  it("soon when there is far too much, down to what is kept", async () => {
    connect("g", "a");
    await room.take();
    for (let n = 1; n <= 2 * MAX_EVENTS; n++) publish(n);
    expect(room.due("trim")).toBe(START);
    await room.take();
    await room.alarm();
    expect(missedBy({ pid: "p-a" })).toBeUndefined();
    expect(missedBy({ pid: "p-a", offset: `E1.${MAX_EVENTS}` })).toHaveLength(MAX_EVENTS);
  });

  it("sets no alarm for each event while there is too much and a gateway has not answered", async () => {
    connect("g", "a");
    for (let n = 1; n <= 2 * MAX_EVENTS; n++) publish(n);
    await room.alarm();
    const before = room.storage.alarmsSet;
    for (let n = 1; n <= 5; n++) {
      room.clock.now += 1;
      publish(n);
    }
    expect(room.storage.alarmsSet).toBe(before);
  });

  it("soon when far too many connections have ended", async () => {
    const names = Array.from({ length: 201 }, (_, n) => `s${n}`);
    for (const name of names) connect("g", name);
    await room.take();
    for (const name of names) {
      expect(room.due("trim")).not.toBe(room.clock.now);
      room.clock.now += 1;
      room.core.update("g", [leave(name)]);
    }
    expect(room.due("trim")).toBe(room.clock.now);
    await room.alarm();
    expect(connect("g", "new", { pid: "p-s100" }).recovered).toBe(false);
    expect(connect("g", "newer", { pid: "p-s101" }).recovered).toBe(true);
  });

  it("after a socket that came and went, though nothing was published", async () => {
    connect("g", "a");
    room.clock.now += 5;
    room.core.update("g", [leave("a")]);
    expect([room.core.empty, room.due("trim")]).toEqual([false, room.clock.now + WINDOW]);
    room.clock.now += WINDOW;
    await room.alarm();
    expect([room.core.empty, room.due("trim")]).toEqual([true, undefined]);
  });

  it("after an event that nobody was there for, and that is not kept", () => {
    room.core.publish([event(1, { delivery: "transient" })]);
    expect(room.due("trim")).toBe(START + WINDOW);
  });

  it("is empty once its user has gone and all is old, and not before", async () => {
    expect(room.core.empty).toBe(true);
    connect("g", "a");
    expect(room.core.empty).toBe(false);
    await room.take();
    room.core.publish([event(1, { id: "x" })]);
    await room.take();
    room.core.update("g", [leave("a")]);
    expect(room.core.empty).toBe(false);
    room.clock.now += WINDOW;
    await room.alarm();
    expect(room.core.empty).toBe(false);
    room.clock.now += WINDOW / 2;
    await room.alarm();
    expect(room.core.empty).toBe(true);
    expect(room.storage.alarmAt).toBeUndefined();
  });

  it.each([
    ["an event", event(1)],
    ["an id", event(1, { id: "x", delivery: "transient" })],
  ])("is not empty while it keeps as little as %s, and comes back for that", async (_, publication) => {
    room.core.publish([publication]);
    room.clock.now += WINDOW;
    await room.alarm();
    expect([room.core.empty, room.due("trim")]).toEqual([false, room.clock.now + WINDOW / 2]);
    room.clock.now += WINDOW / 2;
    await room.alarm();
    expect([room.core.empty, room.due("trim")]).toEqual([true, undefined]);
  });

  it("at once when the client has ended its only socket and nothing was published", async () => {
    connect("g", "a");
    room.core.update("g", [leave("a", 1, true)]);
    expect(room.core.empty).toBe(true);
  });

  it("is not looked for while a user is there, of whom nothing can grow old", () => {
    connect("g", "a");
    expect([room.storage.alarmsSet, room.due("trim")]).toEqual([0, undefined]);
    room.core.update("g", [leave("a", 1, true)]);
    expect(room.due("trim")).toBe(START + WINDOW);
  });

  it("is looked for where there has been nothing but a leave", () => {
    room.core.update("g", [leave("a")]);
    expect(room.due("trim")).toBe(START + WINDOW);
  });
});
