import { beforeEach, describe, expect, it } from "vitest";
import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import { Upgrades } from "../../../src/gateway/upgrades.ts";
import {
  createPolling,
  engineFor,
  FakeTimers,
  FakeTransport,
  RecordingApplication,
} from "../../support/fakes.ts";

let engine: EngineServer;
let timers: FakeTimers;
let upgrades: Upgrades;
let session: Session;

beforeEach(() => {
  engine = engineFor(new RecordingApplication());
  timers = new FakeTimers();
  upgrades = new Upgrades(engine, timers.after);
  session = engine.open(createPolling(), "s", undefined);
});

/** A WebSocket opened for a session. It is only a name here: what is sent goes to the transport. */
const begin = (of: Session) => {
  const webSocket = {} as WebSocket;
  const transport = new FakeTransport();
  return { webSocket, transport, begun: upgrades.begin(of, webSocket, transport) };
};

describe("CONN-11 the WebSockets of upgrades", () => {
  it("lead to their sessions once those have moved, and then are none of theirs", () => {
    const other = engine.open(createPolling(), "t", undefined);
    const [first, second] = [begin(session), begin(other)];
    expect([first.begun, second.begun]).toEqual([true, true]);
    expect(upgrades.receive(first.webSocket, "2probe")).toBeUndefined();
    expect([first.transport.sent, second.transport.sent]).toEqual([["3probe"], []]);
    expect(upgrades.receive(second.webSocket, "5")).toBe(other);
    expect(upgrades.receive(first.webSocket, "5")).toBe(session);
    expect(upgrades.receive(first.webSocket, "5")).toBeUndefined();
    expect(timers.pending).toEqual([]);
  });

  it("have ten seconds to be used, however far they came", () => {
    const { webSocket, transport } = begin(session);
    timers.pass(9_999);
    upgrades.receive(webSocket, "2probe");
    expect(transport.closes).toEqual([]);
    timers.pass(1);
    expect(transport.closes).toEqual([{ code: 1000, reason: "transport close" }]);
    expect(upgrades.receive(webSocket, "5")).toBeUndefined();
    expect(session).toMatchObject({ closed: false, upgrade: undefined });
    expect(begin(session).begun).toBe(true);
  });

  it("that misbehave are closed, and lead nowhere", () => {
    const { webSocket, transport } = begin(session);
    expect(upgrades.receive(webSocket, "4early")).toBeUndefined();
    expect(transport.closes.length).toBe(1);
    expect(timers.pending).toEqual([]);
    expect(upgrades.receive(webSocket, "5")).toBeUndefined();
    expect(session.transport.name).toBe("polling");
  });

  it("that go away leave their sessions with polling, free to try again", () => {
    const { webSocket } = begin(session);
    upgrades.closed(webSocket);
    expect(timers.pending).toEqual([]);
    expect(session.closed).toBe(false);
    expect(begin(session).begun).toBe(true);
  });

  it("that go away later are no longer theirs", () => {
    const { webSocket, transport } = begin(session);
    upgrades.receive(webSocket, "5");
    upgrades.closed(webSocket);
    expect(session.transport).toBe(transport);
    expect(transport.closes).toEqual([]);
  });

  it("are refused where a session cannot upgrade, or is trying to", () => {
    begin(session);
    const { webSocket, begun } = begin(session);
    expect(begun).toBe(false);
    expect(timers.pending).toEqual([10_000]);
    expect(upgrades.receive(webSocket, "5")).toBeUndefined();
    expect(begin(engine.open(new FakeTransport(), "t", undefined)).begun).toBe(false);
  });
});
