import { beforeEach, describe, expect, it } from "vitest";
import { Memberships, type RoomRegister } from "../../../src/gateway/memberships.ts";
import type { Member, MembershipOp } from "../../../src/rooms/protocol.ts";
import { ScriptedRooms, settled } from "../../support/fakes.ts";

class FakeRegister implements RoomRegister {
  readonly rooms = new Set<string>();
  readonly stales = new Set<string>();
  readonly log: string[] = [];

  all(): string[] {
    return [...this.rooms];
  }

  stale(): string[] {
    return [...this.stales];
  }

  mark(room: string, stale: boolean): void {
    if (stale) this.stales.add(room);
    else this.stales.delete(room);
  }

  add(room: string): void {
    this.log.push(`+${room}`);
    this.rooms.add(room);
  }

  remove(room: string): void {
    this.log.push(`-${room}`);
    this.rooms.delete(room);
  }
}

let register: FakeRegister;
let rooms: ScriptedRooms;
let members: Map<string, Member[]>;
let stale: (readonly [string, unknown])[];
/** Rooms of which the truth is open. */
let open: Set<string>;
let truth: (room: string) => MembershipOp[] | undefined;
let memberships: Memberships;

const create = () =>
  new Memberships({
    register,
    holds: (room) => (members.get(room) ?? []).length > 0,
    truth: (room) => truth(room),
    update: rooms.update,
    onStale: (room, error) => void stale.push([room, error]),
  });

beforeEach(() => {
  register = new FakeRegister();
  rooms = new ScriptedRooms();
  members = new Map();
  stale = [];
  open = new Set();
  truth = (room) => (open.has(room) ? undefined : [{ op: "sync", members: members.get(room) ?? [] }]);
  memberships = create();
});

const member = (socketId: string): Member => ({ socketId, userId: "u", connection: 1 });

/** Joins as the application does: the gateway holds the socket before the room is told. */
const join = (room: string, socketId: string) => {
  members.set(room, [...(members.get(room) ?? []), member(socketId)]);
  return memberships.join(room, member(socketId));
};

const leave = (room: string, socketId: string) => {
  members.set(
    room,
    (members.get(room) ?? []).filter((one) => one.socketId !== socketId),
  );
  memberships.leave(room, { socketId, connection: 1 });
};

const ops = () => rooms.calls.map(({ room, ops }) => [room, ...ops.map((op) => JSON.stringify(op))]);
const joinOp = (socketId: string) => `{"op":"join","socketId":"${socketId}","userId":"u","connection":1}`;
const leaveOp = (socketId: string) => `{"op":"leave","socketId":"${socketId}","connection":1}`;

