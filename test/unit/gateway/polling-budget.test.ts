import { beforeEach, describe, expect, it } from "vitest";
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

const BUDGET = 32_000_000;
const COST = 16;
const BODY = ENGINE_CONFIG.maxPayload;
/** What a body takes as soon as its first byte is there. */
const FIRST_BYTES = 16_384;

let application: RecordingApplication;
let engine: EngineServer;
let requests: PollingRequests;
/** Two sessions that hold nothing. One must open before memory is full: OPEN waits for its GET too. */
let probe: Session;
let victim: Session;

beforeEach(async () => {
  application = new RecordingApplication();
  engine = engineFor(application);
  requests = new PollingRequests(engine, new FakeTimers().after);
  [probe, victim] = [await open("probe"), await open("victim")];
});

/** A session whose client has fetched OPEN. */
const open = async (id: string): Promise<Session> => {
  await requests.open(id, undefined);
  const session = engine.sessions.get(id);
  if (session === undefined) throw new Error("No session has opened.");
  return session;
};

const openMany = async (count: number): Promise<Session[]> => {
  const sessions: Session[] = [];
  for (let index = 0; index < count; index++) sessions.push(await open(`many-${index}`));
  return sessions;
};

/** Queues one packet that counts as `size`. */
const queue = (session: Session, size: number) => session.send("4".padEnd(size - COST, "x"));

const get = async (session: Session) => {
  const response = await requests.handle(session, new Request("http://gateway"));
  return response.text();
};

/** A POST that is not at its end, and its answer's status once there is one. */
const post = (session: Session) => {
  const body = new SlowBody();
  // Node requires `duplex` where the body is a stream.
  const init = { method: "POST", body: body.stream, ...{ duplex: "half" } };
  const statuses: number[] = [];
  requests
    .handle(session, new Request("http://gateway", init))
    .then(({ status }) => void statuses.push(status));
  return { body, statuses };
};

/** As much of a body as fills its memory. */
const WHOLE = Buffer.alloc(BODY, "4");

/** A POST that holds all the memory that one may. */
const postWhole = (session: Session) => {
  const posted = post(session);
  posted.body.controller.enqueue(WHOLE);
  return posted;
};

const closes = () =>
  application.log.filter(([what]) => what === "close").map(([, id, reason]) => [id, reason]);

/** Whether so much is free, and not more: `probe` takes it all, and then `victim` ends. */
const expectFree = async (free: number) => {
  const before = closes();
  // A queue is bounded too.
  expect(free).toBeLessThan(2_000_000);
  if (free > 0) queue(probe, free);
  await settled();
  expect(closes()).toEqual(before);
  queue(victim, COST + 1);
  await settled();
  expect(closes()).toEqual([...before, ["victim", "transport error"]]);
};

describe("CONN-10 what polling holds of a gateway's memory", () => {
  const QUEUES = 20;

  /** Holds all but `free`, on many queues alike. */
  const fill = async (free: number): Promise<Session[]> => {
    const sessions = await openMany(QUEUES);
    for (const session of sessions) queue(session, (BUDGET - free) / sessions.length);
    return sessions;
  };

  it("is bounded for all sessions together: the one that exceeds it is closed, no other", async () => {
    const [first] = await fill(100);
    await settled();
    expect(closes()).toEqual([]);
    await expectFree(100);
    if (first) queue(first, 20);
    await settled();
    const overflown = [
      ["victim", "transport error"],
      ["many-0", "transport error"],
    ];
    expect(closes()).toEqual(overflown);
    // The end of that one has made room.
    queue(probe, 20);
    await settled();
    expect(closes()).toEqual(overflown);
  });

  it.each<[string, (session: Session) => unknown]>([
    ["its GET", (session) => get(session)],
    ["its upgrade", (session) => engine.upgrade(session, new FakeTransport(), () => {})?.receive("5")],
    ["its end", (session) => engine.abort(session, "ping timeout")],
    [
      "its close, and the GET that follows",
      async (session) => {
        engine.close(session, "forced close");
        await requests.finish(session.id, new Request("http://gateway"));
      },
    ],
  ])("is freed of a session's queue by %s", async (_, step) => {
    const [first] = await fill(0);
    if (first) await step(first);
    await expectFree(BUDGET / QUEUES);
  });

  it("is still held by a session that is kept for its next GET, with CLOSE", async () => {
    const [first] = await fill(100);
    if (first) engine.close(first, "forced close");
    await expectFree(100 - COST - 1);
  });

  it("takes no further session when it is full", async () => {
    const [first] = await fill(9_980);
    const { status } = await requests.open("late", undefined);
    expect(status).toBe(503);
    expect(engine.sessions.has("late")).toBe(false);
    if (first) await get(first);
    expect((await requests.open("late", undefined)).status).toBe(200);
  });

  it("lets a GET that waits have its packets however full it is", async () => {
    const got = get(probe);
    await fill(0);
    probe.sendMessage("a");
    expect(await got).toBe("4a");
    expect(closes()).toEqual([]);
  });
});

