import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChatPart, ChatQuestion } from "../../../../../src/backends/embedded/chat/engine.ts";
import { completionParts } from "../../../../../src/backends/embedded/chat/openai/completion-stream.ts";
import { openAiEngine } from "../../../../../src/backends/embedded/chat/openai/openai-engine.ts";
import { after } from "../../../../../src/lib/after.ts";
import {
  COMMENT,
  type CompletionRequest,
  content,
  DONE,
  dribble,
  finish,
  OpenAiServer,
  ROLE,
  refuse,
  stream,
  usage,
} from "../../../../support/openai-server.ts";

const KEY = "sk-test-4f9a";
const NOW = Date.parse("2026-11-22T12:00:00Z");

let server: OpenAiServer;
let logged: string[];

beforeEach(async () => {
  server = await OpenAiServer.start();
  logged = [];
});

afterEach(async () => {
  await server.stop();
  for (const line of logged) expect(line).not.toMatch(/sk-|127\.0\.0\.1/);
});

const QUESTION: ChatQuestion = {
  history: [],
  message: "Hi",
  context: "",
  at: 0,
  applicationId: "demo",
  userId: "u",
};

const ask = async (
  options: { url?: string; key?: string | undefined; idleTimeoutMs?: number; signal?: AbortSignal } = {},
  question = QUESTION,
): Promise<ChatPart[]> => {
  const engine = openAiEngine({
    url: options.url ?? server.url,
    model: "gpt-4o-mini",
    key: "key" in options ? options.key : KEY,
    idleTimeoutMs: options.idleTimeoutMs ?? 5_000,
    fetch: (url, init) => fetch(url, init),
    after,
    clock: () => NOW,
    log: (level, event, fields) => void logged.push(JSON.stringify({ level, event, ...fields })),
  });
  const parts: ChatPart[] = [];
  for await (const part of engine.answer(question, options.signal ?? new AbortController().signal)) {
    parts.push(part);
  }
  return parts;
};

const text = (parts: readonly ChatPart[]): string =>
  parts.map((part) => (part.type === "delta" ? part.text : "")).join("");

const answering = (...events: string[]) => {
  server.respond = (response) => void stream(response).end(events.join(""));
};

