import { getEventListeners } from "node:events";
import { beforeEach, describe, expect, it } from "vitest";
import { BAD_REQUEST } from "../../../src/engineio/handshake.ts";
import type { EngineServer } from "../../../src/engineio/server.ts";
import type { Session } from "../../../src/engineio/session.ts";
import { PollingRequests } from "../../../src/gateway/polling-requests.ts";
import {
  ENGINE_CONFIG,
  engineFor,
  FakeTimers,
  FakeTransport,
  RecordingApplication,
  SlowBody,
  settled,
} from "../../support/fakes.ts";

const URL = "http://gateway/socket.io/?EIO=4&transport=polling&sid=s";

let application: RecordingApplication;
let engine: EngineServer;
let timers: FakeTimers;
let requests: PollingRequests;
let opened: Response;
let session: Session;

beforeEach(async () => {
  application = new RecordingApplication();
  engine = engineFor(application);
  timers = new FakeTimers();
  requests = new PollingRequests(engine, timers.after);
  opened = await requests.open("s", { ip: "here" });
  const found = engine.sessions.get("s");
  if (found?.transport.name !== "polling") throw new Error("No polling session has opened.");
  session = found;
});

/** A request's answer, once there is one, as `[status, body]`. */
const answerTo = (request: Request): unknown[] => {
  const answer: unknown[] = [];
  requests.handle(session, request).then(async (response) => {
    const text = await response.text();
    answer.push(response.status, text.startsWith("{") ? JSON.parse(text) : text);
  });
  return answer;
};

const get = (signal?: AbortSignal) => answerTo(new Request(URL, signal ? { signal } : {}));

const post = (body: BodyInit, type = "text/plain;charset=UTF-8") =>
  answerTo(
    new Request(URL, {
      method: "POST",
      body,
      headers: { "content-type": type },
      // Node requires this where the body is a stream.
      ...{ duplex: "half" },
    }),
  );

const refused = [400, { code: BAD_REQUEST.code, message: BAD_REQUEST.message }];
const messages = () => application.log.filter(([what]) => what === "message").map(([, , data]) => data);
const closes = () => application.log.filter(([what]) => what === "close").map(([, , reason]) => reason);

describe("CONN-10 opening", () => {
  it("is answered with OPEN, and nothing may store the answer", async () => {
    expect(opened.status).toBe(200);
    expect(opened.headers.get("content-type")).toBe("text/plain; charset=UTF-8");
    expect(opened.headers.get("cache-control")).toBe("no-store");
    expect(JSON.parse((await opened.text()).slice(1))).toMatchObject({ sid: "s", upgrades: ["websocket"] });
    expect(application.log).toEqual([["open", "s", { ip: "here" }]]);
  });

  it("gives in one answer what the application sends at once", async () => {
    application.open = (of) => of.sendMessage("welcome");
    const response = await requests.open("t", undefined);
    const [open, ...more] = (await response.text()).split("\x1e");
    expect(open).toContain('"sid":"t"');
    expect(more).toEqual(["4welcome"]);
  });

  it("is answered with OPEN alone when the application closes the session at once; CLOSE follows", async () => {
    application.open = (of) => engine.close(of, "parse error");
    const response = await requests.open("t", undefined);
    expect(response.status).toBe(200);
    expect(JSON.parse((await response.text()).slice(1))).toMatchObject({ sid: "t" });
    const last = await requests.finish("t", new Request(URL));
    expect([last.status, await last.text()]).toEqual([200, "1"]);
    expect((await requests.finish("t", new Request(URL))).status).toBe(400);
  });

  it("is refused when the application ends the session at once", async () => {
    application.open = (of) => engine.abort(of, "parse error");
    const response = await requests.open("t", undefined);
    expect([response.status, await response.json()]).toEqual(refused);
    expect((await requests.finish("t", new Request(URL))).status).toBe(400);
  });
});

describe("CONN-10 GET", () => {
  it("is answered as the handshake was", async () => {
    session.sendMessage("a");
    const { status, headers } = await requests.handle(session, new Request(URL));
    expect(status).toBe(200);
    for (const name of ["content-type", "cache-control"])
      expect(headers.get(name)).toBe(opened.headers.get(name));
  });

  it("while another waits closes the session, and that one is told", async () => {
    const [first, second] = [get(), get()];
    await settled();
    expect([first, second]).toEqual([[200, "1"], refused]);
    expect(closes()).toEqual(["transport error"]);
  });

  it("follows GET for as long as the session lasts", async () => {
    for (const text of ["a", "b"]) {
      const answer = get();
      await settled();
      expect(answer).toEqual([]);
      session.sendMessage(text);
      await settled();
      expect(answer).toEqual([200, `4${text}`]);
    }
    expect(closes()).toEqual([]);
  });

  it("that its client gives up closes the session", async () => {
    const client = new AbortController();
    get(client.signal);
    await settled();
    expect(closes()).toEqual([]);
    client.abort();
    expect(closes()).toEqual(["transport error"]);
    expect(session.closed).toBe(true);
  });

  it("that its client had given up before it came closes the session", async () => {
    get(AbortSignal.abort());
    await settled();
    expect(closes()).toEqual(["transport error"]);
  });

  it("that was answered closes nothing when its connection ends", async () => {
    const client = new AbortController();
    const request = new Request(URL, { signal: client.signal });
    const answer = answerTo(request);
    await settled();
    expect(getEventListeners(request.signal, "abort").length).toBe(1);
    session.sendMessage("a");
    await settled();
    client.abort();
    expect(answer).toEqual([200, "4a"]);
    expect(closes()).toEqual([]);
    expect(getEventListeners(request.signal, "abort")).toEqual([]);
  });
});

