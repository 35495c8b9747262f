/**
 * What a client of either backend sees, event by event. Each case says which events it shows, which the suite checks;
 * docs/event-tests.md is made from this list.
 */
import { expect } from "vitest";
import type { ClientEventName, EventName, ServerEventName } from "../../../src/events/client.ts";
import type { TestClient } from "../../support/client.ts";
import type { BackendName, Stage } from "./stage.ts";

export interface Case {
  readonly title: string;
  readonly shows: readonly EventName[];
  /** Whether it shows how its events fail. */
  readonly failure?: true;
  /** Absent for both. */
  readonly backend?: BackendName;
  run(stage: Stage): Promise<void>;
}

const SYMBOL = "BTC-USDT";
/** Of the recorded trades, the first whole minute. */
const MINUTE = { from: 1_723_161_660_000, to: 1_723_161_720_000 };
const LISTED = { chain: "bitcoin", address: "123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX" };
const CORRIDOR = { corridor: "US-MX", window: { from: 1_700_000_000_000, to: 1_800_000_000_000 } };

const analysisEvents = [
  "address_analysis_started",
  "address_analysis_progress",
  "address_analysis_response",
  "address_analysis_completed",
] as const;

/** `tail -1 data/trades-btc-usdt-2024-08-09.csv` */
const LAST_PRICE = "61602.02";

/** `awk -F, '$1>=1723161660000 && $1<1723161720000' data/trades-btc-usdt-2024-08-09.csv`, its sizes added as decimals. */
const minute = {
  ...{ open: 61_631.79, high: 61_631.79, low: 61_556.04, close: 61_589.99, volume: 79.69369 },
  timestamp: MINUTE.from,
};

/** Sends a request; resolves to its acknowledgement. */
const ask = (client: TestClient, event: ClientEventName, payload: object): Promise<Record<string, unknown>> =>
  new Promise((resolve) => client.socket.emit(event as "query", payload as never, resolve as never));

/** Names of the request's events, in the order they came, each run of equal ones once. */
const outline = (client: TestClient, names: readonly ServerEventName[]): string[] =>
  client.names().filter((name, at, all) => names.includes(name as never) && all[at - 1] !== name);

/** Asks, and expects to be refused or failed with the family's error event, and the same in the acknowledgement. */
const expectFailure = async (
  client: TestClient,
  event: ClientEventName,
  payload: object,
  error: ServerEventName,
  code: string,
): Promise<{ message: string }> => {
  const ack = ask(client, event, payload);
  const failure = await client.next(error);
  expect(failure).toMatchObject({ code, message: expect.stringMatching(/\w.*[.]$/) });
  const answer = await ack;
  if ("error" in answer) expect(answer.error).toEqual(failure);
  return failure;
};

const bar = (symbol: string, timestamp: number) => ({
  ...{ symbol, open: "1.0", high: 2, low: "0.5", close: 1, volume: "10.50", timestamp },
});