describe("the request", () => {
  it("is a streamed completion of the whole conversation, with the key, the tables and no figures", async () => {
    answering(ROLE, content("Hello"), finish("stop"), usage(9, 1), DONE);
    const history = [{ message: "One?", context: "", at: 0, answer: "1." }];
    await ask({}, { ...QUESTION, history, message: "Two?", context: '{"symbol":"BTC-USDT"}' });
    const [request] = server.requests;
    expect(request).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
      body: { model: "gpt-4o-mini", stream: true, stream_options: { include_usage: true } },
    });
    // Checked above to be there.
    const { messages } = (request as CompletionRequest).body as {
      messages: { role: string; content: string }[];
    };
    expect(messages.slice(1)).toEqual([
      { role: "user", content: "One?" },
      { role: "assistant", content: "1." },
      { role: "user", content: 'Context, as JSON: {"symbol":"BTC-USDT"}\n\nTwo?' },
    ]);
    expect(messages[0]?.role).toBe("system");
    for (const table of ["bars", "trades", "transfers", "address_labels"]) {
      expect(messages[0]?.content).toContain(`CREATE TABLE ${table} (`);
    }
    expect(messages[0]?.content).toMatch(/never guess/i);
  });

  it("goes to the path under the base, whatever its slashes and query, without a key if there is none", async () => {
    answering(content("x"), finish("stop"), DONE);
    await ask({ url: `${server.url}///`, key: undefined });
    await ask({ url: `${server.url}?api-version=2` });
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/v1/chat/completions",
      "/v1/chat/completions?api-version=2",
    ]);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe("the answer", () => {
  it("comes piece by piece, with what the endpoint counted", async () => {
    answering(ROLE, content("Hel"), content("lo. "), content("¿Qué?"), finish("stop"), usage(19, 10), DONE);
    expect(await ask()).toEqual([
      { type: "delta", text: "Hel" },
      { type: "delta", text: "lo. " },
      { type: "delta", text: "¿Qué?" },
      { type: "done", tokens: { prompt: 19, completion: 10, total: 29 } },
    ]);
    expect(logged).toEqual([]);
  });

  it("comes as it is written, not at its end", async () => {
    let proceed = () => {};
    server.respond = (response) => {
      stream(response).write(ROLE + content("first"));
      proceed = () => void response.end(content("second") + finish("stop") + DONE);
    };
    const engine = openAiEngine({
      ...{ url: server.url, model: "m", key: KEY, idleTimeoutMs: 5_000 },
      ...{
        fetch: (url: string, init: RequestInit) => fetch(url, init),
        after,
        clock: () => NOW,
        log: () => {},
      },
    });
    const seen: string[] = [];
    for await (const part of engine.answer(QUESTION, new AbortController().signal)) {
      if (part.type !== "delta") continue;
      seen.push(part.text);
      if (part.text === "first") proceed();
    }
    expect(seen).toEqual(["first", "second"]);
  });

  it("survives keep-alives, unknown fields and cuts inside UTF-8 sequences", async () => {
    const whole = [
      COMMENT,
      ROLE,
      content("Préis 🙂 "),
      ": \n\n",
      "event: message\r\nid: 7\r\nretry: 10\r\nx: y\r\n",
      content("世界"),
      finish("stop"),
      usage(1, 2),
      DONE,
    ].join("");
    for (const size of [1, 3, 7]) {
      server.respond = (response) => void dribble(stream(response), whole, size);
      const parts = await ask();
      expect([text(parts), parts.at(-1)]).toEqual([
        "Préis 🙂 世界",
        { type: "done", tokens: { prompt: 1, completion: 2, total: 3 } },
      ]);
    }
  });

  it("is read to the same parts however its bytes are cut", async () => {
    const bytes = new TextEncoder().encode(
      COMMENT + ROLE + content("é🙂\n\ndata: [DONE]") + content("世") + finish("stop") + usage(3, 4) + DONE,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 20 }), async (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((edge, i) => bytes.slice(edges[i], edge));
        const parts = [];
        for await (const part of completionParts(async () => pieces.shift())) parts.push(part);
        expect(parts).toEqual([
          { type: "text", text: "é🙂\n\ndata: [DONE]" },
          { type: "text", text: "世" },
          { type: "finish", reason: "stop" },
          { type: "usage", tokens: { prompt: 3, completion: 4, total: 7 } },
        ]);
      }),
      { numRuns: 50 },
    );
  });

  it("says nothing of tokens that the endpoint did not count", async () => {
    answering(content("x"), finish("stop"), DONE);
    expect((await ask()).at(-1)).toEqual({ type: "done", tokens: {} });
  });

  it("is whole with its finish reason, though [DONE] is missing", async () => {
    answering(content("x"), finish("stop"));
    expect((await ask()).at(-1)).toEqual({ type: "done", tokens: {} });
  });

  it("that reached the model's length says so", async () => {
    answering(content("To be continued"), finish("length"), usage(1, 2), DONE);
    const parts = await ask();
    expect(text(parts)).toBe(
      "To be continued\n\n(The answer ends here: it reached the length that the model allows.)",
    );
    expect(parts.at(-1)?.type).toBe("done");
  });

  it("that the content filter withheld is a failure", async () => {
    answering(content("I "), finish("content_filter"), DONE);
    expect((await ask()).at(-1)).toMatchObject({ type: "failed", error: { code: "INTERNAL" } });
  });

  it("that is the model's refusal is its answer", async () => {
    const refusal = content("").replace('"content":""', '"refusal":"I cannot help with that."');
    answering(ROLE, refusal, finish("stop"), DONE);
    expect(text(await ask())).toBe("I cannot help with that.");
  });
});

