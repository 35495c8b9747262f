import { beforeEach, describe, expect, it } from "vitest";
import type { PollingTransport } from "../../../src/engineio/polling.ts";
import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import type { CloseReason, OutgoingPacket } from "../../../src/engineio/transport.ts";
import type { Upgrade } from "../../../src/engineio/upgrade.ts";
import {
  createPolling,
  engineFor,
  FakeTransport,
  RecordingApplication,
  settled,
} from "../../support/fakes.ts";

/** Records sends and closes in one list. */
class OrderedTransport extends FakeTransport {
  readonly log: unknown[] = [];

  override send(packet: OutgoingPacket): void {
    this.log.push(packet);
  }

  override close(reason: CloseReason): void {
    this.log.push({ closed: reason });
  }
}

let ended: number;
let told: string[];
let application: RecordingApplication;
let engine: EngineServer;
let polling: PollingTransport;
let session: Session;
let wire: OrderedTransport;
let upgrade: Upgrade;

/** A polling session whose client has fetched OPEN, and opens a WebSocket. */
beforeEach(() => {
  told = [];
  ended = 0;
  application = new RecordingApplication();
  engine = engineFor(application);
  polling = createPolling({
    closing: () => void told.push("closing"),
    closed: () => void told.push("closed"),
  });
  session = engine.open(polling, "s", undefined);
  get();
  wire = new OrderedTransport();
  const begun = engine.upgrade(session, wire, () => {
    ended++;
  });
  if (begun === undefined) throw new Error("The upgrade was refused.");
  upgrade = begun;
});

/** A GET: holds its payload once there is one. */
const get = (): string[] => {
  const got: string[] = [];
  polling.poll()?.then((payload) => void got.push(payload));
  return got;
};

const probe = () => {
  upgrade.receive("2probe");
  expect(wire.log.splice(0)).toEqual(["3probe"]);
};

const closedOnce = (reason: CloseReason) =>
  expect(application.log).toEqual([
    ["open", "s", undefined],
    ["close", "s", reason],
  ]);

const GIVEN_UP = { closed: "transport close" };

describe("CONN-11 a session that the server closes once its client has paused polling", () => {
  const bytes = new Uint8Array([1]);

  beforeEach(() => {
    probe();
    for (const data of ["a", bytes, "b"]) session.sendMessage(data);
    engine.close(session, "connect timeout");
  });

  it("keeps what it had, and the new transport", () => {
    expect(upgrade).toMatchObject({ status: "probed", pending: true });
    expect(session).toMatchObject({ closed: true, transport: polling, upgrade });
    expect(engine.sessions.size).toBe(0);
    expect([wire.log, ended, told]).toEqual([[], 0, ["closing"]]);
    closedOnce("connect timeout");
  });

  it("says it there after UPGRADE: the queue, CLOSE, and the end, in order and once", async () => {
    upgrade.receive("5");
    const all = ["4a", bytes, "4b", "1", { closed: "forced close" }];
    expect(wire.log).toEqual(all);
    expect(upgrade).toMatchObject({ status: "completed", pending: false });
    expect([ended, told]).toEqual([1, ["closing", "closed"]]);
    expect(polling.poll()).toBeUndefined();
    upgrade.receive("5");
    upgrade.fail();
    polling.expire();
    session.sendMessage("late");
    engine.close(session, "forced close");
    engine.abort(session, "ping timeout");
    engine.receive(session, "4late");
    await settled();
    expect(wire.log).toEqual(all);
    expect(ended).toBe(1);
    closedOnce("connect timeout");
  });

  it("stores nothing with the new transport, so that no wake restores it", () => {
    upgrade.receive("5");
    expect(wire.saves).toBe(0);
  });

  it("answers another probe, and says it after UPGRADE", () => {
    probe();
    upgrade.receive("5");
    expect(wire.log).toEqual(["4a", bytes, "4b", "1", { closed: "forced close" }]);
  });

  it.each<[string, () => void]>([
    ["misbehaves", () => upgrade.receive("4early")],
    ["is given up", () => upgrade.fail()],
  ])("leaves what it had to the next GET when the new transport %s", async (_, fail) => {
    fail();
    expect(wire.log).toEqual([GIVEN_UP]);
    const rest = get();
    await settled();
    expect(rest).toEqual(["4a\x1ebAQ==\x1e4b"]);
    expect([ended, told]).toEqual([1, ["closing"]]);
    const last = get();
    await settled();
    expect(last).toEqual(["1"]);
    expect([ended, told]).toEqual([1, ["closing", "closed"]]);
    upgrade.receive("5");
    expect(wire.log).toEqual([GIVEN_UP]);
  });
});

describe("CONN-11 a session that the server closes while it upgrades", () => {
  it.each([[[]], [["2probe"]]])(
    "tells the GET that waits, and gives the transport up, after %j",
    async (frames) => {
      for (const frame of frames) upgrade.receive(frame);
      wire.log.splice(0);
      const waiting = get();
      engine.close(session, "forced close");
      await settled();
      expect(waiting).toEqual(["1"]);
      expect(wire.log).toEqual([GIVEN_UP]);
      expect(upgrade.status).toBe("failed");
      expect(session.upgrade).toBeUndefined();
      upgrade.receive("5");
      expect(session.transport).toBe(polling);
      expect(wire.log).toEqual([GIVEN_UP]);
      expect(wire.saves).toBe(0);
      expect([ended, told]).toEqual([1, ["closed"]]);
      closedOnce("forced close");
    },
  );

  it.each([[[]], [["2probe"]]])(
    "answers the GET that waits with what this turn sent, and keeps the new transport, after %j",
    async (frames) => {
      for (const frame of frames) upgrade.receive(frame);
      wire.log.splice(0);
      const waiting = get();
      session.sendMessage("a");
      engine.close(session, "forced close");
      await settled();
      expect(waiting).toEqual(["4a"]);
      expect(upgrade.pending).toBe(true);
      expect([wire.log, ended, told]).toEqual([[], 0, ["closing"]]);
      // The client has paused polling.
      probe();
      upgrade.receive("5");
      expect(wire.log).toEqual(["1", { closed: "forced close" }]);
      expect(wire.saves).toBe(0);
      expect([ended, told]).toEqual([1, ["closing", "closed"]]);
      closedOnce("forced close");
    },
  );

  it("before the probe may still be probed, and says it after UPGRADE", () => {
    session.sendMessage("a");
    engine.close(session, "forced close");
    expect(upgrade.status).toBe("opened");
    probe();
    upgrade.receive("5");
    expect(wire.log).toEqual(["4a", "1", { closed: "forced close" }]);
  });

  it("on its new transport is closed there alone", () => {
    upgrade.receive("5");
    engine.close(session, "ping timeout");
    expect(wire.log).toEqual([{ closed: "ping timeout" }]);
    expect(told).toEqual(["closed"]);
  });
});

describe("CONN-11 a session that ends at once while it upgrades", () => {
  it.each([[[]], [["2probe"]]])("gives the transport up, and drops what it had, after %j", async (frames) => {
    for (const frame of frames) upgrade.receive(frame);
    wire.log.splice(0);
    session.sendMessage("a");
    engine.abort(session, "ping timeout");
    expect(wire.log).toEqual([GIVEN_UP]);
    expect(upgrade).toMatchObject({ status: "failed", pending: false });
    expect(session.upgrade).toBeUndefined();
    upgrade.receive("5");
    await settled();
    expect(wire.log).toEqual([GIVEN_UP]);
    expect(polling.poll()).toBeUndefined();
    expect([ended, told]).toEqual([1, ["closed"]]);
    closedOnce("ping timeout");
  });
});
