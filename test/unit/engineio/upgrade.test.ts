import { beforeEach, describe, expect, it } from "vitest";
import type { PollingTransport } from "../../../src/engineio/polling.ts";
import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import type { Upgrade } from "../../../src/engineio/upgrade.ts";
import {
  createPolling,
  engineFor,
  FakeTransport,
  RecordingApplication,
  settled,
} from "../../support/fakes.ts";

/** How often an attempt has told that it is over. */
let ended: number;
let told: string[];
let application: RecordingApplication;
let engine: EngineServer;
let polling: PollingTransport;
let session: Session;
let wire: FakeTransport;
let upgrade: Upgrade;

/** Opens a polling session whose client has fetched OPEN. */
const open = () => {
  told = [];
  application = new RecordingApplication();
  engine = engineFor(application);
  polling = createPolling({ closed: () => void told.push("polling closed") });
  session = engine.open(polling, "s", undefined);
  get();
};

/** A GET: holds its payload once there is one. */
const get = (): string[] => {
  const got: string[] = [];
  polling.poll()?.then((payload) => void got.push(payload));
  return got;
};

/** The client opens a WebSocket for its session. */
const begin = (): Upgrade => {
  wire = new FakeTransport();
  ended = 0;
  const begun = engine.upgrade(session, wire, () => {
    ended++;
  });
  if (begun === undefined) throw new Error("The upgrade was refused.");
  return begun;
};

beforeEach(() => {
  open();
  upgrade = begin();
});

describe("CONN-11 a probe", () => {
  it("is answered on the new transport, and lets a GET that waits go; the session stays with polling", async () => {
    const waiting = get();
    upgrade.receive("2probe");
    await settled();
    expect(wire.take()).toEqual(["3probe"]);
    expect(waiting).toEqual(["6"]);
    expect(upgrade.status).toBe("probed");
    session.sendMessage("a");
    const next = get();
    await settled();
    expect(next).toEqual(["4a"]);
    expect(wire.sent).toEqual([]);
    expect(session.transport).toBe(polling);
  });

  it("leaves no NOOP behind when no GET waits", async () => {
    upgrade.receive("2probe");
    const next = get();
    await settled();
    expect(next).toEqual([]);
  });
});

describe("CONN-11 a GET while upgrading", () => {
  it("is let go on request once the probe has come, not before", async () => {
    const waiting = get();
    upgrade.releasePoll();
    await settled();
    expect(waiting).toEqual([]);
    upgrade.receive("2probe");
    const next = get();
    await settled();
    expect([waiting, next]).toEqual([["6"], []]);
    upgrade.releasePoll();
    await settled();
    expect(next).toEqual(["6"]);
  });

  it("waits on when the upgrade has failed meanwhile", async () => {
    upgrade.receive("2probe");
    const waiting = get();
    upgrade.fail();
    upgrade.releasePoll();
    await settled();
    expect(waiting).toEqual([]);
  });
});

describe("CONN-11 UPGRADE", () => {
  it.each([[["2probe", "5"]], [["5"]], [[`5${"x".repeat(63)}`]]])("moves the session, after %j", (frames) => {
    for (const frame of frames) upgrade.receive(frame);
    expect(upgrade).toMatchObject({ status: "completed", pending: false, session });
    expect(session.transport).toBe(wire);
    expect(session.upgrade).toBeUndefined();
    expect(told).toEqual(["polling closed"]);
    wire.take();
    session.sendMessage("a");
    expect(wire.sent).toEqual(["4a"]);
    expect(wire.closes).toEqual([]);
    expect(application.log.map(([what]) => what)).toEqual(["open"]);
  });

  it("sends first what no GET has taken, binary as bytes", async () => {
    const bytes = new Uint8Array([1]);
    session.sendMessage("a");
    const taken = get();
    for (const data of ["b", bytes]) session.sendMessage(data);
    upgrade.receive("5");
    session.sendMessage("c");
    await settled();
    expect(taken).toEqual(["4a"]);
    expect(wire.sent).toEqual(["4b", bytes, "4c"]);
  });

  it("lets a GET that waits go with NOOP alone: what this turn had for it comes on the new transport", async () => {
    const waiting = get();
    session.sendMessage("a");
    upgrade.receive("5");
    await settled();
    expect(waiting).toEqual(["6"]);
    expect(wire.sent).toEqual(["4a"]);
  });

  it("stores the session's state with the new transport, at once and from then on", () => {
    session.save({ sockets: 1 }, true);
    expect(wire.saves).toBe(0);
    upgrade.receive("5");
    const saved = { id: "s", openedAt: session.openedAt, established: true, pongAt: session.pongAt };
    expect(wire.saved).toEqual({ ...saved, application: { sockets: 1 } });
    session.save({ sockets: 2 });
    expect(wire.saved).toEqual({ ...saved, application: { sockets: 2 } });
  });

  it("cannot be undone", () => {
    upgrade.receive("5");
    upgrade.fail();
    upgrade.receive("2probe");
    upgrade.receive("x");
    expect(upgrade.status).toBe("completed");
    expect(ended).toBe(1);
    expect([wire.sent, wire.closes]).toEqual([[], []]);
    expect(session.transport).toBe(wire);
  });
});