export const cases: readonly Case[] = [
  {
    title: "a socket that connects is told who it is",
    shows: ["connected"],
    async run(stage) {
      const userId = stage.newUser();
      const client = await stage.connect(userId);
      const [connected] = client.payloads("connected");
      expect(connected).toEqual({ userId, sid: client.socket.id, timestamp: expect.any(Number) });
      client.close();
    },
  },
  {
    title: "a ping is answered with the time",
    shows: ["ping", "pong"],
    async run(stage) {
      const client = await stage.connect();
      client.socket.emit("ping");
      expect((await client.next("pong")).timestamp).toBeGreaterThan(1_700_000_000_000);
      client.close();
    },
  },
  {
    title: "a ping with a payload is refused",
    shows: ["ping", "validation_error"],
    failure: true,
    async run(stage) {
      const client = await stage.connect();
      client.socket.emit("ping" as "query", {} as never);
      expect(await client.next("validation_error")).toMatchObject({
        code: "VALIDATION_FAILED",
        event: "ping",
      });
      client.close();
    },
  },
  {
    title: "a subscriber gets the market's latest bars, then its updates",
    shows: ["subscribe", "subscribed", "market_chart_initial_data", "market_chart_live_update"],
    async run({ connect, service }) {
      const first = bar("NEW-USD", 1_000);
      await service.publish({ event: "market_chart_live_update", data: first });
      const client = await connect();
      expect(await client.subscribe("market:NEW-USD")).toEqual({
        room: "market:NEW-USD",
        subscriberCount: 1,
      });
      const { symbol, ...candle } = first;
      expect(await client.next("market_chart_initial_data")).toEqual({ symbol, series: [candle] });
      await service.publish({ event: "market_chart_live_update", data: bar(symbol, 2_000) });
      expect(await client.next("market_chart_live_update")).toEqual(bar(symbol, 2_000));
      client.close();
    },
  },
  {
    title: "another user's room is refused",
    shows: ["subscribe"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const { error } = await client.request("subscribe", "user:somebody-else");
      expect(error).toMatchObject({ code: "UNAUTHORIZED" });
      expect(await client.next("subscribe_error")).toMatchObject(error);
      client.close();
    },
  },
  {
    title: "more rooms than a socket may have are refused",
    shows: ["rate_limit_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      for (const symbol of ["A-A", "B-B", "C-C"]) await client.subscribe(`market:${symbol}`);
      const { error } = await client.request("subscribe", "market:D-D");
      expect(error).toMatchObject({ code: "RATE_LIMITED" });
      expect(await client.next("rate_limit_error")).toEqual(error);
      client.close();
    },
  },
  {
    title: "who unsubscribes is told so",
    shows: ["unsubscribe", "unsubscribed"],
    async run({ connect }) {
      const client = await connect();
      await client.subscribe("market:OUT-USD");
      expect(await client.request("unsubscribe", "market:OUT-USD")).toEqual({ room: "market:OUT-USD" });
      expect(await client.next("unsubscribed")).toEqual({ room: "market:OUT-USD" });
      client.close();
    },
  },
  {
    title: "the personal room cannot be left",
    shows: ["unsubscribe", "validation_error"],
    failure: true,
    async run(stage) {
      const userId = stage.newUser();
      const client = await stage.connect(userId);
      const { error } = await client.request("unsubscribe", `user:${userId}`);
      expect(error).toMatchObject({ code: "VALIDATION_FAILED" });
      expect(await client.next("validation_error")).toEqual(error);
      client.close();
    },
  },
  {
    title: "a room hears who comes and who leaves",
    shows: ["user_joined_room", "user_left_room"],
    async run({ connect, newUser }) {
      const room = "market:WHO-USD";
      const client = await connect();
      await client.subscribe(room);
      const userId = newUser();
      const other = await connect(userId);
      await other.subscribe(room);
      expect(await client.next("user_joined_room")).toEqual({ userId, room, joinedAt: expect.any(Number) });
      other.close();
      expect(await client.next("user_left_room")).toEqual({ userId, room, leftAt: expect.any(Number) });
      client.close();
    },
  },
  {
    title: "a query streams its rows and says how far it is",
    shows: ["query", "query_started", "query_response", "query_progress", "query_completed"],
    async run({ connect }) {
      const client = await connect();
      const sql = "SELECT symbol, price FROM trades WHERE symbol = ? ORDER BY timestamp, trade_id";
      const ack = await ask(client, "query", { sql, params: [SYMBOL], applicationId: "demo" });
      const completed = await client.next("query_completed");
      expect(completed).toEqual({
        queryId: ack.queryId,
        durationMs: expect.any(Number),
        totalRows: 10_147,
      });
      const responses = client.payloads("query_response");
      const rows = responses.flatMap((response) => response.rows);
      expect(rows).toHaveLength(10_147);
      expect(rows[0]).toEqual({ symbol: SYMBOL, price: 61_685.99 });
      expect(responses[0].schema.map(({ name }: { name: string }) => name)).toEqual(["symbol", "price"]);
      const progress = client.payloads("query_progress");
      expect(progress.at(-1)).toEqual({ queryId: ack.queryId, rowsProcessed: 10_147, pct: 100 });
      expect(client.payloads("query_started")).toEqual([
        { queryId: ack.queryId, estimatedMs: expect.any(Number) },
      ]);
      expect(outline(client, ["query_started", "query_completed"])).toEqual([
        "query_started",
        "query_completed",
      ]);
      client.close();
    },
  },
  {
    title: "a query that is no SELECT fails, and changes nothing",
    shows: ["query", "query_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { sql: "DELETE FROM trades", applicationId: "demo" };
      await expectFailure(client, "query", payload, "query_error", "VALIDATION_FAILED");
      await ask(client, "query", { sql: "SELECT count(*) AS n FROM trades", applicationId: "demo" });
      expect((await client.next("query_response")).rows).toEqual([{ n: 18_556 }]);
      await client.next("query_completed");
      client.close();
    },
  },
  {
    title: "a query to an application that the user may not open is refused",
    shows: ["query", "query_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { sql: "SELECT 1", applicationId: "of-others" };
      await expectFailure(client, "query", payload, "query_error", "UNAUTHORIZED");
      client.close();
    },
  },
  {
    title: "candles are made of the trades",
    shows: ["request_market_data", "market_data_response"],
    async run({ connect }) {
      const client = await connect();
      const ack = await ask(client, "request_market_data", {
        symbol: SYMBOL,
        resolution: "1m",
        window: MINUTE,
      });
      expect(ack).toEqual({ requestId: expect.any(String) });
      const { symbol, candles } = await client.next("market_data_response");
      expect(symbol).toBe(SYMBOL);
      expect(candles).toHaveLength(1);
      expect(candles[0]).toMatchObject(minute);
      client.close();
    },
  },
  {
    title: "candles of a market that nobody knows fail",
    shows: ["request_market_data", "market_data_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { symbol: "NOPE-USD", resolution: "1m" };
      await expectFailure(client, "request_market_data", payload, "market_data_error", "NOT_FOUND");
      client.close();
    },
  },
  {
    title: "a listed address is analysed, stage by stage",
    shows: [
      ...(["address_analysis", "address_analysis_started", "address_analysis_progress"] as const),
      ...(["address_analysis_response", "address_analysis_completed"] as const),
    ],
    async run({ connect }) {
      const client = await connect();
      const { jobId } = await ask(client, "address_analysis", LISTED);
      const completed = await client.next("address_analysis_completed");
      expect(completed).toEqual({ jobId, durationMs: expect.any(Number) });
      const response = await client.next("address_analysis_response");
      expect(response).toMatchObject({ jobId, riskScore: 100, clusters: expect.any(Array) });
      expect(JSON.stringify(response.signals)).toMatch(/OFAC SDN/);
      const progress = client.payloads("address_analysis_progress").map(({ pct }) => pct);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      expect(outline(client, [...analysisEvents])).toEqual(analysisEvents);
      client.close();
    },
  },
  {
    title: "a long analysis is a job whose events are published",
    shows: [
      ...(["address_analysis", "address_analysis_started", "address_analysis_progress"] as const),
      ...(["address_analysis_response", "address_analysis_completed"] as const),
    ],
    backend: "http",
    async run({ connect }) {
      const client = await connect();
      const { jobId } = await ask(client, "address_analysis", { ...LISTED, hops: 5 });
      expect(await client.next("address_analysis_completed")).toEqual({
        jobId,
        durationMs: expect.any(Number),
      });
      expect(client.payloads("address_analysis_response")).toEqual([
        expect.objectContaining({ jobId, riskScore: 100 }),
      ]);
      client.close();
    },
  },
  {
    title: "an address on a chain that nobody knows is not analysed",
    shows: ["address_analysis", "address_analysis_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { chain: "nochain", address: LISTED.address };
      await expectFailure(client, "address_analysis", payload, "address_analysis_error", "NOT_FOUND");
      client.close();
    },
  },
  {
    title: "an address's transactions come page by page, each once",
    shows: ["address_transactions", "address_transactions_response"],
    async run({ connect }) {
      const client = await connect();
      const hashes: string[] = [];
      let cursor: string | null | undefined;
      do {
        const payload = { ...LISTED, limit: 2, ...(cursor && { cursor }) };
        await ask(client, "address_transactions", payload);
        const page = await client.next("address_transactions_response");
        expect(page).toMatchObject(LISTED);
        expect(page.transactions.length).toBeLessThanOrEqual(2);
        hashes.push(
          ...page.transactions.map(
            (row: { hash: string; position: number }) => `${row.hash} ${row.position}`,
          ),
        );
        cursor = page.nextCursor;
      } while (cursor !== null);
      expect(hashes.length).toBeGreaterThan(2);
      expect(new Set(hashes).size).toBe(hashes.length);
      client.close();
    },
  },
  {
    title: "a cursor that is none is refused",
    shows: ["address_transactions", "address_analysis_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { ...LISTED, cursor: "made up" };
      const error = "address_analysis_error";
      await expectFailure(client, "address_transactions", payload, error, "VALIDATION_FAILED");
      client.close();
    },
  },
  {
    title: "the flows along a corridor add up to its totals",
    shows: ["cross_border_flows", "cross_border_flows_response"],
    async run({ connect }) {
      const client = await connect();
      await ask(client, "cross_border_flows", CORRIDOR);
      const { corridor, flows, totalsUSD } = await client.next("cross_border_flows_response");
      expect(corridor).toBe("US-MX");
      for (const direction of ["outbound", "inbound"]) {
        const cents = flows
          .filter((flow: { direction: string }) => flow.direction === direction)
          .reduce((sum: number, { usd }: { usd: number | string }) => sum + Math.round(Number(usd) * 100), 0);
        expect(Math.round(Number(totalsUSD[direction]) * 100)).toBe(cents);
        expect(cents).toBeGreaterThan(0);
      }
      client.close();
    },
  },
  {
    title: "a corridor that is none is refused",
    shows: ["cross_border_flows", "address_analysis_error"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      const payload = { ...CORRIDOR, corridor: "everywhere" };
      const error = "address_analysis_error";
      await expectFailure(client, "cross_border_flows", payload, error, "VALIDATION_FAILED");
      client.close();
    },
  },
  {
    title: "a question is answered piece by piece, with the SQL that answers it",
    shows: ["chat", "chat_typing", "chat_message", "chat_stop_typing", "chat_response"],
    async run({ connect }) {
      const client = await connect();
      const conversationId = "c1";
      const message = "What was the last price of BTC-USDT?";
      expect(await ask(client, "chat", { conversationId, message })).toEqual({ conversationId });
      const { sql, ...response } = await client.next("chat_response");
      expect(response).toMatchObject({
        conversationId,
        messageId: expect.any(String),
        tokens: expect.anything(),
      });
      const messages = client.payloads("chat_message");
      expect(messages.map(({ delta }) => delta).join("")).toContain(LAST_PRICE);
      expect(messages.map(({ isFinal }) => isFinal)).toEqual(
        messages.map((_, at) => at === messages.length - 1),
      );
      const events = ["chat_typing", "chat_message", "chat_stop_typing", "chat_response"] as const;
      expect(outline(client, events)).toEqual(events);
      await ask(client, "query", { sql, applicationId: "demo" });
      expect(JSON.stringify((await client.next("query_response")).rows)).toContain(LAST_PRICE);
      client.close();
    },
  },
  {
    title: "a question of a user who may open no application is refused",
    shows: ["chat", "chat_error"],
    failure: true,
    async run({ connect, newUser }) {
      const client = await connect(newUser(), { applications: [] });
      const payload = { conversationId: "c1", message: "Hello" };
      const ack = ask(client, "chat", payload);
      const failure = await client.next("chat_error");
      expect(failure).toMatchObject({ conversationId: "c1", message: expect.any(String) });
      expect(await ack).toEqual({ error: failure });
      client.close();
    },
  },
  {
    title: "a grant and what a request costs are told to every socket of the user",
    shows: ["credits_granted", "credits_deducted", "credit_balance_updated"],
    backend: "embedded",
    async run({ connect, newUser, grant }) {
      const userId = newUser();
      const [client, other] = [await connect(userId), await connect(userId)];
      const granted = await grant({ userId, amount: 70, reason: "test" });
      await ask(client, "query", { sql: "SELECT 1", applicationId: "demo" });
      for (const socket of [client, other]) {
        const isOurs = ({ transactionId }: { transactionId: string }) =>
          transactionId === granted.transactionId;
        expect(await socket.next("credits_granted", isOurs)).toMatchObject({ amount: 70, newBalance: 100 });
        expect(await socket.next("credits_deducted")).toMatchObject({
          amount: 1,
          newBalance: 99,
          action: "query",
        });
        expect(await socket.next("credit_balance_updated", ({ newBalance }) => newBalance === 99)).toEqual({
          newBalance: 99,
          lifetimeEarned: 100,
          lifetimeSpent: 1,
          applicationId: "demo",
        });
      }
      client.close();
      other.close();
    },
  },
  {
    title: "what a request costs is given back when it fails",
    shows: ["credits_deducted", "credit_balance_updated"],
    failure: true,
    backend: "embedded",
    async run({ connect }) {
      const client = await connect();
      const payload = { sql: "SELECT missing FROM trades", applicationId: "demo" };
      await expectFailure(client, "query", payload, "query_error", "NOT_FOUND");
      await client.next("credits_deducted");
      const isBack = ({ newBalance, lifetimeSpent }: { newBalance: number; lifetimeSpent: number }) =>
        newBalance === 30 && lifetimeSpent === 0;
      await client.next("credit_balance_updated", isBack);
      client.close();
    },
  },
  {
    title: "credit movements that the upstream publishes reach every socket of the user",
    shows: ["credits_granted", "credits_deducted", "credit_balance_updated"],
    backend: "http",
    async run({ connect, newUser, service }) {
      const userId = newUser();
      const [client, other] = [await connect(userId), await connect(userId)];
      const movement = { amount: 5, newBalance: 25, transactionId: "t1", timestamp: 1 };
      const events = [
        { event: "credits_granted", userId, data: { ...movement, reason: "r" } },
        { event: "credits_deducted", userId, data: { ...movement, action: "query" } },
        {
          event: "credit_balance_updated",
          userId,
          data: { newBalance: 25, lifetimeEarned: 30, lifetimeSpent: 5, applicationId: "demo" },
        },
      ];
      await service.publish(events);
      for (const socket of [client, other]) {
        for (const { event, data } of events) expect(await socket.next(event)).toEqual(data);
      }
      client.close();
      other.close();
    },
  },
  {
    title: "a request that costs more than there is, is refused and not run",
    shows: ["insufficient_credits"],
    failure: true,
    async run({ connect }) {
      const client = await connect();
      for (let spent = 0; spent < 30; spent += 10) {
        await ask(client, "address_analysis", LISTED);
        await client.next("address_analysis_completed");
      }
      const { error } = await ask(client, "address_analysis", LISTED);
      const refusal = { required: 10, available: 0, action: "address_analysis" };
      expect(error).toEqual({
        code: "UNAUTHORIZED",
        message: expect.stringContaining("10 credits"),
        ...refusal,
      });
      expect(await client.next("insufficient_credits")).toEqual(refusal);
      await client.settled();
      expect(client.payloads("address_analysis_started")).toHaveLength(3);
      client.close();
    },
  },
];
