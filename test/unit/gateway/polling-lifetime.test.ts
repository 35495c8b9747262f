import { beforeEach, describe, expect, it } from "vitest";
import { MAX_QUEUED } from "../../../src/engineio/polling.ts";
import type { EngineServer } from "../../../src/engineio/server.ts";
import { PollingRequests } from "../../../src/gateway/polling-requests.ts";
import {
  engineFor,
  FakeTimers,
  FakeTransport,
  RecordingApplication,
  SlowBody,
  settled,
} from "../../support/fakes.ts";

let application: RecordingApplication;
let engine: EngineServer;
let timers: FakeTimers;
let requests: PollingRequests;

const open = async () => {
  application = new RecordingApplication();
  engine = engineFor(application);
  timers = new FakeTimers();
  requests = new PollingRequests(engine, timers.after);
  await requests.open("s", undefined);
};

beforeEach(open);

const sessionOf = (id: string) => {
  const session = engine.sessions.get(id);
  if (session === undefined) throw new Error(`There is no session ${id}.`);
  return session;
};

/** What a request gets that names a session which is no longer the engine's. */
const ask = async (id: string, method = "GET") => {
  const response = await requests.finish(id, new Request("http://gateway", { method }));
  return [response.status, await response.text()];
};

// Node requires `duplex` where the body is a stream.
const postOf = (body: ReadableStream<Uint8Array>) =>
  new Request("http://gateway", { method: "POST", body, ...{ duplex: "half" } });

const UNKNOWN = [400, '{"code":1,"message":"Session ID unknown"}'];

describe("CONN-10 a session that the server has closed", () => {
  it("gives the next GET what was left, the one after it CLOSE, and is unknown then", async () => {
    sessionOf("s").sendMessage("bye");
    engine.close(sessionOf("s"), "forced close");
    expect(await ask("s")).toEqual([200, "4bye"]);
    expect(await ask("s", "POST")).toEqual([200, "ok"]);
    expect(await ask("s")).toEqual([200, "1"]);
    for (const method of ["GET", "POST"]) expect(await ask("s", method)).toEqual(UNKNOWN);
  });

  it("gives a GET that waits what this turn sent, the next one CLOSE, and is unknown then", async () => {
    const waiting = requests.handle(sessionOf("s"), new Request("http://gateway"));
    sessionOf("s").sendMessage("bye");
    engine.close(sessionOf("s"), "forced close");
    expect(await (await waiting).text()).toBe("4bye");
    expect(await ask("s")).toEqual([200, "1"]);
    for (const method of ["GET", "POST"]) expect(await ask("s", method)).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });

  it("takes POSTs that come too late, and ignores them, so that their client still asks for the rest", async () => {
    engine.close(sessionOf("s"), "forced close");
    const body = new SlowBody();
    body.controller.enqueue(Buffer.from("4late"));
    body.controller.close();
    const response = await requests.finish("s", postOf(body.stream));
    expect([response.status, await response.text()]).toEqual([200, "ok"]);
    expect(response.headers.get("content-type")).toBe("text/html");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await ask("s", "POST")).toEqual([200, "ok"]);
    expect(application.log.map(([what]) => what)).toEqual(["open", "close"]);
    expect(await ask("s")).toEqual([200, "1"]);
  });

  it("reads no more than 65,536 bytes of a late POST, which nothing else bounds", async () => {
    engine.close(sessionOf("s"), "forced close");
    const body = new SlowBody();
    const request = postOf(body.stream);
    body.controller.enqueue(new Uint8Array(65_537));
    expect((await requests.finish("s", request)).status).toBe(400);
    expect(body.cancelled).toBe(true);
  });

  it("refuses a late POST whose client has gone", async () => {
    engine.close(sessionOf("s"), "forced close");
    const body = new SlowBody();
    const request = postOf(body.stream);
    body.controller.error(new Error("gone"));
    expect((await requests.finish("s", request)).status).toBe(400);
  });

  it("is kept for 30 s", async () => {
    engine.close(sessionOf("s"), "connect timeout");
    timers.pass(30_000);
    expect(await ask("s")).toEqual(UNKNOWN);
    await open();
    engine.close(sessionOf("s"), "connect timeout");
    timers.pass(29_999);
    expect(await ask("s")).toEqual([200, "1"]);
  });

  it("is kept for 30 s in all, though its client has fetched the rest", async () => {
    sessionOf("s").sendMessage("bye");
    engine.close(sessionOf("s"), "connect timeout");
    timers.pass(29_999);
    expect(await ask("s")).toEqual([200, "4bye"]);
    timers.pass(1);
    expect(await ask("s")).toEqual(UNKNOWN);
    expect(timers.pending).toEqual([]);
  });

  it("for a fault of its client is unknown at once", async () => {
    engine.abort(sessionOf("s"), "parse error");
    expect(await ask("s")).toEqual(UNKNOWN);
  });
});

