import { beforeEach, describe, expect, it } from "vitest";
import type { Resume } from "../../../src/rooms/protocol.ts";
import { Recovery } from "../../../src/rooms/recovery.ts";
import { TestStorage } from "../../support/sqlite.ts";

const WINDOW = 1_000;
const HEARTBEAT = 100;
const MAX_EVENTS = 10;

let storage: TestStorage;
let now: number;
let recovery: Recovery;

const create = (in_ = storage, epoch = "E") =>
  new Recovery(in_, epoch, { windowMs: WINDOW, maxEvents: MAX_EVENTS, heartbeatMs: HEARTBEAT });

beforeEach(() => {
  storage = new TestStorage();
  now = 10_000;
  recovery = create();
});

/** A socket comes, as `s<name>` with the private id `p<name>` unless it is recovered. */
const connect = (name: string, resume?: Resume) =>
  recovery.connect("g", { socketId: `s${name}`, pid: `p${name}`, ...(resume && { resume }) }, now);

/** Logs events `["e",<n>]`. */
const log = (from: number, to = from, socketId?: string) => {
  for (let n = from; n <= to; n++) recovery.log.append(`["e",${n}]`, socketId, now);
};

const leave = (name: string, final = false) => recovery.sessions.left(`s${name}`, now, final);

/** What a recovery brings: the number of each event missed; `undefined` if it is none. */
const resume = (pid: string, offset?: string) => {
  const { missed } = connect("new", offset === undefined ? { pid } : { pid, offset });
  return missed?.map(({ body }) => (JSON.parse(body) as [string, number])[1]);
};

describe("USER-2 a socket that comes", () => {
  it("without a word of before is new: it has what was logged behind it", () => {
    log(1, 3);
    const { session, missed } = connect("1");
    expect(session).toEqual({
      ...{ pid: "p1", socketId: "s1", connection: 1, symbols: [] },
      ...{ base: 3, leftAt: undefined, gateway: "g" },
    });
    expect(missed).toBeUndefined();
  });

  it("with a session that is known gets that back, its rooms, and what it missed in order", () => {
    connect("1");
    recovery.sessions.subscriptions("s1", 1, ["A-B"]);
    log(1, 4);
    leave("1");
    const { session, missed } = connect("2", { pid: "p1", offset: "E.2" });
    expect(session).toMatchObject({ pid: "p1", socketId: "s1", connection: 2, symbols: ["A-B"] });
    expect(session.leftAt).toBeUndefined();
    expect(missed).toEqual([
      { seq: 3, body: '["e",3,"E.3"]' },
      { seq: 4, body: '["e",4,"E.4"]' },
    ]);
    expect(connect("3", { pid: "p2", offset: "E.2" }).missed).toBeUndefined();
  });

  it("is recovered though its connection is not known to have ended", () => {
    connect("1");
    log(1);
    expect(resume("p1", "E.0")).toEqual([1]);
  });

  it("is recovered by a room that has lost its memory", () => {
    connect("1");
    log(1, 2);
    leave("1");
    recovery = create(storage, "F");
    expect(resume("p1", "E.1")).toEqual([2]);
  });
});

describe("USER-2 where a recovery goes on", () => {
  it("before any event: from the session's beginning", () => {
    log(1, 2);
    connect("1");
    log(3, 4);
    expect(resume("p1")).toEqual([3, 4]);
  });

  it("with nothing missed: nowhere, and it is a recovery", () => {
    connect("1");
    log(1);
    expect(resume("p1", "E.1")).toEqual([]);
    connect("2");
    expect(resume("p2")).toEqual([]);
  });

  it.each([
    ["left over from an earlier session of this log", "E.1"],
    ["of another server", "dGVzdA-1700000000000"],
    ["of an earlier log", "OLD.2"],
    ["that is malformed", "E.x"],
  ])("from an offset %s: from the session's beginning", (_, offset) => {
    log(1, 3);
    connect("1");
    log(4, 5);
    expect(resume("p1", offset)).toEqual([4, 5]);
  });

  it("twice from the same offset: twice the same, for nobody knows what arrived", () => {
    connect("1");
    log(1, 3);
    expect(resume("p1", "E.1")).toEqual([2, 3]);
    leave("1");
    expect(resume("p1", "E.1")).toEqual([2, 3]);
  });

  it("for the third time in a row: from the offset each time, on a new connection each time", () => {
    connect("1");
    for (const n of [1, 2, 3]) {
      log(n);
      leave("1");
      const { session, missed } = connect("new", { pid: "p1", offset: `E.${n - 1}` });
      expect(session).toMatchObject({ socketId: "s1", pid: "p1", connection: n + 1 });
      expect(missed?.map(({ seq }) => seq)).toEqual([n]);
      now += WINDOW - 1;
    }
  });

  it("past what is for another socket", () => {
    connect("1");
    connect("2");
    log(1);
    log(2, 3, "s2");
    log(4, 4, "s1");
    log(5, 5, "elsewhere");
    log(6);
    expect(resume("p1")).toEqual([1, 4, 6]);
    expect(resume("p2", "E.2")).toEqual([3, 6]);
  });
});

