import { beforeEach, describe, expect, it } from "vitest";
import type { Frame, MembershipOp } from "../../../src/rooms/protocol.ts";
import { RoomCore } from "../../../src/rooms/room.ts";
import { Deferred, MemoryStore, settled } from "../../support/fakes.ts";

interface Call {
  readonly gateway: string;
  readonly frames: readonly Frame[];
  readonly answer: Deferred<boolean>;
}

let store: MemoryStore;
let calls: Call[];
let lost: unknown[][];
let room: RoomCore;

const create = (presenceLimit = 500) =>
  new RoomCore({
    name: "market:BTC-USD",
    epoch: 1,
    store,
    deliver: (gateway, frames) => {
      const answer = new Deferred<boolean>();
      calls.push({ gateway, frames, answer });
      return answer.promise;
    },
    onLost: (...args) => void lost.push(args),
    presenceLimit,
    clock: () => 77,
  });

beforeEach(() => {
  store = new MemoryStore();
  calls = [];
  lost = [];
  room = create();
});

const join = (socketId: string, userId = "u"): MembershipOp => ({ op: "join", socketId, userId });
const leave = (socketId: string): MembershipOp => ({ op: "leave", socketId });
const sync = (...members: [string, string][]): MembershipOp => ({
  op: "sync",
  members: members.map(([socketId, userId]) => ({ socketId, userId })),
});

/** What was handed to gateways since the last look, answered as held. */
const take = async () => {
  const taken: [string, number, unknown][] = [];
  for (let call = calls.shift(); call !== undefined; call = calls.shift()) {
    for (const { seq, body } of call.frames) taken.push([call.gateway, seq, JSON.parse(body)]);
    call.answer.resolve(true);
    await settled();
  }
  return taken;
};

const joinedRoom = (userId: string) => ["user_joined_room", { userId, room: "market:BTC-USD", joinedAt: 77 }];
const leftRoom = (userId: string) => ["user_left_room", { userId, room: "market:BTC-USD", leftAt: 77 }];
const publish = (...numbers: number[]) => room.publish(numbers.map((n) => ({ body: `["e",${n}]` })));

describe("ROOM-4 presence", () => {
  it("is sent when a user's first socket joins and when the last leaves", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    room.update("h", [join("b", "v")]);
    expect(await take()).toEqual([
      ["g", 2, joinedRoom("v")],
      ["h", 2, joinedRoom("v")],
    ]);
    room.update("g", [join("c", "v")]);
    room.update("h", [leave("b")]);
    expect(await take()).toEqual([]);
    room.update("g", [leave("c")]);
    expect(await take()).toEqual([["g", 3, leftRoom("v")]]);
  });

  it("is not for the socket that joins: its position is after it", async () => {
    expect(room.update("g", [join("a", "u"), leave("x"), join("b", "v"), join("c", "v")])).toEqual([
      { subscriberCount: 1, epoch: 1, seq: 1 },
      undefined,
      { subscriberCount: 2, epoch: 1, seq: 2 },
      { subscriberCount: 3, epoch: 1, seq: 2 },
    ]);
  });

  it("is not sent above the limit", async () => {
    room = create(2);
    room.update("g", [join("a", "u"), join("b", "v")]);
    expect((await take()).length).toBe(2);
    room.update("g", [join("c", "w"), join("d", "x"), leave("d")]);
    expect(await take()).toEqual([]);
    room = create(0);
    room.update("g", [join("e", "y")]);
    expect(await take()).toEqual([]);
  });

  it("at the limit is not sent for a user leaving who came unannounced", async () => {
    room = create(2);
    room.update("g", [join("a", "u"), join("b", "v"), join("c", "w")]);
    expect((await take()).map(([, , event]) => event)).toEqual([joinedRoom("u"), joinedRoom("v")]);
    room.update("g", [leave("c")]);
    expect(await take()).toEqual([]);
    room.update("g", [leave("b")]);
    expect((await take()).map(([, , event]) => event)).toEqual([leftRoom("v")]);
  });

  it("ROOM-1 is not sent again for a socket that joins again", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    expect(room.update("g", [join("a", "u")])).toEqual([{ subscriberCount: 1, epoch: 1, seq: 1 }]);
    expect(await take()).toEqual([]);
  });
});

