import { beforeEach, describe, expect, it } from "vitest";
import { EngineServer } from "../../../src/engineio/server.ts";
import type { Session, SessionState } from "../../../src/engineio/session.ts";
import type { CloseReason } from "../../../src/engineio/transport.ts";
import {
  Deferred,
  ENGINE_CONFIG,
  FakeClock,
  FakeTransport,
  RecordingApplication,
  settled,
} from "../../support/fakes.ts";

let clock: FakeClock;
let application: RecordingApplication;
let engine: EngineServer;
let transport: FakeTransport;
let session: Session;

beforeEach(() => {
  clock = new FakeClock(1_000);
  application = new RecordingApplication();
  engine = new EngineServer({ ...ENGINE_CONFIG, maxPayload: 10 }, application, clock.read);
  transport = new FakeTransport();
  session = engine.open(transport, "s", { from: "worker" });
});

const closedWith = (code: number, reason: CloseReason) => {
  expect(transport.closes).toEqual([{ code, reason }]);
  expect(application.log.slice(1)).toEqual([["close", "s", reason]]);
  expect(engine.sessions.size).toBe(0);
  expect(session.closed).toBe(true);
};

describe("engine: opening", () => {
  it("CONN-2 OPEN carries the session id and the configured times and limit; a WebSocket has no upgrade", () => {
    expect(transport.sent).toEqual([
      '0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":10}',
    ]);
    expect(application.log).toEqual([["open", "s", { from: "worker" }]]);
    expect(engine.sessions.get("s")).toBe(session);
    expect(session).toMatchObject({ openedAt: 1_000, lastPingAt: 1_000, established: false, closed: false });
  });
});

describe("engine: receiving", () => {
  it("hands text and binary messages to the application", () => {
    engine.receive(session, "4hello");
    engine.receive(session, new Uint8Array([1, 2]));
    engine.receive(session, "bAQI=");
    expect(application.log.slice(1)).toEqual([
      ["message", "s", "hello"],
      ["message", "s", new Uint8Array([1, 2])],
      ["message", "s", new Uint8Array([1, 2])],
    ]);
  });

  // Ten bytes each: ASCII, two-, three- and four-byte characters.
  it.each(["4123456789", "4é3456789", "4€€€", "4é3😀67", "4😀😀x"])(
    "CONN-9 %j is as long as the limit allows",
    (text) => {
      expect(Buffer.byteLength(text)).toBe(10);
      engine.receive(session, text);
      expect(application.log.slice(1)).toEqual([["message", "s", text.slice(1)]]);
    },
  );

  it.each(["41234567890", "4é34567890", "4€€€x", "4€€€€", "4😀😀éx", `4${"€".repeat(9)}`])(
    "CONN-9 %j is over the limit and closes the session",
    (text) => {
      expect(Buffer.byteLength(text)).toBeGreaterThan(10);
      engine.receive(session, text);
      closedWith(1009, "payload too large");
    },
  );

  it("CONN-9 a binary message may have the limit's bytes and not one more", () => {
    engine.receive(session, new Uint8Array(10));
    expect(application.log.slice(1)).toEqual([["message", "s", new Uint8Array(10)]]);
    application.log.splice(1);
    engine.receive(session, new Uint8Array(11));
    closedWith(1009, "payload too large");
  });

  it.each(["", "7", "x4", "bA", "0{}", "2", "2probe"])("CONN-9 %j closes as unparsable", (text) => {
    engine.receive(session, text);
    closedWith(1002, "parse error");
  });

  it("CONN-9 a bad packet closes its own session only", () => {
    const other = engine.open(new FakeTransport(), "t", undefined);
    engine.receive(session, "x");
    expect([...engine.sessions.values()]).toEqual([other]);
    expect(other.closed).toBe(false);
  });

  it("a CLOSE packet ends the session", () => {
    engine.receive(session, "1");
    closedWith(1000, "transport close");
  });

  it("notes when a pong came, and ignores NOOP and UPGRADE", () => {
    clock.now = 1_234;
    for (const text of ["3", "6", "5"]) engine.receive(session, text);
    expect(session.pongAt).toBe(1_234);
    expect(application.log.length).toBe(1);
    expect(transport.closes).toEqual([]);
  });
});

describe("engine: closing", () => {
  it("happens once, whoever began it", () => {
    engine.close(session, "forced close");
    engine.close(session, "ping timeout");
    engine.transportClosed(session, "transport error");
    closedWith(1000, "forced close");
  });

  it("by the client closes no transport", () => {
    engine.transportClosed(session, "transport error");
    engine.transportClosed(session, "transport close");
    engine.close(session, "forced close");
    expect(transport.closes).toEqual([]);
    expect(application.log.slice(1)).toEqual([["close", "s", "transport error"]]);
  });

  it("ends all traffic and all saving", () => {
    transport.take();
    engine.close(session, "forced close");
    engine.receive(session, "4late");
    session.sendMessage("late");
    session.save({ late: true });
    expect(transport.sent).toEqual([]);
    expect(transport.saves).toBe(0);
    expect(application.log.length).toBe(2);
  });
});