describe("CONN-10 a gateway with polling sessions", () => {
  it("stays awake as long as there is one, by one timer that is set again and again", async () => {
    expect(timers.pending).toEqual([30_000]);
    timers.pass(10_000);
    await requests.open("t", undefined);
    expect(timers.pending).toEqual([20_000]);
    timers.pass(20_000);
    expect(timers.pending).toEqual([30_000]);
    engine.abort(sessionOf("s"), "transport close");
    expect(timers.pending).toEqual([30_000]);
    engine.abort(sessionOf("t"), "ping timeout");
    expect(timers.pending).toEqual([]);
    await requests.open("u", undefined);
    expect(timers.pending).toEqual([30_000]);
  });

  it("stays awake for a closed one whose client has not fetched the end, and sleeps when it has", async () => {
    engine.close(sessionOf("s"), "forced close");
    timers.pass(10_000);
    expect(timers.pending).toEqual([20_000, 20_000]);
    await ask("s");
    expect(timers.pending).toEqual([]);
  });

  it("sleeps when nobody has fetched the end in time", () => {
    engine.close(sessionOf("s"), "forced close");
    timers.pass(30_000);
    expect(timers.pending).toEqual([]);
  });

  it("CONN-11 sleeps when the last one has upgraded, and not before", () => {
    const upgrade = engine.upgrade(sessionOf("s"), new FakeTransport(), () => {});
    upgrade?.receive("2probe");
    expect(timers.pending).toEqual([30_000]);
    upgrade?.receive("5");
    expect(timers.pending).toEqual([]);
  });

  it("CONN-10 closes a session whose client fetches nothing", async () => {
    const session = sessionOf("s");
    session.sendMessage("x".repeat(MAX_QUEUED));
    await Promise.resolve();
    expect(session.closed).toBe(true);
    expect(timers.pending).toEqual([]);
  });
});

describe("CONN-10 a POST that ends just as its session", () => {
  const post = async (body: ReadableStream<Uint8Array>) => {
    // It is handled before the session changes: still a polling one.
    const { status } = await requests.handle(sessionOf("s"), postOf(body));
    return status;
  };

  it.each<[string, () => void]>([
    ["upgrades", () => engine.upgrade(sessionOf("s"), new FakeTransport(), () => {})?.receive("5")],
    ["closes", () => engine.close(sessionOf("s"), "forced close")],
  ])("%s is handed on before, or refused", async (_, change) => {
    const statuses = new Set<number>();
    for (let steps = 0; steps < 30; steps++) {
      await open();
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const answer = post(readable);
      const writer = writable.getWriter();
      await writer.write(Buffer.from("4a"));
      writer.close().catch(() => undefined);
      for (let step = 0; step < steps; step++) await Promise.resolve();
      const messages = () => application.log.filter(([what]) => what === "message");
      const before = messages();
      change();
      const status = await answer;
      await settled();
      expect(messages()).toEqual(before);
      expect(status).toBe(before.length === 1 ? 200 : 400);
      statuses.add(status);
    }
    expect([...statuses]).toEqual([400, 200]);
  });
});
