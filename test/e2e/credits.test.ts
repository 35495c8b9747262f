import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { INGEST_TOKEN, type Service, startService } from "../support/service.ts";

const WELCOME = 2_000;
const COST = 3;
const ADDRESS = { chain: "bitcoin", address: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa" };

/** A machine that does other things as well may take so long for a storm. */
const STORM_MS = 120_000;

/** A chat model that takes questions and never says a word. */
let silent: Server;
let service: Service;

beforeAll(async () => {
  silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const { port } = silent.address() as AddressInfo;
  service = await startService({
    vars: {
      CREDITS_WELCOME: String(WELCOME),
      CREDIT_COSTS: `address_transactions=${COST} query=${COST} chat=7`,
      MAX_REQUESTS_PER_SOCKET: "1000",
      MAX_REQUESTS_PER_USER: "1000",
      MAX_EVENTS_PER_SECOND: "1000",
      CHAT_URL: `http://127.0.0.1:${port}`,
      CHAT_MODEL: "silent",
    },
  });
  const row = { ...ADDRESS, label: "genesis", category: "mining", source: "test" };
  const imported = await post("/api/applications/demo/import/address_labels", {
    ...{ source: "test", position: 0, rows: [row] },
  });
  expect(await imported.json()).toMatchObject({ inserted: 1 });
});
afterAll(async () => {
  await service.stop();
  silent.closeAllConnections();
  silent.close();
});

/** What backends send. */
const backendFetch = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${service.origin}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
  });

const post = (path: string, body: object): Promise<Response> =>
  backendFetch(path, { method: "POST", body: JSON.stringify(body) });

const grant = (body: object): Promise<Response> => post("/api/credits", body);

const balanceOf = async (userId: string): Promise<unknown> =>
  (await backendFetch(`/api/credits?userId=${userId}`)).json();

type Reply = { readonly requestId: string } | { readonly error: { readonly message: string } };

const askForTransactions = ({ socket }: TestClient): Promise<Reply> =>
  new Promise((resolve) => socket.emit("address_transactions", ADDRESS, resolve));

/** Resolves when the request is accepted or refused. */
const query = ({ socket }: TestClient, sql: string): Promise<unknown> =>
  new Promise((resolve) => socket.emit("query", { sql, applicationId: "demo" }, resolve));

/** What a client was told of each movement, in order. */
const movements = (client: TestClient) =>
  client.received.filter(({ event }) => event === "credits_deducted" || event === "credits_granted") as {
    event: string;
    payload: { amount: number; newBalance: number; transactionId: string; reason?: string; action?: string };
  }[];

it(
  "REQ-3 charges exactly what was run, and tells each socket of each movement once, under 1,000 requests at once",
  async () => {
    const userId = "user_storm";
    const clients = await Promise.all(Array.from({ length: 10 }, () => service.connect(userId)));
    const replies = await Promise.all(
      clients.map((client) => Promise.all(Array.from({ length: 100 }, () => askForTransactions(client)))),
    );
    const accepted = replies.map((own) =>
      own.flatMap((reply) => ("requestId" in reply ? [reply.requestId] : [])),
    );
    const affordable = Math.floor(WELCOME / COST);
    const left = WELCOME - COST * affordable;
    expect(new Set(accepted.flat()).size).toBe(affordable);

    const last = (data: { newBalance: number }) => data.newBalance === left;
    for (const client of clients) await client.next("credit_balance_updated", last);
    expect(await balanceOf(userId)).toEqual({
      ...{ userId, applicationId: "demo" },
      ...{ balance: left, lifetimeEarned: WELCOME, lifetimeSpent: COST * affordable },
    });

    for (const [index, client] of clients.entries()) {
      const told = movements(client);
      expect(told.map(({ payload }) => payload.newBalance)).toEqual(
        Array.from({ length: affordable + 1 }, (_, n) => WELCOME - COST * n),
      );
      expect(new Set(told.map(({ payload }) => payload.transactionId)).size).toBe(affordable + 1);
      for (const { event, payload } of told.slice(1)) {
        expect([event, payload.amount, payload.action]).toEqual([
          "credits_deducted",
          COST,
          "address_transactions",
        ]);
      }
      const balances = client.payloads("credit_balance_updated");
      expect(balances.map(({ lifetimeSpent }) => lifetimeSpent)).toEqual(
        Array.from({ length: affordable + 1 }, (_, n) => COST * n),
      );
      // What was accepted was run, and what was refused was not.
      const ran = accepted[index]?.length ?? 0;
      await client.all("address_transactions_response", ran);
      await client.all("insufficient_credits", 100 - ran);
      await client.settled();
      expect(client.payloads("address_transactions_response")).toHaveLength(ran);
      expect(client.payloads("address_analysis_error")).toEqual([]);
      expect(client.payloads("insufficient_credits")).toEqual(
        Array(100 - ran).fill({ required: COST, available: left, action: "address_transactions" }),
      );
    }
  },
  STORM_MS,
);

