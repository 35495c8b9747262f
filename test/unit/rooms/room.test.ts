import { beforeEach, describe, expect, it } from "vitest";
import type { Bar } from "../../../src/events/bar.ts";
import type { Delivery } from "../../../src/events/define.ts";
import type { Joined, MembershipOp, Publication } from "../../../src/rooms/protocol.ts";
import { settled } from "../../support/fakes.ts";
import { RoomHarness } from "./room-harness.ts";

let room: RoomHarness;

beforeEach(() => {
  room = new RoomHarness("market:BTC-USD");
  room.clock.now = 77;
});

const join = (socketId: string, userId = "u", connection = 1): MembershipOp => ({
  op: "join",
  socketId,
  userId,
  connection,
});
const leave = (socketId: string, connection = 1): MembershipOp => ({ op: "leave", socketId, connection });
const sync = (...members: [string, string][]): MembershipOp => ({
  op: "sync",
  members: members.map(([socketId, userId]) => ({ socketId, userId, connection: 1 })),
});

const joinedRoom = (userId: string) => ["user_joined_room", { userId, room: "market:BTC-USD", joinedAt: 77 }];
const leftRoom = (userId: string) => ["user_left_room", { userId, room: "market:BTC-USD", leftAt: 77 }];

const event = (n: number, delivery: Delivery = "transient"): Publication => ({
  body: `["e",${n}]`,
  delivery,
});
const publish = (...numbers: number[]) => room.core.publish(numbers.map((n) => event(n)));

describe("ROOM-4 presence", () => {
  it("is sent when a user's first socket joins and when the last leaves", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    room.core.update("h", [join("b", "v")]);
    expect(await room.take()).toEqual([
      ["g", 2, joinedRoom("v")],
      ["h", 2, joinedRoom("v")],
    ]);
    room.core.update("g", [join("c", "v")]);
    room.core.update("h", [leave("b")]);
    expect(await room.take()).toEqual([]);
    room.core.update("g", [leave("c")]);
    expect(await room.take()).toEqual([["g", 3, leftRoom("v")]]);
  });

  it("is not for the socket that joins: its position is after it", async () => {
    expect(room.core.update("g", [join("a", "u"), leave("x"), join("b", "v"), join("c", "v")])).toEqual([
      { subscriberCount: 1, epoch: 1, seq: 1 },
      undefined,
      { subscriberCount: 2, epoch: 1, seq: 2 },
      { subscriberCount: 3, epoch: 1, seq: 2 },
    ]);
  });

  it("is not sent above the limit", async () => {
    room.start({ presenceLimit: 2 });
    room.core.update("g", [join("a", "u"), join("b", "v")]);
    expect((await room.take()).length).toBe(2);
    room.core.update("g", [join("c", "w"), join("d", "x"), leave("d")]);
    expect(await room.take()).toEqual([]);
    room.start({ presenceLimit: 0 });
    room.core.update("g", [join("e", "y")]);
    expect(await room.take()).toEqual([]);
  });

  it("at the limit is not sent for a user leaving who came unannounced", async () => {
    room.start({ presenceLimit: 2 });
    room.core.update("g", [join("a", "u"), join("b", "v"), join("c", "w")]);
    expect((await room.take()).map(([, , event]) => event)).toEqual([joinedRoom("u"), joinedRoom("v")]);
    room.core.update("g", [leave("c")]);
    expect(await room.take()).toEqual([]);
    room.core.update("g", [leave("b")]);
    expect((await room.take()).map(([, , event]) => event)).toEqual([leftRoom("v")]);
  });

  it("ROOM-1 is not sent again for a socket that joins again", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    expect(room.core.update("g", [join("a", "u")])).toEqual([{ subscriberCount: 1, epoch: 1, seq: 1 }]);
    expect(await room.take()).toEqual([]);
  });
});

