import { beforeEach, describe, expect, it } from "vitest";
import type { PollingTransport } from "../../../src/engineio/polling.ts";
import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import { createPolling, engineFor, FakeClock, RecordingApplication } from "../../support/fakes.ts";

const MAX_PACKETS = 10_000;

let clock: FakeClock;
let application: RecordingApplication;
let engine: EngineServer;
let transport: PollingTransport;
let session: Session;

beforeEach(() => {
  clock = new FakeClock();
  application = new RecordingApplication();
  engine = engineFor(application, clock);
  transport = createPolling();
  session = engine.open(transport, "s", undefined);
  application.log.splice(0);
});

it("CONN-2 OPEN offers a polling client the upgrade", async () => {
  expect(await transport.poll()).toBe(
    '0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}',
  );
});

describe("CONN-10 the body of a POST", () => {
  it("is handed on packet by packet, in order", () => {
    clock.now = 1_234_567;
    expect(engine.receivePayload(session, "4a\x1ebAQI=\x1e6\x1e5\x1e4b\x1e3")).toBe(true);
    expect(application.log).toEqual([
      ["message", "s", "a"],
      ["message", "s", new Uint8Array([1, 2])],
      ["message", "s", "b"],
    ]);
    expect(session.pongAt).toBe(1_234_567);
    expect(session.transport).toBe(transport);
  });

  it.each([
    ["CLOSE", "1", "transport close"],
    ["PING", "2", "parse error"],
    ["OPEN", "0{}", "parse error"],
  ])("is not read beyond a %s packet", (_, packet, reason) => {
    expect(engine.receivePayload(session, `4a\x1e${packet}\x1e4b\x1e3`)).toBe(true);
    expect(application.log).toEqual([
      ["message", "s", "a"],
      ["close", "s", reason],
    ]);
    expect(session.pongAt).toBe(0);
  });

  it("is not read beyond a message upon which the application closes the session", () => {
    application.message = (of, data) => {
      application.log.push([data]);
      engine.close(of, "forced close");
    };
    expect(engine.receivePayload(session, "4a\x1e4b")).toBe(true);
    expect(application.log).toEqual([["a"], ["close", "s", "forced close"]]);
  });

  it.each(["", "4a\x1e", "4a\x1ex", "4a\x1ebA"])(
    "CONN-9 %j is no payload: it closes the session, and nothing of it is handed on",
    (body) => {
      expect(engine.receivePayload(session, body)).toBe(false);
      expect(application.log).toEqual([["close", "s", "parse error"]]);
    },
  );

  it("CONN-9 holds so many packets and no more", () => {
    const body = (packets: number) => `4first${"\x1e6".repeat(packets - 1)}`;
    expect(engine.receivePayload(session, body(MAX_PACKETS))).toBe(true);
    expect(engine.receivePayload(session, body(MAX_PACKETS + 1))).toBe(false);
    expect(application.log).toEqual([
      ["message", "s", "first"],
      ["close", "s", "parse error"],
    ]);
  });
});
