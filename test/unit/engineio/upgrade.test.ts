import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { packetAsText } from "../../../src/engineio/packet.ts";
import { SEPARATOR } from "../../../src/engineio/payload.ts";
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
  it.each([[["2probe", "5"]], [["5"]]])("moves the session, after %j", (frames) => {
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
  const BAD = ["", "2", "2prob", "3probe", "1", "6", "4early", "x", new Uint8Array([5])];

  it.each(BAD.flatMap((frame) => [[[frame]], [["2probe", frame]]]))(
    "for %j closes the new transport, and polling goes on",
    async (frames) => {
      for (const frame of frames) upgrade.receive(frame);
      await goesOnPolling();
    },
  );

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

describe("CONN-11 a session that closes while it upgrades", () => {
  it.each([[[]], [["2probe"]]])("takes the new transport with it, after %j", async (frames) => {
    for (const frame of frames) upgrade.receive(frame);
    const waiting = get();
    engine.close(session, "forced close");
    await settled();
    expect(waiting).toEqual(["1"]);
    expect(wire.closes).toEqual([{ code: 1000, reason: "transport close" }]);
    expect(upgrade.status).toBe("failed");
    expect(session.upgrade).toBeUndefined();
    upgrade.receive("5");
    expect(session.transport).toBe(polling);
    expect(wire.saves).toBe(0);
    expect(application.log.map(([what]) => what)).toEqual(["open", "close"]);
  });

  it("on its new transport is closed there alone", () => {
    upgrade.receive("5");
    engine.close(session, "ping timeout");
    expect(wire.closes).toEqual([{ code: 1001, reason: "ping timeout" }]);
    expect(told).toEqual(["polling closed"]);
  });
});

describe("CONN-11 packets", () => {
  /** `turn`: everything that waits for nothing runs. `fail`: this upgrade fails, and another begins. */
  const step = fc.constantFrom("text", "bytes", "get", "turn", "probe", "release", "fail");

  it("arrive once and in order, whatever happens when", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 30 }),
        fc.array(fc.constantFrom("text", "bytes", "turn"), { maxLength: 5 }),
        fc.boolean(),
        async (before, after, completes) => {
          open();
          upgrade = begin();
          const sent: (string | Uint8Array)[] = [];
          const gets: string[][] = [];
          const wires = [wire];
          const frame = (data: string | Uint8Array) => (typeof data === "string" ? `4${data}` : data);
          const send = (data: string | Uint8Array) => {
            sent.push(data);
            session.sendMessage(data);
          };
          const take: Record<(typeof before)[number], () => unknown> = {
            text: () => send(String(sent.length)),
            bytes: () => send(new Uint8Array([sent.length])),
            get: () => gets.push(get()),
            turn: settled,
            probe: () => upgrade.receive("2probe"),
            release: () => upgrade.releasePoll(),
            fail: () => {
              upgrade.receive("x");
              upgrade = begin();
              wires.push(wire);
            },
          };
          for (const name of before) await take[name]();
          if (completes) upgrade.receive("5");
          for (const name of after) await take[name]();
          if (!completes) gets.push(get());
          await settled();
          const polled = gets.flat().flatMap((payload) => payload.split(SEPARATOR));
          const framed = wires.flatMap((one) => one.sent.map(packetAsText));
          const received = [...polled, ...framed].filter((packet) => packet !== "6" && packet !== "3probe");
          expect(received).toEqual(sent.map((data) => packetAsText(frame(data))));
          expect(completes || framed.every((packet) => packet === "3probe")).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