describe("CONN-11 UPGRADE to a transport that cannot store the session", () => {
  const failure = new Error("full");

  beforeEach(() => {
    wire.save = () => {
      throw failure;
    };
    upgrade.receive("2probe");
    wire.take();
  });

  it("leaves it with polling, and nothing is lost or told", async () => {
    session.sendMessage("a");
    expect(() => upgrade.receive("5")).toThrow(failure);
    expect(session).toMatchObject({ closed: false, transport: polling, upgrade });
    expect(polling.status).toBe("open");
    expect(ended).toBe(0);
    session.sendMessage("b");
    const next = get();
    await settled();
    expect(next).toEqual(["4a\x1e4b"]);
    expect(wire.sent).toEqual([]);
    upgrade.fail();
    await goesOnPolling();
  });

  it("may be followed by one that works", () => {
    session.sendMessage("a");
    expect(() => upgrade.receive("5")).toThrow(failure);
    upgrade.fail();
    begin().receive("5");
    expect(session.transport).toBe(wire);
    expect(wire.saves).toBe(1);
    expect(wire.sent).toEqual(["4a"]);
  });

  it("does not stop one that was closed meanwhile: there is nothing to store", () => {
    engine.close(session, "forced close");
    upgrade.receive("5");
    expect(wire.sent).toEqual(["1"]);
    expect(wire.closes).toEqual([{ code: 1000, reason: "forced close" }]);
  });
});

const goesOnPolling = async () => {
  expect(upgrade).toMatchObject({ status: "failed", pending: false });
  expect(wire.closes).toEqual([{ code: 1000, reason: "transport close" }]);
  expect(session).toMatchObject({ closed: false, transport: polling, upgrade: undefined });
  expect(told).toEqual([]);
  expect(application.log.map(([what]) => what)).toEqual(["open"]);
  wire.take();
  const waiting = get();
  session.sendMessage("a");
  await settled();
  expect(waiting).toEqual(["4a"]);
  expect(wire.sent).toEqual([]);
};

describe("CONN-11 an upgrade that fails", () => {
  const BAD = [
    ...["", "2", "2prob", "3probe", "1", "6", "4early", "x"],
    // An UPGRADE and a probe, but for their length or form.
    ...[`5${"x".repeat(64)}`, `5${" ".repeat(1_000_000)}`, `2probe${" ".repeat(59)}`],
    ...[new Uint8Array(0), new Uint8Array([5]), Buffer.from("5"), Buffer.from("2probe")],
  ];

  it.each(
    BAD.flatMap((frame) => [[[frame]], [["2probe", frame]]]).map(
      ([frames]) => [JSON.stringify(frames).slice(0, 100), frames ?? []] as const,
    ),
  )("for %s closes the new transport, and polling goes on", async (_, frames) => {
    for (const frame of frames) upgrade.receive(frame);
    await goesOnPolling();
  });

  it("is over: frames that still come are ignored, and it fails once", async () => {
    upgrade.fail();
    upgrade.fail();
    upgrade.receive("2probe");
    upgrade.receive("5");
    expect(wire.sent).toEqual([]);
    expect(ended).toBe(1);
    await goesOnPolling();
  });

  it("may be followed by one that succeeds", () => {
    upgrade.receive("x");
    session.sendMessage("a");
    const failed = wire;
    begin().receive("5");
    upgrade.fail();
    expect(session.transport).toBe(wire);
    expect(wire.sent).toEqual(["4a"]);
    expect(failed.sent).toEqual([]);
    expect(wire.closes).toEqual([]);
  });
});

describe("CONN-11 which sessions upgrade", () => {
  it("not one that is trying a transport already", () => {
    expect(engine.upgrade(session, new FakeTransport(), () => {})).toBeUndefined();
    upgrade.receive("2probe");
    expect(engine.upgrade(session, new FakeTransport(), () => {})).toBeUndefined();
    expect(session.upgrade).toBe(upgrade);
    upgrade.receive("5");
    expect(session.transport).toBe(wire);
  });

  it("not one on a WebSocket, upgraded or opened so", () => {
    upgrade.receive("5");
    expect(engine.upgrade(session, new FakeTransport(), () => {})).toBeUndefined();
    const other = engine.open(new FakeTransport(), "t", undefined);
    expect(engine.upgrade(other, new FakeTransport(), () => {})).toBeUndefined();
    expect(other.upgrade).toBeUndefined();
  });
});
