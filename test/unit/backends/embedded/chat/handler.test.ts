import { expect, it } from "vitest";
import type { BackendEvent, BackendRequest } from "../../../../../src/backends/backend.ts";
import {
  type ConversationAlarm,
  ConversationCore,
} from "../../../../../src/backends/embedded/chat/conversation.ts";
import type { ChatEngine, ChatPart, ChatQuestion } from "../../../../../src/backends/embedded/chat/engine.ts";
import type { ConversationRpc } from "../../../../../src/backends/embedded/chat/protocol.ts";
import { chatHandler, RENEW_MS } from "../../../../../src/backends/embedded/chat.ts";
import { serverEvent } from "../../../../../src/events/catalogue.ts";
import { Alarms } from "../../../../../src/lib/alarms.ts";
import { Deferred, FakeClock, FakeTimers, settled } from "../../../../support/fakes.ts";
import { TestStorage } from "../../../../support/sqlite.ts";

const conversationsOf = (time = new FakeClock()) => {
  const cores = new Map<string, ConversationCore>();
  const getByName = (name: string): ConversationRpc => {
    const storage = new TestStorage();
    const core =
      cores.get(name) ??
      new ConversationCore(storage.sql, new Alarms<ConversationAlarm>(storage, 0), time.read);
    cores.set(name, core);
    return {
      begin: async (id) => core.begin(id),
      renew: async (id) => core.renew(id),
      keep: async (id, turn) => core.keep(id, turn),
      release: async (id) => core.release(id),
    };
  };
  return { cores, getByName };
};

const engineOf = (parts: readonly ChatPart[], problem?: Error) => {
  const asked: ChatQuestion[] = [];
  const engine: ChatEngine = {
    async *answer(question) {
      asked.push(question);
      yield* parts;
      if (problem !== undefined) throw problem;
    },
  };
  return { engine, asked };
};

const request = (
  id: string,
  message: string,
  rest: Partial<BackendRequest<"chat">> = {},
): BackendRequest<"chat"> => ({
  id,
  event: "chat",
  payload: { conversationId: "c1", message },
  userId: "user_1",
  socketId: "s1",
  applicationId: "demo",
  applications: ["demo"],
  ...rest,
});

const collect = async (events: AsyncIterable<BackendEvent>): Promise<BackendEvent[]> => {
  const all: BackendEvent[] = [];
  for await (const event of events) {
    const checked = serverEvent(event.event)?.schema.safeParse({
      conversationId: "c1",
      ...(event.data as object),
    });
    expect(checked?.error).toBeUndefined();
    all.push(event);
  }
  return all;
};

const never = new AbortController().signal;
const sleep = async () => {};
const waitUntil = () => {};
const { read: clock } = new FakeClock();
const { after } = new FakeTimers();

const HELLO: ChatPart[] = [
  { type: "delta", text: "Hel" },
  { type: "delta", text: "lo." },
  { type: "done", tokens: { prompt: 3, completion: 2, total: 5 }, sql: "SELECT 1" },
];

it("REQ-1: an answer is typing, its pieces, the last one, no more typing, and its counts", async () => {
  const { engine } = engineOf(HELLO);
  const handler = chatHandler({ conversations: conversationsOf(), engine, clock, after, sleep, waitUntil });
  expect(await collect(handler(request("m1", "Hi"), never))).toEqual([
    { event: "chat_typing", data: {} },
    { event: "chat_message", data: { role: "assistant", delta: "Hel", isFinal: false } },
    { event: "chat_message", data: { role: "assistant", delta: "lo.", isFinal: false } },
    { event: "chat_message", data: { role: "assistant", delta: "", isFinal: true } },
    { event: "chat_stop_typing", data: {} },
    {
      event: "chat_response",
      data: { messageId: "m1", tokens: { prompt: 3, completion: 2, total: 5 }, sql: "SELECT 1" },
    },
  ]);
});