describe("memberships", () => {
  it("resolve a join with the room's answer", async () => {
    const joined = join("r", "a");
    expect(ops()).toEqual([["r", joinOp("a")]]);
    await rooms.answer({ subscriberCount: 3, epoch: 6, seq: 9 });
    expect(await joined).toEqual({ ok: true, value: { subscriberCount: 3, epoch: 6, seq: 9 } });
  });

  it("keep one call in flight a room and send what came meanwhile together, in order", async () => {
    void join("r", "a");
    void join("r", "b");
    leave("r", "a");
    void join("r", "c");
    expect(ops()).toEqual([["r", joinOp("a")]]);
    await rooms.answer();
    expect(ops()).toEqual([["r", joinOp("b"), leaveOp("a"), joinOp("c")]]);
    await rooms.answer();
    expect(ops()).toEqual([]);
  });

  it("give each join the answer at its own place", async () => {
    void join("r", "a");
    leave("r", "a");
    const b = join("r", "b");
    const c = join("r", "c");
    await rooms.answer();
    const call = rooms.next();
    call.answer.resolve([
      undefined,
      { subscriberCount: 1, epoch: 1, seq: 1 },
      { subscriberCount: 2, epoch: 1, seq: 2 },
    ]);
    expect(await b).toMatchObject({ value: { seq: 1 } });
    expect(await c).toMatchObject({ value: { seq: 2 } });
  });

  it("tell different rooms side by side", () => {
    void join("r", "a");
    void join("q", "a");
    expect(ops()).toEqual([
      ["r", joinOp("a")],
      ["q", joinOp("a")],
    ]);
  });

  it("send at most 500 changes in one call", async () => {
    for (let i = 0; i <= 501; i++) void join("r", `s${i}`);
    await rooms.answer();
    expect(rooms.calls.map(({ ops }) => ops.length)).toEqual([500]);
    await rooms.answer();
    expect(rooms.calls.map(({ ops }) => ops.length)).toEqual([1]);
  });

  it("USER-2 resolve a connect with the personal room's answer, register it, and tell it of subscriptions", async () => {
    const connected = memberships.connect("user:u", { userId: "u", socketId: "a", pid: "p" });
    expect(register.log).toEqual(["+user:u"]);
    members.set("user:u", [member("a")]);
    const recorded = memberships.subscriptions("user:u", { socketId: "a", connection: 2, symbols: ["B-C"] });
    const { ops: asked } = await rooms.answer({ recovered: true, socketId: "former", connection: 2 });
    expect(asked).toEqual([{ op: "connect", userId: "u", socketId: "a", pid: "p" }]);
    expect(await connected).toMatchObject({
      ok: true,
      value: { socketId: "former", pid: "p", connection: 2 },
    });
    const { ops: told } = await rooms.answer();
    expect(told).toEqual([{ op: "subscriptions", socketId: "a", connection: 2, symbols: ["B-C"] }]);
    expect((await recorded).ok).toBe(true);
    expect(register.log).toEqual(["+user:u"]);
  });

  it("USER-2 fail a connect, and a change of subscriptions, that the room could not be told of", async () => {
    const connected = memberships.connect("user:u", { userId: "u", socketId: "a", pid: "p" });
    const recorded = memberships.subscriptions("user:u", { socketId: "b", connection: 1, symbols: [] });
    await rooms.fail();
    await rooms.fail();
    expect(await connected).toEqual({ ok: false, error: "unavailable" });
    expect(await recorded).toEqual({ ok: false, error: "unavailable" });
    expect([...memberships.stale]).toEqual(["user:u"]);
  });

  it("USER-2 hand on that a socket is not to return", () => {
    memberships.leave("user:u", { socketId: "a", connection: 3, final: true });
    expect(rooms.next().ops).toEqual([{ op: "leave", socketId: "a", connection: 3, final: true }]);
  });

  it("call a join without an answer unavailable", async () => {
    const joined = join("r", "a");
    rooms.next().answer.resolve([]);
    expect(await joined).toEqual({ ok: false, error: "unavailable" });
  });
});

describe("ROOM-6 the register", () => {
  it("is written before the first join is sent, once, and cleared after the last leave was heard", async () => {
    const update = rooms.update;
    const seen: string[][] = [];
    memberships = new Memberships({
      register,
      holds: (room) => (members.get(room) ?? []).length > 0,
      truth: (room) => truth(room),
      update: (room, ops) => {
        seen.push([...register.log]);
        return update(room, ops);
      },
      onStale: () => {},
    });
    void join("r", "a");
    expect(seen).toEqual([["+r"]]);
    void join("r", "b");
    await rooms.answerAll();
    leave("r", "a");
    await rooms.answerAll();
    leave("r", "b");
    expect(register.log).toEqual(["+r"]);
    await rooms.answerAll();
    expect(register.log).toEqual(["+r", "-r"]);
    void join("r", "a");
    expect(register.log).toEqual(["+r", "-r", "+r"]);
  });

  it("keeps a room that is joined again while the last leave is on its way", async () => {
    void join("r", "a");
    await rooms.answerAll();
    leave("r", "a");
    void join("r", "b");
    await rooms.answerAll();
    expect(register.log).toEqual(["+r"]);
  });
});