describe("ROOM-6 what a gateway says replaces what was known of it", () => {
  it("drops ghosts, adds the unknown, and touches no other gateway's sockets", async () => {
    room.core.update("g", [join("ghost", "gone"), join("moved", "u"), join("a", "v")]);
    room.core.update("h", [join("moved", "u"), join("b", "w")]);
    await room.take();
    room.core.update("g", [sync(["a", "v"], ["new", "x"])]);
    expect(room.core.stats.subscribers).toBe(4);
    expect(room.sockets()).toEqual(["g/a", "g/new", "h/b", "h/moved"]);
    expect((await room.take()).filter(([gateway]) => gateway === "h").map(([, , event]) => event)).toEqual([
      joinedRoom("x"),
      leftRoom("gone"),
    ]);
  });

  it("sends no presence for a user who has a new socket for the ghost", async () => {
    room.core.update("h", [join("b", "w")]);
    room.core.update("g", [join("ghost", "u")]);
    await room.take();
    room.core.update("g", [sync(["fresh", "u"])]);
    expect(await room.take()).toEqual([]);
    expect(room.core.stats.subscribers).toBe(2);
  });

  it("a gateway that holds no socket is dropped, with presence", async () => {
    room.core.update("h", [join("b", "w")]);
    room.core.update("g", [join("a", "u")]);
    await room.take();
    publish(1);
    const toG = room.calls.find(({ gateway }) => gateway === "g");
    toG?.answer.resolve(false);
    await settled();
    expect(room.core.stats.subscribers).toBe(1);
    room.calls.splice(0, room.calls.length, ...room.calls.filter((call) => call !== toG));
    expect(await room.take()).toEqual([
      ["h", 3, ["e", 1]],
      ["h", 4, leftRoom("u")],
    ]);
    publish(2);
    expect(await room.take()).toEqual([["h", 5, ["e", 2]]]);
  });

  it("a gateway is not dropped when a socket joined since the question", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    publish(1);
    room.core.update("g", [join("b", "u")]);
    room.calls.shift()?.answer.resolve(false);
    await settled();
    expect(room.core.stats.subscribers).toBe(2);
    publish(2);
    expect(await room.take()).toEqual([["g", 3, ["e", 2]]]);
  });
});

describe("FAN-1 fan-out", () => {
  it("reaches every gateway once, in publish order, and only those with sockets", async () => {
    publish(0);
    room.core.update("g", [join("a", "u"), join("b", "u")]);
    room.core.update("h", [join("c", "u")]);
    await room.take();
    publish(1, 2);
    publish(3);
    const taken = await room.take();
    for (const gateway of ["g", "h"]) {
      expect(taken.filter(([name]) => name === gateway).map(([, , event]) => event)).toEqual([
        ["e", 1],
        ["e", 2],
        ["e", 3],
      ]);
    }
    expect(taken.length).toBe(6);
    room.core.update("g", [leave("a"), leave("b")]);
    publish(4);
    expect((await room.take()).map(([gateway]) => gateway)).toEqual(["h"]);
  });

  it("to a slow gateway delays no other", async () => {
    room.core.update("slow", [join("a", "u")]);
    room.core.update("fast", [join("b", "u")]);
    await room.take();
    publish(1);
    const slow = room.calls.filter(({ gateway }) => gateway === "slow");
    room.calls.splice(0, room.calls.length, ...room.calls.filter(({ gateway }) => gateway !== "slow"));
    await room.take();
    publish(2);
    publish(3);
    expect((await room.take()).map(([gateway, , event]) => [gateway, event])).toEqual([
      ["fast", ["e", 2]],
      ["fast", ["e", 3]],
    ]);
    slow[0]?.answer.resolve(true);
    await settled();
    expect((await room.take()).map(([gateway, , event]) => [gateway, event])).toEqual([
      ["slow", ["e", 2]],
      ["slow", ["e", 3]],
    ]);
  });

  it("asked before a gateway returned proves nothing of the sockets it has then", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    publish(1);
    publish(2);
    room.core.update("g", [leave("a")]);
    room.core.update("g", [join("b", "v")]);
    publish(3);
    room.core.update("g", [leave("b"), join("c", "w")]);
    publish(4);
    const [first] = room.calls.splice(0, 1);
    expect(first?.frames.map(({ body }) => body)).toEqual(['["e",1]']);
    first?.answer.resolve(false);
    await settled();
    expect(room.core.stats.subscribers).toBe(1);
    expect((await room.take()).map(([, , event]) => event).slice(-2)).toEqual([joinedRoom("w"), ["e", 4]]);
  });

  it("sends nothing more to a gateway that left while a batch was on its way", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    publish(1);
    publish(2);
    room.core.update("g", [leave("a")]);
    publish(3);
    expect((await room.take()).map(([, , event]) => event)).toEqual([["e", 1]]);
    room.core.update("g", [join("a", "u")]);
    publish(4);
    expect((await room.take()).map(([, , event]) => event)).toEqual([joinedRoom("u"), ["e", 4]]);
  });

  it("tells of a batch that was lost, and goes on", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    const failure = new Error("unreachable");
    publish(1, 2);
    room.calls.shift()?.answer.reject(failure);
    await settled();
    expect(room.lost).toEqual([[["g"], 2, failure]]);
    expect(room.core.stats).toMatchObject({ published: 2, lost: 2 });
    publish(3);
    expect(await room.take()).toEqual([["g", 4, ["e", 3]]]);
    expect(room.core.stats.subscribers).toBe(1);
  });

  it("carries socketId only where one was given", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    room.core.publish([
      { body: "[1]", delivery: "transient" },
      { body: "[2]", delivery: "transient", socketId: "a" },
    ]);
    expect(room.calls[0]?.frames).toEqual([
      { seq: 2, body: "[1]" },
      { seq: 3, body: "[2]", socketId: "a" },
    ]);
  });

  it("goes on after the room lost its memory", async () => {
    room.core.update("g", [join("a", "u")]);
    await room.take();
    room.start();
    expect(room.core.stats.subscribers).toBe(1);
    publish(1);
    expect(await room.take()).toEqual([["g", 1, ["e", 1]]]);
  });

  it("of what is for one socket is one call to the one gateway that holds it", async () => {
    room.core.update("g", [join("a", "u")]);
    room.core.update("h", [join("b", "u")]);
    await room.take();
    room.core.publish([{ ...event(1), socketId: "b" }, { ...event(2), socketId: "elsewhere" }, event(3)]);
    expect(room.calls.map(({ gateway, frames }) => [gateway, frames.map(({ seq }) => seq)])).toEqual([
      ["g", [4]],
      ["h", [2, 4]],
    ]);
    await room.take();
    room.core.publish([
      { ...event(4), socketId: "b" },
      { ...event(5), socketId: "elsewhere" },
    ]);
    expect(room.calls.map(({ gateway }) => gateway)).toEqual(["h"]);
  });
});