it("the next message of the conversation comes with what was said, of another user's or application's without", async () => {
  const { engine, asked } = engineOf(HELLO);
  const handler = chatHandler({ conversations: conversationsOf(), engine, clock, after, sleep, waitUntil });
  const first = { payload: { conversationId: "c1", message: "Hi", context: { symbol: "BTC-USDT" } } };
  await collect(handler(request("m1", "", first), never));
  await collect(handler(request("m2", "And now?"), never));
  await collect(handler(request("m3", "Who?", { userId: "user_2" }), never));
  await collect(handler(request("m4", "Who?", { applicationId: "other" }), never));
  const history = [{ message: "Hi", context: '{"symbol":"BTC-USDT"}', at: clock(), answer: "Hello." }];
  expect(asked).toEqual([
    {
      history: [],
      message: "Hi",
      context: '{"symbol":"BTC-USDT"}',
      at: clock(),
      applicationId: "demo",
      userId: "user_1",
    },
    { history, message: "And now?", context: "", at: clock(), applicationId: "demo", userId: "user_1" },
    { history: [], message: "Who?", context: "", at: clock(), applicationId: "demo", userId: "user_2" },
    { history: [], message: "Who?", context: "", at: clock(), applicationId: "other", userId: "user_1" },
  ]);
});

it("a failed answer ends typing, says why, and leaves nothing in the conversation", async () => {
  const failed = engineOf([
    { type: "delta", text: "Hel" },
    { type: "failed", error: { code: "RATE_LIMITED", message: "Slow down.", retryAfter: 7 } },
  ]);
  const conversations = conversationsOf();
  const events = await collect(
    chatHandler({ conversations, engine: failed.engine, clock, after, sleep, waitUntil })(
      request("m1", "Hi"),
      never,
    ),
  );
  expect(events.slice(-2)).toEqual([
    { event: "chat_stop_typing", data: {} },
    { event: "chat_error", data: { code: "RATE_LIMITED", message: "Slow down.", retryAfter: 7 } },
  ]);
  const { engine, asked } = engineOf(HELLO);
  await collect(
    chatHandler({ conversations, engine, clock, after, sleep, waitUntil })(request("m2", "Again"), never),
  );
  expect(asked[0]?.history).toEqual([]);
});

it("an engine that throws, or ends without an ending, ends typing too, and lets the next message in", async () => {
  const conversations = conversationsOf();
  for (const [id, problem] of [
    ["m1", new Error("bug")],
    ["m2", undefined],
  ] as const) {
    const { engine } = engineOf([{ type: "delta", text: "Hel" }], problem);
    const events: string[] = [];
    const answer = chatHandler({ conversations, engine, clock, after, sleep, waitUntil })(
      request(id, "Hi"),
      never,
    );
    await expect(async () => {
      for await (const { event } of answer) events.push(event);
    }).rejects.toThrow();
    expect(events).toEqual(["chat_typing", "chat_message", "chat_stop_typing"]);
  }
  const { engine, asked } = engineOf(HELLO);
  await collect(
    chatHandler({ conversations, engine, clock, after, sleep, waitUntil })(request("m3", "Again"), never),
  );
  expect(asked[0]?.history).toEqual([]);
});

it("a message that comes while another is answered is refused, and let in when that one is cancelled", async () => {
  const conversations = conversationsOf();
  const { engine, asked } = engineOf(HELLO);
  const handler = chatHandler({ conversations, engine, clock, after, sleep, waitUntil });
  const first = handler(request("m1", "Hi"), never)[Symbol.asyncIterator]();
  await first.next();
  expect(await collect(handler(request("m2", "Hi?"), never))).toEqual([
    {
      event: "chat_error",
      data: {
        code: "RATE_LIMITED",
        message: "This conversation is still being answered. Wait for the answer before you write more.",
        retryAfter: 2,
      },
    },
  ]);
  await first.return?.();
  await collect(handler(request("m3", "Hi!"), never));
  expect(asked.map(({ message, history }) => [message, history.length])).toEqual([["Hi!", 0]]);
});

it("a message that nobody waits for any more lets the next one in, though its answer is read no further", async () => {
  const conversations = conversationsOf();
  const { engine } = engineOf(HELLO);
  const pending: Promise<void>[] = [];
  const deps = {
    conversations,
    engine,
    clock,
    after,
    sleep,
    waitUntil: (work: Promise<void>) => void pending.push(work),
  };
  const caller = new AbortController();
  await chatHandler(deps)(request("m1", "Hi"), caller.signal)[Symbol.asyncIterator]().next();
  caller.abort();
  await Promise.all(pending);
  const events = await collect(chatHandler(deps)(request("m2", "Hi?"), never));
  expect(events.at(-1)?.event).toBe("chat_response");
});