describe("CONN-5 sessions that never connect", () => {
  it("are closed when the timeout has passed, and the next deadline is returned", () => {
    clock.now = 3_000;
    const later = new FakeTransport();
    engine.open(later, "later", undefined);
    clock.now = 4_000;
    engine.open(new FakeTransport(), "latest", undefined);
    clock.now = 5_999;
    expect(engine.closeUnestablished()).toBe(6_000);
    expect(transport.closes).toEqual([]);
    clock.now = 6_000;
    expect(engine.closeUnestablished()).toBe(8_000);
    expect(transport.closes).toEqual([{ code: 1008, reason: "connect timeout" }]);
    clock.now = 60_000;
    expect(engine.closeUnestablished()).toBeUndefined();
    expect(engine.sessions.size).toBe(0);
  });

  it("have a minute once they are accepted", () => {
    session.accepted = true;
    clock.now = 60_999;
    expect(engine.closeUnestablished()).toBe(61_000);
    expect(transport.closes).toEqual([]);
    clock.now = 61_000;
    expect(engine.closeUnestablished()).toBeUndefined();
    expect(transport.closes).toEqual([{ code: 1008, reason: "connect timeout" }]);
  });

  it("are not those that the application has connected", () => {
    session.save("state", true);
    clock.now = 60_000;
    expect(engine.closeUnestablished()).toBeUndefined();
    expect(transport.closes).toEqual([]);
  });
});

describe("CONN-8 pings", () => {
  it("go out in slices with a pause between, and not to a session closed meanwhile", async () => {
    const others = ["t", "u"].map((id) => {
      const wire = new FakeTransport();
      return { wire, session: engine.open(wire, id, undefined) };
    });
    const wires = [transport, ...others.map(({ wire }) => wire)];
    for (const wire of wires) wire.take();
    clock.now = 26_000;
    const pauses: Deferred<void>[] = [];
    const done = engine.ping(1, () => {
      const pause = new Deferred<void>();
      pauses.push(pause);
      return pause.promise;
    });
    const sent = () => wires.map((wire) => wire.sent.join());
    expect(sent()).toEqual(["2", "", ""]);
    pauses[0]?.resolve();
    await settled();
    expect(sent()).toEqual(["2", "2", ""]);
    const last = others[1]?.session;
    if (last) engine.close(last, "forced close");
    pauses[1]?.resolve();
    await done;
    expect(sent()).toEqual(["2", "2", ""]);
    expect(pauses.length).toBe(2);
  });

  it("left unanswered close the session, and the next deadline is returned", async () => {
    clock.now = 26_000;
    await engine.ping(10, async () => {});
    clock.now = 45_999;
    expect(engine.closeSilent()).toBe(46_000);
    clock.now = 46_000;
    expect(engine.closeSilent()).toBeUndefined();
    closedWith(1001, "ping timeout");
  });

  it("answered through the object keep it", async () => {
    clock.now = 26_000;
    await engine.ping(10, async () => {});
    engine.receive(session, "3");
    clock.now = 60_000;
    expect(engine.closeSilent()).toBeUndefined();
    expect(session.closed).toBe(false);
  });
});

describe("engine: hibernation", () => {
  it("restores what was saved", () => {
    session.save({ sockets: 1 }, true);
    const woken = new EngineServer(ENGINE_CONFIG, application, clock.read);
    const again = new FakeTransport();
    // Saved by `Session.save`.
    const restored = woken.restore(again, transport.saved as SessionState, undefined);
    expect(application.log.at(-1)).toEqual(["restore", "s", { sockets: 1 }]);
    expect(restored).toMatchObject({ id: "s", openedAt: 1_000, established: true });
    expect(woken.sessions.get("s")).toBe(restored);
    expect(again.sent).toEqual([]);
    woken.receive(restored, "4hi");
    expect(application.log.at(-1)).toEqual(["message", "s", "hi"]);
  });

  it("still knows of a ping sent before it slept", () => {
    session.save(undefined, true);
    const woken = new EngineServer(ENGINE_CONFIG, application, clock.read);
    const again = new FakeTransport();
    woken.restore(again, transport.saved as SessionState, 26_000);
    clock.now = 46_000;
    woken.closeSilent();
    expect(again.closes).toEqual([{ code: 1001, reason: "ping timeout" }]);
  });
});