describe("ING-3 publishing into a market room", () => {
  it("accepts an id once in the window, with whatever body", async () => {
    room.core.update("g", [join("a")]);
    await room.take();
    const one = { ...event(1), id: "x" };
    expect(room.core.publish([one, event(2), { ...event(3), id: "x" }, { ...event(4), id: "y" }])).toEqual([
      "accepted",
      "accepted",
      "duplicate",
      "accepted",
    ]);
    room.start();
    expect(room.core.publish([one])).toEqual(["duplicate"]);
    expect((await room.take()).map(([, , body]) => body)).toEqual([
      ["e", 1],
      ["e", 2],
      ["e", 4],
    ]);
  });

  it("forgets ids after the window, with one alarm for many", async () => {
    const { clock, storage } = room;
    for (const id of ["a", "b", "c"]) {
      room.core.publish([{ ...event(1), id }]);
      clock.now += 1;
    }
    expect([storage.alarmsSet, storage.alarmAt]).toEqual([1, 77 + RoomHarness.WINDOW]);
    clock.now = 77 + RoomHarness.WINDOW + 2;
    await room.alarm();
    expect(room.core.publish([{ ...event(1), id: "b" }])).toEqual(["accepted"]);
    expect(room.core.publish([{ ...event(1), id: "c" }])).toEqual(["duplicate"]);
    expect(room.core.empty).toBe(false);
  });

  it("logs nothing, whatever the class", async () => {
    room.core.update("g", [join("a")]);
    await room.take();
    room.core.publish([event(1, "durable"), event(2, "volatile")]);
    expect(room.calls[0]?.frames).toEqual([
      { seq: 2, body: '["e",1]' },
      { seq: 3, body: '["e",2]' },
    ]);
  });

  it("lets no socket connect there", () => {
    expect(() => room.core.update("g", [{ op: "connect", socketId: "a", userId: "u", pid: "p" }])).toThrow(
      "A socket connects to its personal room.",
    );
    expect(room.sockets()).toEqual([]);
  });
});

