import { beforeEach, describe, expect, it } from "vitest";
import { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import { PollingRequests } from "../../../src/gateway/polling-requests.ts";
import { Upgrades } from "../../../src/gateway/upgrades.ts";
import {
  ENGINE_CONFIG,
  FakeClock,
  FakeTimers,
  FakeTransport,
  RecordingApplication,
  settled,
} from "../../support/fakes.ts";

/** The attempt's WebSocket. It is only a name here: what is sent goes to the transport. */
let webSocket: WebSocket;
let wire: FakeTransport;
let engine: EngineServer;
let timers: FakeTimers;
let requests: PollingRequests;
let upgrades: Upgrades;
let session: Session;

/** A polling session whose client has opened a WebSocket. */
const open = async (upgradeTimeout = ENGINE_CONFIG.upgradeTimeout) => {
  const config = { ...ENGINE_CONFIG, upgradeTimeout };
  engine = new EngineServer(config, new RecordingApplication(), new FakeClock().read);
  timers = new FakeTimers();
  requests = new PollingRequests(engine, timers.after);
  upgrades = new Upgrades(engine, timers.after);
  await requests.open("s", undefined);
  const found = engine.sessions.get("s");
  if (found === undefined) throw new Error("No session has opened.");
  session = found;
  webSocket = {} as WebSocket;
  wire = new FakeTransport();
  expect(upgrades.begin(session, webSocket, wire)).toBe(true);
};

beforeEach(() => open());

/** A GET of the session that is no longer the engine's. */
const finish = async () => {
  const response = await requests.finish("s", new Request("http://gateway"));
  return [response.status, await response.text()];
};

/** Two GETs that end such a session: one gets what was left, the next one CLOSE alone. */
const finishAll = async () => {
  expect(await finish()).toEqual([200, "4bye"]);
  expect(await finish()).toEqual([200, "1"]);
};

const UNKNOWN = [400, '{"code":1,"message":"Session ID unknown"}'];
const GIVEN_UP = { code: 1000, reason: "transport close" };

const probe = () => {
  upgrades.receive(webSocket, "2probe");
  expect(wire.take()).toEqual(["3probe"]);
};

const close = () => {
  session.sendMessage("bye");
  engine.close(session, "connect timeout");
};

/** The attempt is over, and leads nowhere. */
const failed = () => {
  expect(wire.closes).toEqual([GIVEN_UP]);
  expect(session.upgrade).toBeUndefined();
  expect(upgrades.receive(webSocket, "5")).toBeUndefined();
  expect(wire.sent).toEqual([]);
  expect(wire.closes).toEqual([GIVEN_UP]);
};

describe("CONN-11 a session closed while its WebSocket is open, and no more", () => {
  it("gives the next GETs the rest and CLOSE, and the attempt fails", async () => {
    close();
    expect(wire.closes).toEqual([]);
    await finishAll();
    failed();
    expect(await finish()).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });

  it("tells the GET that waits, and the attempt fails at once", async () => {
    const waiting = requests.handle(session, new Request("http://gateway"));
    engine.close(session, "connect timeout");
    expect(await (await waiting).text()).toBe("1");
    failed();
    expect(timers.pending).toEqual([]);
  });

  it("answers the GET that waits, and the attempt fails when the next one has CLOSE", async () => {
    const waiting = requests.handle(session, new Request("http://gateway"));
    close();
    expect(await (await waiting).text()).toBe("4bye");
    expect(wire.closes).toEqual([]);
    expect(await finish()).toEqual([200, "1"]);
    failed();
    expect(await finish()).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });
});

describe("CONN-11 a session closed while it is probed", () => {
  it("gives all to the WebSocket after UPGRADE, and nothing keeps the object awake", async () => {
    probe();
    close();
    expect(upgrades.receive(webSocket, "5")).toBe(session);
    expect(wire.sent).toEqual(["4bye", "1"]);
    expect(wire.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    expect(await finish()).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
    expect(upgrades.receive(webSocket, "5")).toBeUndefined();
    upgrades.closed(webSocket);
    timers.pass(60_000);
    expect(wire.sent).toEqual(["4bye", "1"]);
    expect(wire.closes.length).toBe(1);
  });

  it("gives the rest and CLOSE to GETs that come all the same, and the attempt fails", async () => {
    probe();
    close();
    await finishAll();
    failed();
    expect(timers.pending).toEqual([]);
  });

  it("tells a GET that was not let go yet, and the attempt fails", async () => {
    probe();
    const waiting = requests.handle(session, new Request("http://gateway"));
    engine.close(session, "connect timeout");
    expect(await (await waiting).text()).toBe("1");
    failed();
    // The GET was to be let go after 100 ms; that does nothing now.
    timers.pass(100);
    expect(timers.pending).toEqual([]);
  });

  it("answers a GET that was not let go yet, and says the end on the WebSocket after UPGRADE", async () => {
    probe();
    const waiting = requests.handle(session, new Request("http://gateway"));
    close();
    expect(await (await waiting).text()).toBe("4bye");
    expect(upgrades.receive(webSocket, "5")).toBe(session);
    expect(wire.sent).toEqual(["1"]);
    expect(wire.closes).toEqual([{ code: 1000, reason: "forced close" }]);
    expect(await finish()).toEqual(UNKNOWN);
    timers.pass(100);
    expect(timers.pending).toEqual([]);
  });

  it.each<[string, () => void]>([
    ["does not say UPGRADE in time", () => timers.pass(10_000)],
    ["goes away", () => upgrades.closed(webSocket)],
    ["misbehaves", () => upgrades.receive(webSocket, "4early")],
  ])("keeps the rest for a GET when its WebSocket %s", async (_, end) => {
    probe();
    close();
    end();
    failed();
    await finishAll();
    expect(timers.pending).toEqual([]);
  });
});

describe("CONN-11 a closed session that nobody comes for", () => {
  it.each([false, true])("fails its attempt when it expires: probed %j", async (probed) => {
    await open(60_000);
    if (probed) probe();
    close();
    timers.pass(29_999);
    expect(wire.closes).toEqual([]);
    timers.pass(1);
    failed();
    expect(await finish()).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });
});

describe("CONN-11 a session that ends at once", () => {
  it.each([false, true])("fails its attempt: probed %j", async (probed) => {
    if (probed) probe();
    session.sendMessage("bye");
    engine.abort(session, "ping timeout");
    failed();
    await settled();
    expect(await finish()).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });
});

it("CONN-11 a session that has upgraded does not end with its polling transport", () => {
  probe();
  upgrades.receive(webSocket, "5");
  expect(session).toMatchObject({ closed: false, transport: wire });
  expect(wire.closes).toEqual([]);
  expect(timers.pending).toEqual([]);
});
