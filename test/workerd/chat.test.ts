import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BackendRequest } from "../../src/backends/backend.ts";
import { assistant } from "../../src/backends/embedded/chat/assistant/assistant.ts";
import { dataOf } from "../../src/backends/embedded/chat/assistant/dataset-data.ts";
import { MAX_AGE_MS } from "../../src/backends/embedded/chat/conversation.ts";
import type { ChatEngine, ChatQuestion } from "../../src/backends/embedded/chat/engine.ts";
import { conversationName } from "../../src/backends/embedded/chat/protocol.ts";
import { chatHandler } from "../../src/backends/embedded/chat.ts";
import { after, sleep } from "../../src/lib/after.ts";

const turn = (message: string) => ({ message, context: "", at: 1_000, answer: "A." });

it("a conversation's turns survive eviction of its object", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "evicted"));
  await stub.begin("m1");
  await stub.keep("m1", turn("one"));
  await evictDurableObject(stub);
  expect(await stub.begin("m2")).toEqual({ ok: true, value: [turn("one")] });
});

it("a conversation whose object is evicted while a message is answered keeps that answer, and no other", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "evicted-answering"));
  await stub.begin("m1");
  await evictDurableObject(stub);
  expect(await stub.begin("m2")).toEqual({ ok: false, error: 2 });
  await stub.renew("m1");
  expect(await stub.keep("m2", turn("two"))).toBe(false);
  expect(await stub.keep("m1", turn("one"))).toBe(true);
  expect(await stub.begin("m3")).toEqual({ ok: true, value: [turn("one")] });
});

it("a conversation deletes itself, and all it has stored, 30 days after its last message", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "old"));
  await stub.begin("m1");
  await stub.keep("m1", turn("one"));
  await runInDurableObject(stub, async (_, { storage }) => {
    const alarm = (await storage.getAlarm()) ?? 0;
    expect(Math.abs(alarm - Date.now() - MAX_AGE_MS)).toBeLessThan(60_000);
    // As if the 30 days were over: the deadline is the object's own, the alarm only calls it.
    storage.kv.put("alarms", { expire: Date.now() - 1 });
    await storage.setAlarm(Date.now() + 3_600_000);
  });
  await evictDurableObject(stub);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  await runInDurableObject(stub, async (_, { storage }) => {
    const tables = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'turns'").toArray();
    expect([tables, [...storage.kv.list()], await storage.getAlarm()]).toEqual([[], [], null]);
  });
  // Whoever writes next begins anew.
  expect(await stub.begin("m2")).toEqual({ ok: true, value: [] });
});

it("an alarm that comes early deletes nothing", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "young"));
  await stub.begin("m1");
  await stub.keep("m1", turn("one"));
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  expect(await stub.begin("m2")).toEqual({ ok: true, value: [turn("one")] });
});

it("two users with the same conversation id never see each other's messages", async () => {
  const asked: ChatQuestion[] = [];
  const engine: ChatEngine = {
    async *answer(question) {
      asked.push(question);
      yield { type: "delta", text: `Heard ${question.message}` };
      yield { type: "done", tokens: {} };
    },
  };
  const handler = chatHandler({
    conversations: env.CONVERSATIONS,
    engine,
    clock: Date.now,
    after,
    sleep,
    waitUntil: () => {},
  });
  const say = async (id: string, userId: string, conversationId: string, message: string) => {
    const request: BackendRequest<"chat"> = {
      id,
      event: "chat",
      payload: { conversationId, message },
      userId,
      socketId: "s1",
      applicationId: "demo",
      applications: ["demo"],
    };
    for await (const _ of handler(request, new AbortController().signal));
  };
  await say("m1", "user_a", "shared", "secret of a");
  await say("m2", "user_a:shared", "", "secret of a:shared");
  await say("m3", "user_b", "shared", "secret of b");
  await say("m4", "user_a", "shared", "again");
  expect(asked.map(({ history }) => history.map(({ message }) => message))).toEqual([
    [],
    [],
    [],
    ["secret of a"],
  ]);
});

it("the assistant's SELECTs are run by the dataset's engine, over what has been imported", async () => {
  const dataset = env.DATASETS.getByName("chat-test");
  const rows = Array.from({ length: 300 }, (_, n) => ({
    ...{ symbol: n % 3 === 0 ? "ETH-USDT" : "BTC-USDT", venue: "binance", trade_id: String(n) },
    ...{ timestamp: Date.UTC(2024, 7, 9) + n * 1_000, price: 100 + ((n * 7) % 50) / 10, size: 0.1 },
    side: n % 2 === 0 ? "buy" : "sell",
  }));
  const imported = await dataset.importBatch("trades", { source: "chat-test", position: 0, rows });
  expect(imported).toMatchObject({ status: "imported", rejected: [] });
  const engine = assistant({ dataOf: dataOf(env.DATASETS, sleep) });
  const handler = chatHandler({
    conversations: env.CONVERSATIONS,
    engine,
    clock: Date.now,
    after,
    sleep,
    waitUntil: () => {},
  });
  let asked = 0;
  const ask = async (message: string): Promise<string> => {
    const request: BackendRequest<"chat"> = {
      ...{ id: `q${asked++}`, event: "chat", payload: { conversationId: "real", message } },
      ...{ userId: "user_1", socketId: "s1", applicationId: "chat-test", applications: ["chat-test"] },
    };
    let text = "";
    for await (const { event, data } of handler(request, new AbortController().signal)) {
      expect(event).not.toBe("chat_error");
      if (event === "chat_message") text += (data as { delta: string }).delta;
    }
    return text;
  };
  expect(await ask("How much BTC was traded?")).toMatch(
    /^The volume of BTC-USDT was 20 BTC, .* of 200 trades/,
  );
  expect(await ask("and in the last 10 seconds?")).toMatch(/was 0\.7 BTC, .* of 7 trades/);
  expect(await ask("and the highest price?")).toContain(
    "The highest price of BTC-USDT in the last 10 seconds",
  );
  const others = [
    ...["last price of ETH", "first price of ETH", "average price of ETH", "average trade size of ETH"],
    ...["price range of ETH", "how did ETH change?", "how many trades of ETH between 00:01 and 00:02?"],
    ...[
      "compare buys and sells of ETH",
      "10 second candles of ETH",
      "which symbols are there?",
      "how many rows?",
    ],
    ...["biggest trade of ETH at 00:01", "volume of ETH in 2020", "transfers on tron", "largest transfer"],
    ...["how many addresses are on the OFAC list?", "exposure of 0x098B716B8Aaf21512996dC57EB0615e2383E2f96"],
    ...["what do you know about 0x098B716B8Aaf21512996dC57EB0615e2383E2f96?", "and its transfers?"],
  ];
  for (const question of others) expect(await ask(question)).toContain("```sql\nSELECT ");
});