describe("ROOM-6 a room that cannot be told", () => {
  it("fails the joins of that call, is stale, and keeps its place in the register", async () => {
    const failure = new Error("unreachable");
    const a = join("r", "a");
    await rooms.fail(failure);
    expect(await a).toEqual({ ok: false, error: "unavailable" });
    expect(stale).toEqual([["r", failure]]);
    expect([...memberships.stale]).toEqual(["r"]);
    leave("r", "a");
    await rooms.answerAll();
    expect(register.log).toEqual(["+r"]);
  });

  it("is one, too, that may have counted a socket in without being heard", () => {
    memberships.doubt("r");
    expect(stale).toEqual([["r", undefined]]);
    expect([...memberships.stale]).toEqual(["r"]);
  });

  it("does not fail the changes of the next call", async () => {
    const a = join("r", "a");
    const b = join("r", "b");
    await rooms.fail();
    await rooms.answer({ seq: 4 });
    expect(await a).toMatchObject({ ok: false });
    expect(await b).toMatchObject({ ok: true, value: { seq: 4 } });
  });

  it("is told the whole truth by reconcile, in turn with other changes", async () => {
    void join("r", "a");
    await rooms.fail();
    void join("r", "b");
    const reconciled = memberships.reconcile(10);
    leave("r", "a");
    expect(memberships.stale.size).toBe(0);
    await rooms.answer();
    expect(ops()).toEqual([
      ["r", JSON.stringify({ op: "sync", members: [member("a"), member("b")] }), leaveOp("a")],
    ]);
    await rooms.answer();
    await reconciled;
    expect(register.rooms).toEqual(new Set(["r"]));
  });

  it("leaves the register once it has heard that nobody is left", async () => {
    void join("r", "a");
    await rooms.fail();
    leave("r", "a");
    await rooms.answer();
    const reconciled = memberships.reconcile(10);
    expect(ops()).toEqual([["r", '{"op":"sync","members":[]}']]);
    await rooms.answer();
    await reconciled;
    expect(register.log).toEqual(["+r", "-r"]);
  });

  it("stays stale when reconcile fails too", async () => {
    void join("r", "a");
    await rooms.fail();
    const reconciled = memberships.reconcile(10);
    await rooms.fail();
    await reconciled;
    expect([...memberships.stale]).toEqual(["r"]);
    expect(stale.length).toBe(2);
  });

  it("whose truth is open stays stale and untold, and counts as failed", async () => {
    void join("r", "a");
    await rooms.fail();
    open.add("r");
    expect(await memberships.reconcile(10)).toBe(1);
    expect(rooms.calls).toEqual([]);
    expect([...memberships.stale]).toEqual(["r"]);
    open.clear();
    const reconciled = memberships.reconcile(10);
    await rooms.answerAll();
    expect(await reconciled).toBe(0);
    expect(memberships.stale.size).toBe(0);
  });

  it("is told all of a truth of several changes, in order, and is stale again when one fails", async () => {
    void join("r", "a");
    await rooms.fail();
    const whole: MembershipOp[] = [
      { op: "sync", members: [member("a")] },
      { op: "subscriptions", socketId: "a", connection: 1, symbols: ["B-C"] },
    ];
    truth = () => whole;
    const failing = memberships.reconcile(10);
    const { ops: first } = await rooms.answer();
    const { ops: second } = await rooms.fail();
    expect([...first, ...second]).toEqual(whole);
    expect(await failing).toBe(1);
    expect([...memberships.stale]).toEqual(["r"]);
  });

  it("is one of at most `limit` reconciled at once", async () => {
    for (const room of ["p", "q", "r"]) {
      void join(room, "a");
      await rooms.fail();
    }
    void memberships.reconcile(2);
    expect(rooms.calls.map(({ room }) => room)).toEqual(["p", "q"]);
    expect([...memberships.stale]).toEqual(["r"]);
  });
});

describe("ROOM-6 a gateway that lost its memory", () => {
  it("still knows which rooms are stale, until they have been told", async () => {
    members.set("r", [member("a")]);
    void join("r", "a");
    await rooms.fail();
    memberships = create();
    memberships.findStale();
    expect([...memberships.stale]).toEqual(["r"]);
    void memberships.reconcile(10);
    expect(register.stale()).toEqual(["r"]);
    await rooms.answerAll();
    await settled();
    expect(register.stale()).toEqual([]);
  });
});

describe("ROOM-6 a gateway that lost its sockets", () => {
  it("finds the rooms where it has none left, and tells them", async () => {
    register.rooms.add("lost").add("kept");
    members.set("kept", [member("a")]);
    memberships = create();
    expect(memberships.stale.size).toBe(0);
    memberships.findStale();
    expect([...memberships.stale]).toEqual(["lost"]);
    void memberships.reconcile(10);
    expect(ops()).toEqual([["lost", '{"op":"sync","members":[]}']]);
    await rooms.answerAll();
    await settled();
    expect(register.log).toEqual(["-lost"]);
    expect([...register.rooms]).toEqual(["kept"]);
  });
});