describe("CONN-11 GET while the session upgrades", () => {
  it("is let go soon after it came, once the new transport is probed", async () => {
    engine.upgrade(session, new FakeTransport(), () => {})?.receive("2probe");
    const answer = get();
    timers.pass(99);
    await settled();
    expect(answer).toEqual([]);
    timers.pass(1);
    await settled();
    expect(answer).toEqual([200, "6"]);
    expect(closes()).toEqual([]);
  });

  it("waits while the new transport is not probed", async () => {
    engine.upgrade(session, new FakeTransport(), () => {});
    const answer = get();
    timers.pass(1_000);
    await settled();
    expect(answer).toEqual([]);
  });
});

describe("CONN-10 POST", () => {
  it("hands its packets on, and is answered ok in a form that no browser offers for download", async () => {
    const body = new Blob(["4a\x1e4b\x1e4é"]);
    const request = new Request(URL, { method: "POST", body });
    const response = await requests.handle(session, request);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toBe("ok");
    expect(messages()).toEqual(["a", "b", "é"]);
  });

  it("follows POST, and leaves a GET waiting", async () => {
    const waiting = get();
    for (const text of ["4a", "4b"]) {
      const answer = post(text);
      await settled();
      expect(answer).toEqual([200, "ok"]);
    }
    expect(messages()).toEqual(["a", "b"]);
    expect(waiting).toEqual([]);
  });

  it("while another is under way closes the session, and ends that one", async () => {
    const body = new SlowBody();
    const first = post(body.stream);
    await settled();
    const second = post("4b");
    await settled();
    expect([first, second]).toEqual([refused, refused]);
    expect(body.cancelled).toBe(true);
    expect(messages()).toEqual([]);
    expect(closes()).toEqual(["transport error"]);
  });

  it("CONN-9 may have the limit's bytes", async () => {
    const answer = post(`4${"é".repeat((ENGINE_CONFIG.maxPayload - 2) / 2)}x`);
    await settled();
    expect(answer).toEqual([200, "ok"]);
    expect(messages().length).toBe(1);
  });

  it.each<[string, BodyInit, string | undefined, unknown[], string]>([
    [
      "one byte too many",
      "4".padEnd(ENGINE_CONFIG.maxPayload + 1, "x"),
      undefined,
      [413, ""],
      "payload too large",
    ],
    ["bytes for text", new Uint8Array([0x34, 0x61]), "application/octet-stream", refused, "transport error"],
    ["no UTF-8", new Uint8Array([0x34, 0xff]), undefined, refused, "parse error"],
    ["no payload", "4a\x1e", undefined, refused, "parse error"],
    ["nothing", "", undefined, refused, "parse error"],
  ])(
    "CONN-9 with %s closes the session, and a GET that waits is told",
    async (_, body, type, answer, reason) => {
      const waiting = get();
      const posted = post(body, type);
      await settled();
      expect(posted).toEqual(answer);
      expect(waiting).toEqual([200, "1"]);
      expect(closes()).toEqual([reason]);
      expect(messages()).toEqual([]);
    },
  );

  it("that breaks off closes the session", async () => {
    const body = new SlowBody();
    const answer = post(body.stream);
    body.controller.error(new Error("gone"));
    await settled();
    expect(answer).toEqual(refused);
    expect(closes()).toEqual(["transport error"]);
  });

  it("CONN-11 still under way when the session has upgraded is refused; the session goes on", async () => {
    const body = new SlowBody();
    const answer = post(body.stream);
    body.controller.enqueue(Buffer.from("4late"));
    await settled();
    engine.upgrade(session, new FakeTransport(), () => {})?.receive("5");
    await settled();
    expect(answer).toEqual(refused);
    expect(body.cancelled).toBe(true);
    expect(application.log.length).toBe(1);
    expect(session.closed).toBe(false);
  });

  it.each(["forced close", "ping timeout"] as const)(
    "still under way when the session ends is refused: %s",
    async (reason) => {
      const body = new SlowBody();
      const answer = post(body.stream);
      body.controller.enqueue(Buffer.from("4late"));
      await settled();
      engine.close(session, reason);
      await settled();
      expect(answer).toEqual(refused);
      expect(body.cancelled).toBe(true);
      expect(messages()).toEqual([]);
      expect(closes()).toEqual([reason]);
    },
  );
});