describe("USER-2 a recovery that would leave a gap is none", () => {
  /** The socket is new, under the ids proposed for it, and what is logged now is behind it. */
  const refused = (pid: string, offset?: string) => {
    const { session, missed } = connect("new", offset === undefined ? { pid } : { pid, offset });
    expect(missed).toBeUndefined();
    expect(session).toMatchObject({ pid: "pnew", socketId: "snew", connection: 1, symbols: [] });
    expect(session.base).toBe(recovery.log.last);
  };

  it("for a session that is not known", () => {
    connect("1");
    log(1);
    refused("other", "E.1");
    refused("s1", "E.1");
    refused("", "E.1");
  });

  it("for a session that its client has ended", () => {
    connect("1");
    leave("1", true);
    refused("p1");
  });

  it("for a session that ended a window ago, also before it is trimmed", () => {
    connect("1");
    leave("1");
    now += WINDOW - 1;
    expect(resume("p1")).toEqual([]);
    leave("1");
    now += WINDOW;
    refused("p1");
  });

  it("from an offset beyond the log's end", () => {
    connect("1");
    log(1, 2);
    refused("p1", "E.3");
    refused("p1", "E.999999999999999");
  });

  it("where an event is gone that it has not had, for its age or for its number", () => {
    connect("1");
    log(1, 2);
    leave("1");
    now += WINDOW - 1;
    connect("2");
    leave("2");
    log(3, 12);
    recovery.trim(now);
    expect(recovery.log.trimmed).toBe(2);
    refused("p1", "E.1");
    expect(resume("p1", "E.2")).toHaveLength(10);
    expect(resume("p2")).toHaveLength(10);
    log(13);
    recovery.trim(now);
    refused("p2");
  });

  it("where more was missed than fits into an answer", () => {
    connect("1");
    const body = JSON.stringify(["e", "x".repeat(499_900)]);
    for (let n = 1; n <= 3; n++) recovery.log.append(body, undefined, now);
    expect(connect("2", { pid: "p1" }).missed).toHaveLength(3);
    recovery.log.append(body, undefined, now);
    refused("p1");
    expect(connect("2", { pid: "p1", offset: "E.1" }).missed).toHaveLength(3);
  });
});

describe("USER-2 keeping what recovery needs", () => {
  it("events and ended sessions for the window, and nothing longer", () => {
    connect("1");
    log(1);
    leave("1");
    expect(recovery.oldestAt).toBe(now);
    recovery.trim(now + WINDOW);
    expect(recovery.log.last - recovery.log.trimmed).toBe(1);
    recovery.trim(now + WINDOW + 1);
    expect(recovery.log.after(0)).toEqual([]);
    expect(recovery.sessions.find("p1", 0)).toBeUndefined();
    expect(recovery.oldestAt).toBeUndefined();
  });

  it("for a client that is connected and quiet: what it has had need not be there", () => {
    connect("1");
    connect("2");
    log(1, 1, "s1");
    now += WINDOW + 1;
    recovery.trim(now);
    expect(recovery.log.trimmed).toBe(1);
    log(2);
    expect(resume("p2")).toEqual([2]);
    expect(resume("p1", "E.1")).toEqual([2]);
  });

  it("but not what a connection may be behind that has not been noticed to be gone", () => {
    recovery = new Recovery(storage, "E", {
      windowMs: 10,
      maxEvents: MAX_EVENTS,
      heartbeatMs: HEARTBEAT,
    });
    connect("1");
    log(1);
    now += HEARTBEAT;
    recovery.trim(now);
    // Its last ping was answered before the event: whether it has had it, nobody knows.
    expect(resume("p1")).toEqual([1]);
    now += 1;
    log(2);
    recovery.trim(now);
    expect(resume("p1", "E.1")).toEqual([2]);
  });

  it("says when there is so much that trimming should not wait", () => {
    log(1, 2 * MAX_EVENTS - 1);
    expect(recovery.full).toBe(false);
    log(20);
    expect(recovery.full).toBe(true);
    recovery.trim(now);
    expect(recovery.full).toBe(false);
    expect(recovery.log.after(0).map(({ seq }) => seq)).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
  });
});
