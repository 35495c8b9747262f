import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Backend, BackendRequest } from "../../src/backends/backend.ts";
import { metered } from "../../src/backends/embedded/credits/metering.ts";
import { ledgerName } from "../../src/backends/embedded/credits/names.ts";
import type { Deducted } from "../../src/backends/embedded/credits/protocol.ts";
import { sleep } from "../../src/lib/after.ts";
import { callRetrying } from "../../src/lib/rpc.ts";
import { RawSocket } from "./support/raw-socket.ts";

const WELCOME = 1_000;

const ledgerOf = (userId: string) => env.LEDGERS.getByName(ledgerName("demo", userId));
const roomOf = (userId: string) => env.ROOMS.getByName(`user:${userId}`);

const query = (requestId: string, amount = 1) => ({ requestId, action: "query", amount });

type Told = [event: string, data: Readonly<Record<string, unknown>>];

/** What the user's personal room has accepted, in order. */
const told = (userId: string): Promise<Told[]> =>
  runInDurableObject(roomOf(userId), (_, { storage }) =>
    storage.sql
      .exec<{ body: string }>("SELECT body FROM log ORDER BY seq")
      .toArray()
      .map(({ body }) => JSON.parse(body)),
  );

/** The same, once the ledger has told all. */
const toldInTheEnd = async (userId: string): Promise<Told[]> => {
  await expect.poll(() => waiting(userId), { timeout: 10_000 }).toBe(0);
  return told(userId);
};

const waiting = (userId: string): Promise<number> =>
  runInDurableObject(ledgerOf(userId), (_, { storage }) =>
    Number(storage.sql.exec("SELECT count(*) AS n FROM outbox").one().n),
  );

/** Makes all of a ledger's deadlines due, and lets the alarm ring in its next life. */
const ringLater = async (userId: string): Promise<void> => {
  const stub = ledgerOf(userId);
  await runInDurableObject(stub, async (_, { storage }) => {
    storage.sql.exec("UPDATE deductions SET due = 0 WHERE state = 'held'");
    const alarms = storage.kv.get<Record<string, number>>("alarms") ?? {};
    storage.kv.put("alarms", Object.fromEntries(Object.keys(alarms).map((name) => [name, 1])));
    await storage.setAlarm(Date.now() + 3_600_000);
  });
  await evictDurableObject(stub);
  expect(await runDurableObjectAlarm(ledgerOf(userId))).toBe(true);
};

const moved = (events: readonly Told[]) => events.filter(([event]) => event !== "credit_balance_updated");

/** What the events say has been spent and earned, transaction by transaction. */
const sumOf = (events: readonly Told[], name: string): number =>
  events.filter(([event]) => event === name).reduce((sum, [, { amount }]) => sum + Number(amount), 0);

const transactionsIn = (events: readonly Told[]) =>
  moved(events).map(([, { transactionId }]) => transactionId);