describe("CONN-9 CONN-10 bodies that are being read", () => {
  const COUNT = BUDGET / BODY;

  it("count: the POST that exceeds the budget is refused, and its session closed, no other", async () => {
    const sessions = await openMany(COUNT);
    const posts = sessions.map(postWhole);
    await settled();
    expect(closes()).toEqual([]);
    const late = post(victim);
    await settled();
    expect(late.statuses).toEqual([]);
    late.body.controller.enqueue(Buffer.from("4"));
    await settled();
    expect(late.statuses).toEqual([400]);
    expect(late.body.cancelled).toBe(true);
    expect(closes()).toEqual([["victim", "transport error"]]);
    for (const { body } of posts) body.controller.close();
    await settled();
    expect(posts.map(({ statuses }) => statuses)).toEqual(posts.map(() => [200]));
    expect(closes().length).toBe(1);
  });

  it("count with the queues: a packet that nobody fetches is then too much", async () => {
    for (const session of await openMany(COUNT)) postWhole(session);
    await settled();
    await expectFree(0);
  });

  it("count for what is taken for them, not only for what has come", async () => {
    const sessions = await openMany(COUNT);
    for (const session of sessions.slice(1)) postWhole(session);
    for (const session of sessions.slice(0, 1)) post(session).body.controller.enqueue(Buffer.from("4"));
    await settled();
    await expectFree(BODY - FIRST_BYTES);
  });

  it.each<[string, (posted: ReturnType<typeof post>, session: Session) => unknown, number]>([
    ["when they have been read", ({ body }) => body.controller.close(), 200],
    ["when they break off", ({ body }) => body.controller.error(new Error("gone")), 400],
    ["when they are too large", ({ body }) => body.controller.enqueue(Buffer.from("4")), 413],
    ["when they are not UTF-8", ({ body }) => body.controller.close(), 400],
    ["when their session ends", (_, session) => engine.abort(session, "ping timeout"), 400],
    ["when their session closes", (_, session) => engine.close(session, "forced close"), 400],
    [
      "when their session upgrades",
      (_, session) => engine.upgrade(session, new FakeTransport(), () => {})?.receive("5"),
      400,
    ],
  ])("give their memory back %s", async (name, end, status) => {
    const [first, ...others] = await openMany(COUNT);
    if (first === undefined) throw new Error("There is none.");
    for (const session of others) postWhole(session);
    const posted = post(first);
    posted.body.controller.enqueue(name.endsWith("UTF-8") ? Buffer.alloc(BODY, 0xff) : WHOLE);
    await settled();
    expect(posted.statuses).toEqual([]);
    end(posted, first);
    await settled();
    expect(posted.statuses).toEqual([status]);
    // One that is kept for its next GET holds CLOSE.
    await expectFree(name.endsWith("closes") ? BODY - COST - 1 : BODY);
  });
});