describe("ROOM-6 what a gateway says replaces what was known of it", () => {
  it("drops ghosts, adds the unknown, and touches no other gateway's sockets", async () => {
    room.update("g", [join("ghost", "gone"), join("moved", "u"), join("a", "v")]);
    room.update("h", [join("moved", "u"), join("b", "w")]);
    await take();
    room.update("g", [sync(["a", "v"], ["new", "x"])]);
    expect(room.subscriberCount).toBe(4);
    expect([...store.rows.values()].map(({ gateway, socketId }) => `${gateway}/${socketId}`).sort()).toEqual([
      "g/a",
      "g/new",
      "h/b",
      "h/moved",
    ]);
    expect((await take()).filter(([gateway]) => gateway === "h").map(([, , event]) => event)).toEqual([
      joinedRoom("x"),
      leftRoom("gone"),
    ]);
  });

  it("sends no presence for a user who has a new socket for the ghost", async () => {
    room.update("h", [join("b", "w")]);
    room.update("g", [join("ghost", "u")]);
    await take();
    room.update("g", [sync(["fresh", "u"])]);
    expect(await take()).toEqual([]);
    expect(room.subscriberCount).toBe(2);
  });

  it("a gateway that holds no socket is dropped, with presence", async () => {
    room.update("h", [join("b", "w")]);
    room.update("g", [join("a", "u")]);
    await take();
    publish(1);
    const toG = calls.find(({ gateway }) => gateway === "g");
    toG?.answer.resolve(false);
    await settled();
    expect(room.subscriberCount).toBe(1);
    calls.splice(0, calls.length, ...calls.filter((call) => call !== toG));
    expect(await take()).toEqual([
      ["h", 3, ["e", 1]],
      ["h", 4, leftRoom("u")],
    ]);
    publish(2);
    expect(await take()).toEqual([["h", 5, ["e", 2]]]);
  });

  it("a gateway is not dropped when a socket joined since the question", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    publish(1);
    room.update("g", [join("b", "u")]);
    calls.shift()?.answer.resolve(false);
    await settled();
    expect(room.subscriberCount).toBe(2);
    publish(2);
    expect(await take()).toEqual([["g", 3, ["e", 2]]]);
  });
});

describe("FAN-1 fan-out", () => {
  it("reaches every gateway once, in publish order, and only those with sockets", async () => {
    publish(0);
    room.update("g", [join("a", "u"), join("b", "u")]);
    room.update("h", [join("c", "u")]);
    await take();
    publish(1, 2);
    publish(3);
    const taken = await take();
    for (const gateway of ["g", "h"]) {
      expect(taken.filter(([name]) => name === gateway).map(([, , event]) => event)).toEqual([
        ["e", 1],
        ["e", 2],
        ["e", 3],
      ]);
    }
    expect(taken.length).toBe(6);
    room.update("g", [leave("a"), leave("b")]);
    publish(4);
    expect((await take()).map(([gateway]) => gateway)).toEqual(["h"]);
  });

  it("to a slow gateway delays no other", async () => {
    room.update("slow", [join("a", "u")]);
    room.update("fast", [join("b", "u")]);
    await take();
    publish(1);
    const slow = calls.filter(({ gateway }) => gateway === "slow");
    calls.splice(0, calls.length, ...calls.filter(({ gateway }) => gateway !== "slow"));
    await take();
    publish(2);
    publish(3);
    expect((await take()).map(([gateway, , event]) => [gateway, event])).toEqual([
      ["fast", ["e", 2]],
      ["fast", ["e", 3]],
    ]);
    slow[0]?.answer.resolve(true);
    await settled();
    expect((await take()).map(([gateway, , event]) => [gateway, event])).toEqual([
      ["slow", ["e", 2]],
      ["slow", ["e", 3]],
    ]);
  });

  it("has one batch on its way to a gateway, though its last socket left and it returned meanwhile", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    publish(1);
    publish(2);
    room.update("g", [leave("a")]);
    room.update("g", [join("b", "v")]);
    publish(3);
    room.update("g", [leave("b"), join("c", "w")]);
    publish(4);
    const [first] = calls.splice(0, 1);
    expect(first?.frames.map(({ body }) => body)).toEqual(['["e",1]']);
    expect(calls).toEqual([]);
    // Asked before the gateway returned: proves nothing of the sockets it has now.
    first?.answer.resolve(false);
    await settled();
    expect(calls.length).toBe(1);
    expect(room.subscriberCount).toBe(1);
    const events = (await take()).map(([, , event]) => event);
    expect(events).toEqual([joinedRoom("v"), ["e", 3], joinedRoom("w"), ["e", 4]]);
  });

  it("sends nothing more to a gateway that left while a batch was on its way", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    publish(1);
    publish(2);
    room.update("g", [leave("a")]);
    publish(3);
    expect((await take()).map(([, , event]) => event)).toEqual([["e", 1]]);
    room.update("g", [join("a", "u")]);
    publish(4);
    expect((await take()).map(([, , event]) => event)).toEqual([joinedRoom("u"), ["e", 4]]);
  });

  it("tells of a batch that was lost, and goes on", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    const failure = new Error("unreachable");
    publish(1, 2);
    calls.shift()?.answer.reject(failure);
    await settled();
    expect(lost).toEqual([["g", 2, failure]]);
    publish(3);
    expect(await take()).toEqual([["g", 4, ["e", 3]]]);
    expect(room.subscriberCount).toBe(1);
  });

  it("carries socketId only where one was given", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    room.publish([{ body: "[1]" }, { body: "[2]", socketId: "a" }]);
    expect(calls[0]?.frames).toEqual([
      { seq: 2, body: "[1]" },
      { seq: 3, body: "[2]", socketId: "a" },
    ]);
  });

  it("goes on after the room lost its memory", async () => {
    room.update("g", [join("a", "u")]);
    await take();
    room = create();
    expect(room.subscriberCount).toBe(1);
    publish(1);
    expect(await take()).toEqual([["g", 1, ["e", 1]]]);
  });
});