describe("a ledger, on real objects", () => {
  it("tells each movement to the user's sockets, who have subscribed to nothing", async () => {
    const socket = await RawSocket.open();
    await socket.connect();
    const stub = ledgerOf("user_test");
    expect(await stub.deduct(query("r1", 10))).toMatchObject({ ok: true, newBalance: 990 });
    await socket.next('42["credit_balance_updated",{"newBalance":990,');
    const credits = socket.frames
      .filter((frame) => frame.includes('["credit'))
      .map((frame) => JSON.parse(frame.slice(2)).slice(0, 2));
    expect(credits).toEqual([
      [
        "credits_granted",
        expect.objectContaining({ amount: WELCOME, newBalance: WELCOME, reason: "welcome" }),
      ],
      [
        "credit_balance_updated",
        { newBalance: WELCOME, lifetimeEarned: WELCOME, lifetimeSpent: 0, applicationId: "demo" },
      ],
      ["credits_deducted", expect.objectContaining({ amount: 10, newBalance: 990, action: "query" })],
      [
        "credit_balance_updated",
        { newBalance: 990, lifetimeEarned: WELCOME, lifetimeSpent: 10, applicationId: "demo" },
      ],
    ]);
    socket.close();
  });

  it("gives back by its alarm what died in between, though the object was gone", async () => {
    await ledgerOf("u_lapse").deduct(query("dead", 30));
    await ledgerOf("u_lapse").deduct(query("alive", 5));
    expect(await ledgerOf("u_lapse").settle("alive")).toBe("settled");
    await ringLater("u_lapse");
    expect(await ledgerOf("u_lapse").balance()).toEqual({
      balance: WELCOME - 5,
      lifetimeEarned: WELCOME,
      lifetimeSpent: 5,
    });
    expect(await ledgerOf("u_lapse").settle("dead")).toBe("refunded");
    const events = moved(await toldInTheEnd("u_lapse"));
    expect(events.map(([event, { amount, reason }]) => [event, amount, reason])).toEqual([
      ["credits_granted", WELCOME, "welcome"],
      ["credits_deducted", 30, undefined],
      ["credits_deducted", 5, undefined],
      ["credits_granted", 30, "refund"],
    ]);
  });

  it("keeps what a broken room does not take, through eviction, and tells it once and in order", async () => {
    const room = roomOf("u_broken");
    await ledgerOf("u_broken").deduct(query("r0"));
    await toldInTheEnd("u_broken");
    await runInDurableObject(room, (_, { storage }) => {
      storage.sql.exec("CREATE TRIGGER broken BEFORE INSERT ON log BEGIN SELECT RAISE(ABORT, 'broken'); END");
    });
    for (let n = 1; n <= 3; n++) await ledgerOf("u_broken").deduct(query(`r${n}`, n));
    for (let n = 0; n <= 3; n++) await ledgerOf("u_broken").settle(`r${n}`);
    await evictDurableObject(ledgerOf("u_broken"));
    expect(await waiting("u_broken")).toBe(3);
    await runInDurableObject(roomOf("u_broken"), (_, { storage }) => {
      storage.sql.exec("DROP TRIGGER broken");
    });
    await ringLater("u_broken");
    const events = await toldInTheEnd("u_broken");
    expect(moved(events).map(([, { amount }]) => amount)).toEqual([WELCOME, 1, 1, 2, 3]);
  });

  it("loses and doubles nothing when objects die in the middle of a storm", async () => {
    const userId = "u_storm";
    const requests = Array.from({ length: 300 }, (_, n) => `r${n}`);
    let attempts = 0;
    const deduct = async (requestId: string): Promise<Deducted> => {
      attempts++;
      return ledgerOf(userId).deduct(query(requestId));
    };
    const call = (requestId: string) => callRetrying(() => deduct(requestId), sleep);
    const storm = Promise.all(requests.map(call));
    const deaths = (async () => {
      for (const stub of [ledgerOf(userId), roomOf(userId), ledgerOf(userId)]) {
        await runInDurableObject(stub, (_, state) => state.abort("dies for a test")).catch(() => {});
        await sleep(5);
      }
    })();
    const [answers] = await Promise.all([storm, deaths]);
    expect(attempts).toBeGreaterThan(requests.length);
    expect(answers.every(({ ok }) => ok)).toBe(true);
    expect((await ledgerOf(userId).balance()).balance).toBe(WELCOME - requests.length);
    await ringLater(userId);
    const events = await toldInTheEnd(userId);
    expect(sumOf(events, "credits_deducted")).toBe(requests.length);
    expect(new Set(transactionsIn(events)).size).toBe(moved(events).length);
    // Refunded by the alarm: nobody settled them.
    expect((await ledgerOf(userId).balance()).balance).toBe(WELCOME);
  });
});

describe("REQ-3 metering, on real objects", () => {
  it("is exact to the unit after 1,000 requests at once: what cannot be paid is not run", async () => {
    const userId = "u_meter";
    let ran = 0;
    const backend: Backend = {
      start: async () => ({
        status: "accepted",
        events: (async function* () {
          ran++;
          yield { event: "query_completed", data: { durationMs: 1, totalRows: 0 } } as const;
        })(),
      }),
    };
    const deps = {
      ledgers: env.LEDGERS,
      costs: new Map([["query", 3]]),
      sleep,
      waitUntil: () => {},
      log: () => {},
    };
    const meteredBackend = metered(backend, deps);
    const outcomes = await Promise.all(
      Array.from({ length: 1_000 }, async (_, n) => {
        const request: BackendRequest = {
          ...{ id: `m${n}`, event: "query", payload: { sql: "SELECT 1", applicationId: "demo" } },
          ...{ userId, socketId: "s", applicationId: "demo", applications: ["demo"] },
        };
        const started = await meteredBackend.start(request, new AbortController().signal);
        if (started.status === "accepted") for await (const _event of started.events);
        return started;
      }),
    );
    const affordable = Math.floor(WELCOME / 3);
    const refused = outcomes.filter(({ status }) => status === "refused");
    expect([ran, refused.length]).toEqual([affordable, 1_000 - affordable]);
    const left = WELCOME - 3 * affordable;
    for (const outcome of refused) {
      expect(outcome).toEqual({
        status: "refused",
        refusal: { event: "insufficient_credits", data: { required: 3, available: left, action: "query" } },
      });
    }
    const spent = { balance: left, lifetimeEarned: WELCOME, lifetimeSpent: 3 * affordable };
    expect(await ledgerOf(userId).balance()).toEqual(spent);
    const events = await toldInTheEnd(userId);
    expect(sumOf(events, "credits_deducted")).toBe(3 * affordable);
    expect(new Set(transactionsIn(events)).size).toBe(affordable + 1);
    // All are settled: nothing is left to lapse.
    await ringLater(userId);
    expect(await ledgerOf(userId).balance()).toEqual(spent);
  });
});

const AUTHORIZED = { authorization: "Bearer test-ingest-token" };