it(
  "REQ-3 charges only for what has had a result, when 200 queries come at once",
  async () => {
    const userId = "user_crowd";
    const clients = await Promise.all([service.connect(userId), service.connect(userId)]);
    await Promise.all(
      clients.flatMap((client) => Array.from({ length: 100 }, () => query(client, "SELECT 1 AS one"))),
    );
    const ended = ({ event }: { event: string }) => event === "query_completed" || event === "query_error";
    await expect
      .poll(() => clients.map(({ received }) => received.filter(ended).length), { timeout: STORM_MS })
      .toEqual([100, 100]);
    const results = clients.reduce((sum, client) => sum + client.payloads("query_response").length, 0);
    expect(results).toBeGreaterThan(0);
    const spent = COST * results;
    expect(await balanceOf(userId)).toMatchObject({ balance: WELCOME - spent, lifetimeSpent: spent });
    for (const client of clients) {
      // The welcome, each deduction, and each refund.
      await expect
        .poll(() => movements(client).length, { timeout: STORM_MS })
        .toBe(1 + 200 + (200 - results));
      const sum = (name: string) =>
        movements(client)
          .filter(({ event }) => event === name)
          .reduce((total, { payload }) => total + payload.amount, 0);
      expect([sum("credits_deducted"), sum("credits_granted")]).toEqual([
        200 * COST,
        WELCOME + 200 * COST - spent,
      ]);
    }
  },
  STORM_MS,
);

it("REQ-3 grants once, however many callers send the same id at once", async () => {
  const userId = "user_grant";
  const client = await service.connect(userId);
  const body = { id: "monthly-1", userId, amount: 500, reason: "monthly_grant" };
  const responses = await Promise.all(Array.from({ length: 10 }, () => grant(body)));
  expect(responses.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
  await grant({ ...body, id: "monthly-2" });
  await client.next("credit_balance_updated", ({ newBalance }) => newBalance === WELCOME + 1_000);
  expect(
    movements(client).map(({ payload }) => [payload.reason, payload.amount, payload.newBalance]),
  ).toEqual([
    ["welcome", WELCOME, WELCOME],
    ["monthly_grant", 500, WELCOME + 500],
    ["monthly_grant", 500, WELCOME + 1_000],
  ]);
});

it("REQ-3 gives back what a request cost that fails, and says so in the personal room", async () => {
  const userId = "user_refund";
  const client = await service.connect(userId);
  await query(client, "SELECT * FROM nowhere");
  await client.next("query_error");
  // The refund is stored before the failure is told.
  const account = { balance: WELCOME, lifetimeEarned: WELCOME, lifetimeSpent: 0 };
  expect(await balanceOf(userId)).toMatchObject(account);
  await client.all("credits_granted", 2);
  const [, deducted, refunded] = movements(client);
  expect([deducted?.event, deducted?.payload.newBalance]).toEqual(["credits_deducted", WELCOME - COST]);
  expect(refunded?.payload).toMatchObject({
    ...{ amount: COST, newBalance: WELCOME, reason: "refund" },
    transactionId: `${deducted?.payload.transactionId}-refund`,
  });
});

it("REQ-3 gives back what a request cost whose socket goes before the first result", async () => {
  const userId = "user_gone";
  const client = await service.connect(userId);
  client.socket.emit("chat", { conversationId: "c1", message: "How are you?" }, () => {});
  await client.next("chat_typing");
  expect(await balanceOf(userId)).toMatchObject({ balance: WELCOME - 7 });
  client.close();
  await expect
    .poll(() => balanceOf(userId), { timeout: 10_000 })
    .toMatchObject({
      ...{ balance: WELCOME, lifetimeSpent: 0 },
    });
});

it("REQ-3 charges nothing for what is free, and opens no account for it", async () => {
  const userId = "user_free";
  const client = await service.connect(userId);
  client.socket.emit("request_market_data", { symbol: "NO-SUCH", resolution: "1m" }, () => {});
  await client.next("market_data_error");
  await client.settled();
  expect(movements(client)).toEqual([]);
});
