import { beforeEach, describe, expect, it } from "vitest";
import { type RecoverableSession, Sessions } from "../../../src/rooms/sessions.ts";
import { TestStorage } from "../../support/sqlite.ts";

let storage: TestStorage;
let sessions: Sessions;

beforeEach(() => {
  storage = new TestStorage();
  sessions = new Sessions(storage.kv);
});

const session = (n: number | string, rest: Partial<RecoverableSession> = {}): RecoverableSession => ({
  pid: `p${n}`,
  socketId: `s${n}`,
  connection: 1,
  symbols: [],
  base: 0,
  leftAt: undefined,
  gateway: undefined,
  ...rest,
});

/** The sessions still known, in this life of the object and in the next. */
const known = (...names: (number | string)[]) => {
  const found = (in_: Sessions) => names.filter((n) => in_.find(`p${n}`, Number.NEGATIVE_INFINITY));
  expect(found(new Sessions(storage.kv))).toEqual(found(sessions));
  return found(sessions);
};

describe("USER-2 sessions", () => {
  it("are found while connected, however long, and for a time after", () => {
    sessions.put(session(1));
    expect(sessions.find("p1", 1_000)).toEqual(session(1));
    sessions.left("s1", 50, false);
    expect(sessions.find("p1", 49)).toEqual(session(1, { leftAt: 50 }));
    expect(sessions.find("p1", 50)).toBeUndefined();
    expect(sessions.find("s1", 0)).toBeUndefined();
    expect(sessions.find("p2", 0)).toBeUndefined();
  });

  it("are gone once the client has ended them itself", () => {
    sessions.put(session(1));
    sessions.put(session(2));
    sessions.left("s1", 50, true);
    sessions.left("s1", 51, false);
    sessions.left("unknown", 51, true);
    expect(known(1, 2)).toEqual([2]);
    expect(sessions.oldestLeftAt).toBeUndefined();
  });

  it("outlive the object with all that is known of them", () => {
    const all = session(1, { connection: 3, symbols: ["BTC-USD", "ETH-USD"], base: 7, leftAt: 9 });
    sessions.put(all);
    sessions.put(session(2));
    sessions = new Sessions(storage.kv);
    expect(sessions.find("p1", 0)).toEqual(all);
    expect(sessions.find("p2", 0)).toEqual(session(2));
    expect(sessions.oldestLeftAt).toBe(9);
    sessions.left("s2", 8, false);
    expect(sessions.oldestLeftAt).toBe(8);
  });

  it("are replaced when their socket comes back", () => {
    sessions.put(session(1, { leftAt: 5 }));
    sessions.put(session(1, { connection: 2 }));
    expect(sessions.find("p1", 100)).toEqual(session(1, { connection: 2 }));
    expect(sessions.oldestLeftAt).toBeUndefined();
  });

  it("take the rooms of their present connection, and no other's", () => {
    sessions.put(session(1, { connection: 2, symbols: ["A-B"] }));
    for (const connection of [1, 3]) sessions.subscriptions("s1", connection, ["X-Y"]);
    sessions.subscriptions("unknown", 2, ["X-Y"]);
    expect(sessions.find("p1", 0)?.symbols).toEqual(["A-B"]);
    sessions.subscriptions("s1", 2, ["C-D", "E-F"]);
    expect(sessions.find("p1", 0)?.symbols).toEqual(["C-D", "E-F"]);
    expect(new Sessions(storage.kv).find("p1", 0)?.symbols).toEqual(["C-D", "E-F"]);
  });
});

describe("USER-2 sessions in the course of time", () => {
  it("who is connected asks for nothing that is older than its connection can be behind", () => {
    sessions.put(session(1, { base: 2 }));
    sessions.put(session(2, { base: 9 }));
    sessions.put(session(3, { base: 2, leftAt: 5 }));
    sessions.advance(7);
    const bases = (of: Sessions) => [1, 2, 3].map((n) => of.find(`p${n}`, 0)?.base);
    expect(bases(sessions)).toEqual([7, 9, 2]);
    expect(bases(new Sessions(storage.kv))).toEqual([7, 9, 2]);
  });

  it("those that ended too long ago are forgotten", () => {
    for (const n of [1, 2, 3]) sessions.put(session(n, { leftAt: n }));
    sessions.put(session(4));
    sessions.trim(2);
    expect(known(1, 2, 3, 4)).toEqual([3, 4]);
    expect(sessions.oldestLeftAt).toBe(3);
  });

  it("of those that ended at most the latest 100 are kept, and all that are connected", () => {
    for (let n = 1; n <= 120; n++) sessions.put(session(n));
    // They end in an order of their own.
    for (let n = 103; n >= 1; n--) sessions.left(`s${n}`, 1_000 - n, false);
    sessions.trim(0);
    const all = Array.from({ length: 120 }, (_, n) => n + 1);
    expect(known(...all)).toEqual(all.filter((n) => n <= 100 || n > 103));
  });

  it("are too many at more than twice as many that have ended", () => {
    for (let n = 1; n <= 300; n++) sessions.put(session(n));
    expect(sessions.full).toBe(false);
    for (let n = 1; n <= 200; n++) sessions.left(`s${n}`, n, false);
    expect(sessions.full).toBe(false);
    sessions.left("s201", 201, false);
    expect(sessions.full).toBe(true);
    sessions.trim(0);
    expect(sessions.full).toBe(false);
  });
});
