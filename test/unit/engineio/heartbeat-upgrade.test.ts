import { describe, expect, it } from "vitest";
import { Heartbeat } from "../../../src/engineio/heartbeat.ts";
import { Session, type SessionState } from "../../../src/engineio/session.ts";
import { createPolling, createSession, ENGINE_CONFIG, FakeTransport } from "../../support/fakes.ts";

const pollingSessionAt = (openedAt: number) => createSession(createPolling(), { openedAt });

describe("CONN-11 after an upgrade", () => {
  const heartbeat = new Heartbeat(ENGINE_CONFIG);

  it("a young session waits for the next round, as one that opened a WebSocket", () => {
    const session = pollingSessionAt(15_001);
    expect(heartbeat.due([session], 25_000)).toEqual([session]);
    session.moveTo(new FakeTransport());
    expect(heartbeat.due([session], 25_000)).toEqual([]);
    expect(heartbeat.due([session], 25_001)).toEqual([session]);
  });

  it("a ping sent before counts, unless its pong came before too, or the WebSocket's platform absorbs it", () => {
    const transport = new FakeTransport();
    const session = pollingSessionAt(0);
    heartbeat.pinged(session, 25_000);
    session.moveTo(transport);
    expect(heartbeat.silent([session], 45_000).silent).toEqual([session]);
    session.pongAt = 25_000;
    expect(heartbeat.silent([session], 45_000).silent).toEqual([]);
    session.pongAt = 0;
    transport.pongAt = 25_000;
    expect(heartbeat.silent([session], 45_000).silent).toEqual([]);
  });

  it("a pong that came before is remembered through hibernation", () => {
    const { pingTimeout } = ENGINE_CONFIG;
    const transport = new FakeTransport();
    const session = pollingSessionAt(0);
    heartbeat.pinged(session, 25_000);
    session.pongAt = 25_010;
    session.moveTo(transport);
    // Saved by `moveTo`.
    const restored = new Session(new FakeTransport(), transport.saved as SessionState);
    heartbeat.restored(restored, 25_000);
    expect(heartbeat.silent([restored], 25_000 + pingTimeout).silent).toEqual([]);
  });
});
