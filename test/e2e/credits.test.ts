import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { INGEST_TOKEN, type Service, startService } from "../support/service.ts";

const WELCOME = 2_000;
const COST = 3;

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
      CREDIT_COSTS: `query=${COST} chat=7`,
      MAX_REQUESTS_PER_SOCKET: "1000",
      MAX_EVENTS_PER_SECOND: "1000",
      CHAT_URL: `http://127.0.0.1:${port}`,
      CHAT_MODEL: "silent",
    },
  });
});
afterAll(async () => {
  await service.stop();
  silent.closeAllConnections();
  silent.close();
});

const api = (init: RequestInit, query = ""): Promise<Response> =>
  fetch(`${service.origin}/api/credits${query}`, {
    ...init,
    headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
  });

const balanceOf = async (userId: string): Promise<Record<string, unknown>> =>
  (await api({}, `?userId=${userId}`)).json() as Promise<Record<string, unknown>>;

const grant = (body: object): Promise<Response> => api({ method: "POST", body: JSON.stringify(body) });

const query = (sql: string) => ({ sql, applicationId: "demo" });

type Reply = { readonly queryId: string } | { readonly error: { readonly message: string } };

const send = ({ socket }: TestClient, sql = "SELECT 1 AS one"): Promise<Reply> =>
  new Promise((resolve) => socket.emit("query", query(sql), resolve as (reply: unknown) => void));

/** What a client was told of each movement, in order. */
const movements = (client: TestClient) =>
  client.received.filter(({ event }) => event === "credits_deducted" || event === "credits_granted") as {
    event: string;
    payload: { amount: number; newBalance: number; transactionId: string; reason?: string; action?: string };
  }[];

it("REQ-3 charges exactly what was run, and tells each socket of each movement once, under 1,000 requests at once", async () => {
  const userId = "user_storm";
  const clients = await Promise.all(Array.from({ length: 10 }, () => service.connect(userId)));
  const replies = await Promise.all(
    clients.flatMap((client) => Array.from({ length: 100 }, () => send(client))),
  );
  const accepted = replies.flatMap((reply) => ("queryId" in reply ? [reply.queryId] : []));
  const affordable = Math.floor(WELCOME / COST);
  const left = WELCOME - COST * affordable;
  expect([accepted.length, new Set(accepted).size]).toEqual([affordable, affordable]);

  const last = (data: { newBalance: number }) => data.newBalance === left;
  for (const client of clients) await client.next("credit_balance_updated", last);
  expect(await balanceOf(userId)).toEqual({
    ...{ userId, applicationId: "demo" },
    ...{ balance: left, lifetimeEarned: WELCOME, lifetimeSpent: COST * affordable },
  });

  let completed = 0;
  let refused = 0;
  for (const client of clients) {
    const told = movements(client);
    expect(told.map(({ payload }) => payload.newBalance)).toEqual(
      Array.from({ length: affordable + 1 }, (_, n) => WELCOME - COST * n),
    );
    expect(new Set(told.map(({ payload }) => payload.transactionId)).size).toBe(affordable + 1);
    for (const { event, payload } of told.slice(1)) {
      expect([event, payload.amount, payload.action]).toEqual(["credits_deducted", COST, "query"]);
    }
    const balances = client.payloads("credit_balance_updated");
    expect(balances.map(({ lifetimeSpent }) => lifetimeSpent)).toEqual(
      Array.from({ length: affordable + 1 }, (_, n) => COST * n),
    );
    await client.all("insufficient_credits", 100 - client.payloads("query_started").length);
    for (const payload of client.payloads("insufficient_credits")) {
      expect(payload).toEqual({ required: COST, available: left, action: "query" });
    }
    await client.all("query_completed", client.payloads("query_started").length);
    completed += client.payloads("query_completed").length;
    refused += client.payloads("insufficient_credits").length;
    expect(client.payloads("query_error")).toEqual([]);
  }
  expect([completed, refused]).toEqual([affordable, 1_000 - affordable]);
});

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
  await send(client, "SELECT * FROM nowhere");
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