describe("a failure", () => {
  it.each([
    [401, "invalid_api_key", {}, { code: "INTERNAL", message: /not set up/ }],
    [403, "forbidden", {}, { code: "INTERNAL", message: /not set up/ }],
    [404, "model_not_found", {}, { code: "INTERNAL", message: /not set up/ }],
    [400, "context_length_exceeded", {}, { code: "INTERNAL", message: /too long/ }],
    [429, "rate_limit_exceeded", { "retry-after": "20" }, { code: "RATE_LIMITED", retryAfter: 20 }],
    [
      429,
      "rate_limit_exceeded",
      { "retry-after": "Sun, 22 Nov 2026 12:01:30 GMT" },
      { code: "RATE_LIMITED", retryAfter: 90 },
    ],
    [429, "insufficient_quota", { "retry-after": "soon" }, { code: "RATE_LIMITED" }],
    [500, "server_error", {}, { code: "INTERNAL", message: /again/ }],
    [503, "overloaded", { "retry-after": "5" }, { code: "INTERNAL", retryAfter: 5 }],
    [307, "moved", { location: "http://127.0.0.1:1/" }, { code: "INTERNAL" }],
  ])("of status %d (%s) is the error that fits", async (status, code, headers, expected) => {
    server.respond = (response) => refuse(response, status, code, headers);
    const parts = await ask();
    expect(parts).toEqual([{ type: "failed", error: expect.objectContaining({ code: expected.code }) }]);
    const [part] = parts;
    if (part?.type !== "failed") throw new Error("unreachable");
    expect(part.error.retryAfter).toBe("retryAfter" in expected ? expected.retryAfter : undefined);
    if ("message" in expected) expect(part.error.message).toMatch(expected.message);
    expect(JSON.stringify(part)).not.toMatch(/sk-|Not this time/);
    expect(logged).toEqual([
      JSON.stringify({ level: "error", event: "chat_model_failed", what: "refused", status }),
    ]);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ["a stream that ends early", () => answering(ROLE, content("Hel"))],
    ["a stream without text", () => answering(ROLE, finish("stop"), DONE)],
    ["an event that is not JSON", () => answering(content("Hel"), "data: {oops\n\n")],
    ["an event of another form", () => answering('data: {"choices":[{"delta":{"content":5}}]}\n\n')],
    ["an event that is not an object", () => answering("data: null\n\n")],
    ["an error in the stream", () => answering('data: {"error":{"message":"overloaded sk-leaked"}}\n\n')],
    ["an event without end", () => answering(`data: ${"x".repeat(1_100_000)}`)],
    [
      "a connection that breaks",
      () => {
        server.respond = (response) =>
          void stream(response).write(content("Hel"), () => response.socket?.resetAndDestroy());
      },
    ],
  ])("%s is a failure, not an answer", async (_, arrange) => {
    arrange();
    const parts = await ask();
    expect(parts.at(-1)).toEqual({
      type: "failed",
      error: { code: "INTERNAL", message: "The answer of the chat model broke off. Send the message again." },
    });
    expect(parts.filter(({ type }) => type !== "delta")).toHaveLength(1);
    expect(logged).toHaveLength(1);
  });

  it("is an answer that is no stream", async () => {
    server.respond = (response) =>
      void response.writeHead(200, { "content-type": "application/json" }).end("{}");
    expect(await ask()).toMatchObject([{ type: "failed", error: { code: "INTERNAL" } }]);
  });

  it("is an endpoint that nobody answers at", async () => {
    const url = server.url;
    await server.stop();
    expect(await ask({ url })).toMatchObject([{ type: "failed", error: { code: "INTERNAL" } }]);
    server = await OpenAiServer.start();
  });

  it.each([
    ["before its first byte", () => {}],
    ["between two", (response: Parameters<typeof stream>[0]) => void stream(response).write(content("Hel"))],
  ])("is an endpoint that is silent too long %s; the connection is closed", async (_, respond) => {
    server.respond = respond;
    const parts = await ask({ idleTimeoutMs: 50 });
    expect(parts.at(-1)).toMatchObject({
      type: "failed",
      error: { message: expect.stringMatching(/too long/) },
    });
    await server.closed();
  });
});

describe("an answer that nobody waits for", () => {
  it("ends the endpoint's work when the signal aborts", async () => {
    const caller = new AbortController();
    server.respond = (response) => void stream(response).write(content("Hel"), () => caller.abort());
    const parts = await ask({ signal: caller.signal });
    expect(parts.at(-1)).toEqual({
      type: "failed",
      error: { code: "INTERNAL", message: "The answer was cancelled." },
    });
    expect(logged).toEqual([]);
    await server.closed();
  });

  it("ends the endpoint's work when it is not read on", async () => {
    server.respond = (response) => void stream(response).write(content("Hel"));
    const engine = openAiEngine({
      ...{ url: server.url, model: "m", key: KEY, idleTimeoutMs: 5_000 },
      ...{
        fetch: (url: string, init: RequestInit) => fetch(url, init),
        after,
        clock: () => NOW,
        log: () => {},
      },
    });
    for await (const part of engine.answer(QUESTION, new AbortController().signal)) {
      expect(part).toEqual({ type: "delta", text: "Hel" });
      break;
    }
    await server.closed();
  });
});