it("an answer that is cancelled when the engine has written it whole is not kept", async () => {
  const conversations = conversationsOf();
  const caller = new AbortController();
  const engine: ChatEngine = {
    async *answer() {
      yield { type: "delta", text: "Hello." };
      caller.abort();
      yield { type: "done", tokens: {} };
    },
  };
  const deps = { conversations, clock, after, sleep, waitUntil };
  const events = await collect(chatHandler({ ...deps, engine })(request("m1", "Hi"), caller.signal));
  expect(events.map(({ event }) => event)).toEqual(["chat_typing", "chat_message"]);
  const next = engineOf(HELLO);
  await collect(chatHandler({ ...deps, engine: next.engine })(request("m2", "Again"), never));
  expect(next.asked.map(({ history }) => history)).toEqual([[]]);
});

it("an answer whose place another message has taken is not kept, and fails", async () => {
  const time = new FakeClock();
  const conversations = conversationsOf(time);
  const { engine } = engineOf(HELLO);
  const deps = { conversations, clock: time.read, after, sleep, waitUntil };
  const first = chatHandler({ ...deps, engine })(request("m1", "Hi"), never)[Symbol.asyncIterator]();
  await first.next();
  // As if the calls that say it goes on were lost.
  time.now += 90_000;
  await collect(chatHandler({ ...deps, engine })(request("m2", "Hi?"), never));
  const rest: BackendEvent[] = [];
  for (let next = await first.next(); !next.done; next = await first.next()) rest.push(next.value);
  expect(rest.slice(-2)).toEqual([
    { event: "chat_stop_typing", data: {} },
    {
      event: "chat_error",
      data: {
        code: "INTERNAL",
        message: "The conversation went on while this was being answered. Send the message again.",
      },
    },
  ]);
  const third = engineOf(HELLO);
  await collect(chatHandler({ ...deps, engine: third.engine })(request("m3", "Hi!"), never));
  expect(third.asked[0]?.history.map(({ message }) => message)).toEqual(["Hi?"]);
});

it("an answer keeps the conversation to itself as long as it is waited for, however silent, and no longer", async () => {
  const time = new FakeClock();
  const timers = new FakeTimers();
  const conversations = conversationsOf(time);
  const silence = new Deferred<void>();
  const engine: ChatEngine = {
    async *answer() {
      await silence.promise;
      yield { type: "delta", text: "." };
      yield { type: "done", tokens: {} };
    },
  };
  const handler = chatHandler({
    ...{ conversations, engine, clock: time.read, after: timers.after, sleep, waitUntil },
  });
  const first = collect(handler(request("m1", "Hi"), never));
  for (let passed = 0; passed < 600_000; passed += RENEW_MS) {
    await settled();
    time.now += RENEW_MS;
    timers.pass(RENEW_MS);
    await settled();
    const [event] = await collect(handler(request("m2", "Hi?"), never));
    expect(event?.event).toBe("chat_error");
  }
  silence.resolve();
  expect((await first).at(-1)?.event).toBe("chat_response");
  expect(timers.pending).toEqual([]);
});

it("what is kept of an endless answer is bounded", async () => {
  const conversations = conversationsOf();
  const parts = Array.from({ length: 100 }, (): ChatPart => ({ type: "delta", text: "x".repeat(10_000) }));
  const { engine } = engineOf([...parts, { type: "done", tokens: {} }]);
  const deps = { conversations, clock, after, sleep, waitUntil };
  await collect(chatHandler({ ...deps, engine })(request("m1", "Hi"), never));
  const next = engineOf(HELLO);
  await collect(chatHandler({ ...deps, engine: next.engine })(request("m2", "Again"), never));
  const [turn] = next.asked[0]?.history ?? [];
  expect(turn?.message).toBe("Hi");
  expect(turn?.answer).toMatch(/^x+\n\n\(The rest is not kept: it is too long\.\)$/);
});
