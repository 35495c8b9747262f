import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { BackendRequest } from "../../src/backends/backend.ts";
import { MAX_AGE_MS } from "../../src/backends/embedded/chat/conversation.ts";
import type { ChatEngine, ChatQuestion } from "../../src/backends/embedded/chat/engine.ts";
import { conversationName } from "../../src/backends/embedded/chat/protocol.ts";
import { chatHandler } from "../../src/backends/embedded/chat.ts";
import { sleep } from "../../src/lib/after.ts";

const turn = (message: string) => ({ message, context: "", answer: "A." });

it("a conversation's turns survive eviction of its object", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "evicted"));
  await stub.begin("m1");
  await stub.keep("m1", turn("one"));
  await evictDurableObject(stub);
  expect(await stub.begin("m2")).toEqual({ ok: true, value: [turn("one")] });
});

it("a conversation deletes itself, and all it has stored, 30 days after its last message", async () => {
  const stub = env.CONVERSATIONS.getByName(await conversationName("demo", "user_1", "old"));
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
  const handler = chatHandler({ conversations: env.CONVERSATIONS, engine, sleep });
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
