import { afterAll, beforeAll, expect, it } from "vitest";
import {
  content,
  DONE,
  dribble,
  finish,
  OpenAiServer,
  ROLE,
  refuse,
  stream,
  usage,
} from "../support/openai-server.ts";
import { type Service, startService } from "../support/service.ts";

const KEY = "sk-e2e-secret";

let model: OpenAiServer;
let service: Service;

beforeAll(async () => {
  model = await OpenAiServer.start();
  service = await startService({
    vars: {
      ...{ CHAT_URL: model.url, CHAT_MODEL: "gpt-4o-mini", CHAT_KEY: KEY },
      ...{ BACKEND_IDLE_TIMEOUT: "1000" },
    },
  });
});

afterAll(async () => {
  await service?.stop();
  await model?.stop();
  expect(service?.logs.join("\n")).not.toContain(KEY);
});

it("REQ-3: a model's answer comes as it is written, with its counts, and knows what was said before", async () => {
  const client = await service.connect("user_model_1");
  const whole = [ROLE, content("Grüezi "), content("🙂"), finish("stop"), usage(19, 3), DONE].join("");
  model.respond = (response) => void dribble(stream(response), whole, 5);
  client.socket.emit("chat", { conversationId: "c1", message: "Hello", context: { symbol: "BTC-USDT" } });
  expect(await client.next("chat_response")).toEqual({
    conversationId: "c1",
    messageId: expect.any(String),
    tokens: { prompt: 19, completion: 3, total: 22 },
  });
  const pieces = client.payloads("chat_message");
  expect(pieces.map(({ delta }) => delta)).toEqual(["Grüezi ", "🙂", ""]);
  expect(pieces.map(({ isFinal }) => isFinal)).toEqual([false, false, true]);
  client.socket.emit("chat", { conversationId: "c1", message: "Again" });
  await client.next("chat_response");
  const request = model.requests.at(-1);
  expect(request?.headers.authorization).toBe(`Bearer ${KEY}`);
  expect(request?.body).toMatchObject({
    model: "gpt-4o-mini",
    messages: [
      { role: "system" },
      { role: "user", content: 'Context, as JSON: {"symbol":"BTC-USDT"}\n\nHello' },
      { role: "assistant", content: "Grüezi 🙂" },
      { role: "user", content: "Again" },
    ],
  });
  client.close();
});

it.each([
  [
    "a model that is busy",
    () => {
      model.respond = (response) => refuse(response, 429, "rate_limit_exceeded", { "retry-after": "20" });
    },
    { code: "RATE_LIMITED", retryAfter: 20 },
  ],
  [
    "a refused key",
    () => {
      model.respond = (response) => refuse(response, 401, "invalid_api_key");
    },
    { code: "INTERNAL", message: /not set up/ },
  ],
  [
    "a redirect",
    () => {
      model.respond = (response) => refuse(response, 307, "moved", { location: `${model.url}/elsewhere` });
    },
    { code: "INTERNAL" },
  ],
  [
    "an answer that breaks off",
    () => {
      model.respond = (response) =>
        void stream(response).write(ROLE + content("Hel"), () => response.socket?.resetAndDestroy());
    },
    { code: "INTERNAL", message: /broke off/ },
  ],
  [
    "a model that falls silent",
    () => {
      model.respond = (response) => void stream(response).write(ROLE + content("Hel"));
    },
    { code: "INTERNAL", message: /too long/ },
  ],
])("REQ-3: %s is a chat_error, after which the next message is answered", async (name, arrange, expected) => {
  const conversationId = name;
  const client = await service.connect("user_model_2");
  arrange();
  client.socket.emit("chat", { conversationId, message: "One" });
  const failure = await client.next("chat_error");
  expect(failure).toMatchObject({ conversationId, code: expected.code });
  expect(failure.retryAfter).toBe("retryAfter" in expected ? expected.retryAfter : undefined);
  if ("message" in expected) expect(failure.message).toMatch(expected.message);
  expect(client.names().slice(-2)).toEqual(["chat_stop_typing", "chat_error"]);
  model.respond = (response) => void stream(response).end(content("Two.") + finish("stop") + DONE);
  client.socket.emit("chat", { conversationId, message: "Two" });
  expect(await client.next("chat_response")).toMatchObject({ tokens: {} });
  // The failed message has left nothing behind.
  expect(model.requests.at(-1)?.body).toMatchObject({ messages: [{ role: "system" }, { content: "Two" }] });
  client.close();
});

it("REQ-3: when the client goes away the model's work ends, and the conversation is free", async () => {
  const client = await service.connect("user_model_3");
  let proceed = () => {};
  const begun = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  model.respond = (response) => {
    stream(response).write(ROLE + content("Hel"));
    // Alive, so that it is not the silence that ends it.
    const alive = setInterval(() => response.write(": alive\n\n"), 100);
    response.on("close", () => clearInterval(alive));
    proceed();
  };
  client.socket.emit("chat", { conversationId: "c1", message: "Hello" });
  await client.next("chat_message");
  await begun;
  client.close();
  await model.closed();
  model.respond = (response) => void stream(response).end(content("Two.") + finish("stop") + DONE);
  const other = await service.connect("user_model_3");
  const ask = () =>
    new Promise<string>((resolve) => {
      other.socket.once("chat_response", () => resolve("answered"));
      other.socket.once("chat_error", () => resolve("refused"));
      other.socket.emit("chat", { conversationId: "c1", message: "Again" });
    });
  // That nobody waits any more is heard some time after the client has gone.
  await expect.poll(ask, { timeout: 10_000 }).toBe("answered");
  other.close();
});
