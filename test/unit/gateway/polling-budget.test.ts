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

describe("CONN-10 what polling holds of a gateway's memory", () => {
  const QUEUES = 20;
  const SHARE = BUDGET / QUEUES;

  /** Holds all of it, on many queues alike. */
  const fill = async (): Promise<Session[]> => {
    const sessions = await openMany(QUEUES);
    for (const session of sessions) {
      session.save(undefined, true);
      queue(session, SHARE);
    }
    await settled();
    expect(closes()).toEqual([]);
    return sessions;
  };

  it("is bounded for all sessions together: the one that holds the most is closed, not the one that is sent to", async () => {
    const [first] = await fill();
    if (first) queue(first, COST + 1);
    await settled();
    expect(closes()).toEqual([["many-0", "transport error"]]);
    // The end of that one has made room.
    queue(victim, SHARE);
    await settled();
    queue(probe, COST + 1);
    await settled();
    expect(closes().length).toBe(2);
    expect(closes()).not.toContainEqual(["probe", "transport error"]);
    expect(probe.closed).toBe(false);
  });

  it("closes first who has not authenticated", async () => {
    const [first] = await fill();
    if (first) await get(first);
    queue(victim, SHARE / 4);
    probe.save(undefined, true);
    queue(probe, SHARE);
    await settled();
    expect(closes()).toEqual([["victim", "transport error"]]);
  });

  it.each<[string, (session: Session) => unknown]>([
    ["its GET", (session) => get(session)],
    ["its upgrade", (session) => engine.upgrade(session, new FakeTransport(), () => {})?.receive("5")],
    ["its end", (session) => engine.abort(session, "ping timeout")],
    [
      "its close, and the GET that follows",
      async (session) => {
        engine.close(session, "forced close");
        const response = await requests.finish(session.id, new Request("http://gateway"));
        expect((await response.text()).length).toBe(SHARE - COST);
      },
    ],
  ])("is freed of a session's queue by %s", async (_, step) => {
    const [first] = await fill();
    if (first) await step(first);
    const before = closes();
    queue(probe, SHARE);
    await settled();
    expect(closes()).toEqual(before);
    queue(probe, COST + 1);
    await settled();
    expect(closes().length).toBe(before.length + 1);
  });

  it("is still held by a session that is kept for its next GET, which is the first to go", async () => {
    const [first, second] = await fill();
    if (first) engine.close(first, "forced close");
    await settled();
    if (second) queue(second, SHARE / 8);
    await settled();
    expect((await requests.finish("many-0", new Request("http://gateway"))).status).toBe(400);
    expect(closes()).toEqual([["many-0", "forced close"]]);
  });

  it("takes no further session when it is full", async () => {
    const [first] = await fill();
    const { status } = await requests.open("late", undefined);
    expect(status).toBe(503);
    expect(engine.sessions.has("late")).toBe(false);
    if (first) await get(first);
    expect((await requests.open("late", undefined)).status).toBe(200);
  });

  it("lets a GET that waits have its packets however full it is", async () => {
    const got = get(probe);
    await fill();
    probe.sendMessage("a");
    expect(await got).toBe("4a");
    expect(probe.closed).toBe(false);
  });
});

describe("CONN-9 CONN-10 bodies that are being read", () => {
  const COUNT = BUDGET / BODY;

  it("count: the largest is refused and its session closed, not a small one that comes when all is full", async () => {
    const sessions = await openMany(COUNT);
    const posts = sessions.map(postWhole);
    await settled();
    expect(closes()).toEqual([]);
    const small = post(victim);
    small.body.controller.enqueue(Buffer.from("4"));
    await settled();
    expect(closes()).toEqual([["many-0", "transport error"]]);
    expect(posts[0]?.statuses).toEqual([400]);
    expect(posts[0]?.body.cancelled).toBe(true);
    small.body.controller.close();
    for (const { body } of posts.slice(1)) body.controller.close();
    await settled();
    expect(small.statuses).toEqual([200]);
    expect(posts.slice(1).map(({ statuses }) => statuses)).toEqual(posts.slice(1).map(() => [200]));
  });

  it("give their memory back when they have been read", async () => {
    for (let turn = 0; turn < 2; turn++) {
      const posts = (await openMany(COUNT)).map(postWhole);
      await settled();
      for (const { body } of posts) body.controller.close();
      await settled();
      for (const session of [...engine.sessions.values()]) {
        if (session !== probe && session !== victim) engine.abort(session, "transport close");
      }
    }
    expect(closes().filter(([, reason]) => reason === "transport error")).toEqual([]);
  });

  it.each<[string, (body: SlowBody, session: Session) => void]>([
    ["its client goes", (body) => body.controller.error(new Error("gone"))],
    ["its session ends", (_, session) => engine.abort(session, "ping timeout")],
  ])("give their memory back when %s", async (_, end) => {
    const sessions = await openMany(COUNT);
    const posts = sessions.map(postWhole);
    await settled();
    const [body, session] = [posts[0]?.body, sessions[0]];
    if (body && session) end(body, session);
    await settled();
    const before = closes();
    queue(probe, BODY);
    await settled();
    expect(closes()).toEqual(before);
  });
});