describe("MKT-2 a market room's state", () => {
  const bar = (timestamp: number, venue?: string): Bar => ({
    ...{ open: "1.0", high: 2, low: "0.5", close: 1, volume: timestamp, timestamp },
    ...(venue !== undefined && { venue }),
  });
  const live = (timestamp: number, venue?: string): Publication => ({
    ...event(timestamp, "volatile"),
    bar: bar(timestamp, venue),
  });
  const book = (at: number): Publication => ({ ...event(at, "volatile"), snapshot: { key: "book", at } });
  const come = (socketId: string): MembershipOp => ({
    op: "join",
    snapshot: true,
    socketId,
    userId: "u",
    connection: 2,
  });
  /** What a socket that comes now is sent. */
  const state = (): unknown[] => {
    const [joined] = room.core.update("g", [come("x")]) as [Joined];
    return (joined.snapshot ?? []).map((body) => JSON.parse(body));
  };
  const initial = (...series: Bar[]) => ["market_chart_initial_data", { symbol: "BTC-USD", series }];

  it("is in the answer to a join that asks for it, and in no other", () => {
    room.core.publish([live(1), live(3), live(2), live(2, "other"), event(4)]);
    const [asked, plain] = room.core.update("g", [come("b"), join("c")]);
    const body = JSON.stringify(initial(bar(1), bar(2), bar(2, "other"), bar(3)));
    expect(asked).toEqual({ subscriberCount: 1, epoch: 1, seq: 6, snapshot: [body] });
    expect(plain).toEqual({ subscriberCount: 2, epoch: 1, seq: 6 });
  });

  it("is told to have no bars if it has none", () => {
    expect(state()).toEqual([initial()]);
  });

  it("is told as of the position from which on the socket gets frames", async () => {
    room.core.update("g", [join("a")]);
    await room.take();
    const seen: unknown[] = [];
    for (const n of [1, 2, 3]) {
      room.core.publish([live(n)]);
      const [joined] = room.core.update("g", [come(`s${n}`)]) as [Joined];
      const last = joined.snapshot?.[0] ?? "";
      const newest = (JSON.parse(last) as [string, { series: Bar[] }])[1].series.at(-1)?.timestamp;
      const frames = (await room.take()).filter(([, , body]) => JSON.stringify(body) === `["e",${n}]`);
      seen.push([newest, frames.every(([, seq]) => seq <= joined.seq)]);
    }
    expect(seen).toEqual([
      [1, true],
      [2, true],
      [3, true],
    ]);
  });

  it("is one array for all who come at a time, and is made anew when it changes", () => {
    room.core.publish([live(1)]);
    const [a, b] = room.core.update("g", [come("a"), come("b")]) as [Joined, Joined];
    expect(a.snapshot).toBe(b.snapshot);
    room.core.publish([event(9)]);
    const [c] = room.core.update("g", [come("c")]) as [Joined];
    expect(c.snapshot).toBe(a.snapshot);
    room.core.publish([live(2)]);
    expect(state()).toEqual([initial(bar(1), bar(2))]);
    expect(a.snapshot).toEqual([JSON.stringify(initial(bar(1)))]);
  });

  it("has the newest order book after the bars", () => {
    room.core.publish([book(5), live(9), book(7), book(6)]);
    expect(state()).toEqual([initial(bar(9)), ["e", 7]]);
    room.timers.pass(1_000);
    room.start();
    expect(state()).toEqual([initial(bar(9)), ["e", 7]]);
  });

  it("is written a second after it changed, however often it changes meanwhile", () => {
    room.core.publish([live(1)]);
    room.timers.pass(600);
    room.core.publish([live(2), live(2, "other")]);
    expect(room.timers.pending).toEqual([400]);
    room.timers.pass(399);
    room.start();
    expect(state()).toEqual([initial()]);
  });

  it("is written with the id of what will not be published again", () => {
    room.core.publish([{ ...live(1), id: "i1" }, live(2)]);
    room.start();
    expect(room.core.publish([{ ...live(1), id: "i1" }])).toEqual(["duplicate"]);
    expect(state()).toEqual([initial(bar(1), bar(2))]);
  });

  it("is not written for what tells nothing of it", () => {
    room.core.publish([event(1), { ...event(2), id: "i" }]);
    expect(room.timers.pending).toEqual([]);
  });

  it("outlives the room from then on", () => {
    room.core.publish([live(1)]);
    room.core.publish([live(2)]);
    room.timers.pass(1_000);
    room.core.publish([live(3)]);
    room.start();
    expect(state()).toEqual([initial(bar(1), bar(2))]);
    room.core.publish([live(1), live(4)]);
    room.timers.pass(1_000);
    room.start();
    expect(state()).toEqual([initial(bar(1), bar(2), bar(4))]);
  });

  it("loses what is too old within the window after it was written, and costs no more alarms than that", async () => {
    const { RETENTION, WINDOW } = RoomHarness;
    room.clock.now = 1_000_000;
    const set = room.storage.alarmsSet;
    for (const back of [RETENTION + 1, RETENTION, 0]) {
      room.core.publish([live(room.clock.now - back)]);
      room.timers.pass(1_000);
    }
    expect(room.storage.alarmsSet).toBe(set + 1);
    expect(room.due("trim")).toBe(1_000_000 + WINDOW);
    room.clock.now += WINDOW;
    await room.alarm();
    expect(state()).toEqual([initial(bar(1_000_000 - RETENTION), bar(1_000_000))]);
    expect(room.due("trim")).toBeUndefined();
    room.start();
    expect(state()).toEqual([initial(bar(1_000_000 - RETENTION), bar(1_000_000))]);
  });

  it("loses what is too old piece by piece, if it is much", async () => {
    room.core.publish([live(RoomHarness.RETENTION + 20_000)]);
    room.core.publish(Array.from({ length: 10_001 }, (_, n) => live(n)));
    room.timers.pass(1_000);
    const stored = () =>
      room.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM bars").toArray()[0]?.n;
    room.clock.now = 1_000_000;
    await room.alarm();
    expect([stored(), room.due("trim")]).toEqual([2, 1_005_000]);
    room.clock.now = 1_005_000;
    await room.alarm();
    expect([stored(), room.due("trim")]).toEqual([1, undefined]);
  });
});