const call = (init: RequestInit = {}, query = ""): Promise<Response> =>
  exports.default.fetch(`http://localhost/api/credits${query}`, { headers: AUTHORIZED, ...init });

const grant = (body: unknown): Promise<Response> =>
  call({ method: "POST", body: typeof body === "string" ? body : JSON.stringify(body) });

describe("/api/credits", () => {
  it("grants once, however many callers send the same id at once", async () => {
    const body = { id: "monthly-1", userId: "u_grant", amount: 500, reason: "monthly" };
    const responses = await Promise.all(Array.from({ length: 10 }, () => grant(body)));
    expect(responses.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
    for (const response of responses) {
      expect(await response.json()).toEqual({ transactionId: "monthly-1", newBalance: WELCOME + 500 });
    }
    const read = await call({}, "?userId=u_grant");
    expect([read.status, await read.json()]).toEqual([
      200,
      {
        userId: "u_grant",
        applicationId: "demo",
        balance: WELCOME + 500,
        lifetimeEarned: WELCOME + 500,
        lifetimeSpent: 0,
      },
    ]);
    const events = moved(await toldInTheEnd("u_grant"));
    expect(events.map(([, { amount, transactionId }]) => [amount, transactionId])).toEqual([
      [WELCOME, expect.any(String)],
      [500, "monthly-1"],
    ]);
  });

  it("gives what has no id one of its own, and counts it each time", async () => {
    const body = { userId: "u_anon", applicationId: "app:2", amount: 1, reason: "test" };
    const answers = [await (await grant(body)).json(), await (await grant(body)).json()];
    expect(answers).toEqual([
      { transactionId: expect.stringMatching(/^[\w-]{22}$/), newBalance: WELCOME + 1 },
      { transactionId: expect.stringMatching(/^[\w-]{22}$/), newBalance: WELCOME + 2 },
    ]);
    const read = await call({}, "?userId=u_anon&applicationId=app:2");
    expect(await read.json()).toMatchObject({ applicationId: "app:2", balance: WELCOME + 2 });
  });

  it("refuses another grant with an id that is taken, and says which it was", async () => {
    await grant({ id: "x1", userId: "u_taken", amount: 5, reason: "gift" });
    const response = await grant({ id: "x1", userId: "u_taken", amount: 6, reason: "gift" });
    expect([response.status, await response.json()]).toEqual([
      409,
      { code: "VALIDATION_FAILED", message: expect.stringContaining('5 credits for "gift"') },
    ]);
  });

  it("shows a user it has never seen the welcome grant, and stores nothing", async () => {
    const read = await call({}, "?userId=u_never");
    expect(await read.json()).toMatchObject({ balance: WELCOME, lifetimeEarned: WELCOME, lifetimeSpent: 0 });
    await runInDurableObject(ledgerOf("u_never"), async (_, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master").toArray()).toEqual([]);
      expect(await storage.getAlarm()).toBe(null);
    });
  });

  it.each<[string, unknown, number, string]>([
    ["no JSON", "{", 400, "not JSON"],
    ["no object", [], 400, "The grant is not valid"],
    ["no user", { amount: 1, reason: "r" }, 400, "at userId"],
    ["a user id that is none", { userId: "a b", amount: 1, reason: "r" }, 400, "at userId"],
    [
      "an application id that is none",
      { userId: "u", applicationId: "a|b", amount: 1, reason: "r" },
      400,
      "at applicationId",
    ],
    ["half a credit", { userId: "u", amount: 0.5, reason: "r" }, 400, "at amount"],
    ["nothing", { userId: "u", amount: 0, reason: "r" }, 400, "at amount"],
    ["less than nothing", { userId: "u", amount: -5, reason: "r" }, 400, "at amount"],
    ["more than can be counted", { userId: "u", amount: 1e9 + 1, reason: "r" }, 400, "at amount"],
    ["no reason", { userId: "u", amount: 1, reason: "" }, 400, "at reason"],
    ["an unknown field", { ID: "x", userId: "u", amount: 1, reason: "r" }, 400, "at ID"],
    ["too much", { userId: "u", amount: 1, reason: "r".repeat(20_000) }, 413, "10000 bytes"],
  ])("refuses a grant with %s", async (_, body, status, message) => {
    const response = await grant(body);
    const answer = await response.json<{ code: string; message: string }>();
    expect([response.status, answer.code]).toEqual([status, "VALIDATION_FAILED"]);
    expect(answer.message).toContain(message);
  });

  it("refuses who has no token, a method it does not know and a query that names nobody", async () => {
    const refused = await call({ headers: { authorization: "Bearer wrong" } }, "?userId=u");
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    const method = await call({ method: "DELETE" });
    expect([method.status, method.headers.get("allow")]).toEqual([405, "GET, POST"]);
    for (const query of ["", "?userId=a%20b", "?userId=u&applicationId=a|b", "?userId=u&user=x"]) {
      expect((await call({}, query)).status).toBe(400);
    }
  });
});
