import { createServer } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Deferred, FakeTimers } from "../../../support/fakes.ts";
import { accepted, collect, createBackend, NEVER, QUERY, sse, streamHead, UpstreamServer } from "./server.ts";

let server: UpstreamServer;

beforeEach(async () => {
  server = new UpstreamServer();
  await server.listen();
});

afterEach(() => server.close());

const started = { event: "query_started", data: { estimatedMs: 5 } };
const completed = { event: "query_completed", data: { durationMs: 3, totalRows: 0 } };
const whole = sse(["query_started", started.data], ["query_completed", completed.data]);

const internalError = (retryAfter?: number) => ({
  event: "query_error",
  data: {
    code: "INTERNAL",
    message: expect.stringMatching(/./),
    ...(retryAfter !== undefined && { retryAfter }),
  },
});

const refusedInternal = (retryAfter?: number) => ({
  status: "refused",
  refusal: { event: "error", data: internalError(retryAfter).data },
});

it("REQ-2 a request is posted to /realtime/<event> with its ids, its user, its payload and the credential", async () => {
  server.answer = (_, response) => response.writeHead(200, streamHead).end(whole);
  const { backend } = createBackend({ url: server.origin, token: "s3cret" });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([started, completed]);
  expect(server.received).toEqual([
    {
      url: "/realtime/query",
      headers: expect.objectContaining({
        authorization: "Bearer s3cret",
        accept: "text/event-stream",
        "content-type": "application/json",
        "idempotency-key": "q_1",
      }),
      body: {
        requestId: "q_1",
        userId: "user_1",
        socketId: "sid_1",
        applicationId: "app_1",
        applications: QUERY.applications,
        payload: QUERY.payload,
      },
    },
  ]);
});

it("REQ-2 without BACKEND_TOKEN no credential is sent", async () => {
  server.answer = (_, response) => response.writeHead(202).end();
  const { backend } = createBackend({ url: server.origin });
  await backend.start(QUERY, NEVER);
  expect(server.received[0]?.headers).not.toHaveProperty("authorization");
});

it.each([
  ["", "/realtime/query"],
  ["/", "/realtime/query"],
  ["/api/v2", "/api/v2/realtime/query"],
  ["/api/v2//", "/api/v2/realtime/query"],
  ["/api?key=1#part", "/api/realtime/query?key=1"],
])("REQ-2 with BACKEND_URL ending in '%s' the path is %s", async (ending, path) => {
  server.answer = (_, response) => response.writeHead(202).end();
  const { backend } = createBackend({ url: `${server.origin}${ending}` });
  expect(await backend.start(QUERY, NEVER)).toEqual({ status: "deferred" });
  expect(server.received[0]?.url).toBe(path);
});

it("REQ-2 a service binding is asked instead of BACKEND_URL", async () => {
  const asked: Request[] = [];
  const binding = {
    fetch: async (url: string, init: RequestInit) => {
      asked.push(new Request(url, init));
      return new Response(null, { status: 202 });
    },
  };
  const { backend } = createBackend({ url: server.origin, token: "s3cret", binding });
  expect(await backend.start(QUERY, NEVER)).toEqual({ status: "deferred" });
  expect(asked.map(({ method, url, headers }) => [method, url, headers.get("authorization")])).toEqual([
    ["POST", "http://backend/realtime/query", "Bearer s3cret"],
  ]);
  expect(server.received).toEqual([]);
});

it("REQ-2 an event is handed on when it has come, while the upstream still works", async () => {
  const released = new Deferred<void>();
  server.answer = async (_, response) => {
    response.writeHead(200, streamHead).write(sse(["query_started", started.data]));
    await released.promise;
    response.end(sse(["query_completed", completed.data]));
  };
  const { backend } = createBackend({ url: server.origin });
  const events = accepted(await backend.start(QUERY, NEVER))[Symbol.asyncIterator]();
  expect(await events.next()).toEqual({ done: false, value: started });
  released.resolve();
  expect(await events.next()).toEqual({ done: false, value: completed });
  expect(await events.next()).toEqual({ done: true, value: undefined });
});

it("REQ-2 replies that are read to their end leave the connection for the next request", async () => {
  server.answer = (_, response) => response.writeHead(200, streamHead).end(whole);
  const { backend } = createBackend({ url: server.origin });
  for (let n = 0; n < 10; n++) await collect(accepted(await backend.start(QUERY, NEVER)));
  // A request that follows at once may come before the connection is free.
  expect(server.connections).toBeLessThan(5);
});

it("REQ-2 nothing is read behind a terminal event, and the connection is closed", async () => {
  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, streamHead).write(`${whole}${whole}`);
  };
  const { backend } = createBackend({ url: server.origin });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([started, completed]);
  await closed.promise;
});

it.each([
  ["data that is no JSON", "event: query_started\ndata: {hush\n\n"],
  ["data that is no object", "event: query_started\ndata: [1]\n\n"],
  ["an event without a name", 'data: {"estimatedMs":5}\n\n'],
  ["an event of no catalogue", "event: constructor\ndata: {}\n\n"],
  ["an event of the client's", "event: query\ndata: {}\n\n"],
  ["an event over 1,000,000 bytes", `event: query_response\ndata: ${"x".repeat(1_000_100)}\n\n`],
  ["a line without end", `data: ${"x".repeat(3_000_000)}`],
])("REQ-2 %s ends the answer with an INTERNAL error, and a log line without it", async (_, malformed) => {
  server.answer = (_, response) =>
    response
      .writeHead(200, streamHead)
      .end(`${sse(["query_started", started.data])}${malformed}\n\n${sse(["query_completed", {}])}`);
  const { backend, logs } = createBackend({ url: `${server.origin}?key=hush`, token: "hush" });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([started, internalError()]);
  expect(logs).toEqual([
    {
      level: "error",
      event: "backend_failed",
      fields: { request: "query", id: "q_1", status: undefined, reason: expect.stringMatching(/./) },
    },
  ]);
  expect(JSON.stringify(logs)).not.toMatch(/hush|xxx/);
});

it.each([
  ["no content type", {}],
  ["JSON", { "content-type": "application/json" }],
  ["a longer name", { "content-type": "text/event-streams" }],
])("REQ-2 a 200 with %s is refused, and logged", async (_, headers) => {
  server.answer = (_, response) => response.writeHead(200, headers).end(whole);
  const { backend, logs } = createBackend({ url: server.origin });
  expect(await backend.start(QUERY, NEVER)).toEqual(refusedInternal());
  expect(logs.map(({ fields }) => fields?.status)).toEqual([200]);
});

it("REQ-2 the content type may have parameters", async () => {
  server.answer = (_, response) =>
    response.writeHead(200, { "content-type": "Text/Event-Stream; charset=utf-8" }).end(whole);
  const { backend } = createBackend({ url: server.origin });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([started, completed]);
});

it("REQ-2 a reply that ends without a terminal event is an INTERNAL error", async () => {
  server.answer = (_, response) =>
    response.writeHead(200, streamHead).end(sse(["query_started", started.data]));
  const { backend, logs } = createBackend({ url: server.origin });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([started, internalError(5)]);
  expect(logs).toHaveLength(1);
});

it("REQ-2 a connection lost in the middle of an event is an INTERNAL error, and is not tried again", async () => {
  server.answer = (request, response) => {
    response
      .writeHead(200, streamHead)
      .write(`${sse(["query_started", started.data])}event: que`, () => request.socket.resetAndDestroy());
  };
  const { backend, logs } = createBackend({ url: server.origin });
  const events = await collect(accepted(await backend.start(QUERY, NEVER)));
  // A reset may overtake what was sent before.
  expect(events.at(-1)).toEqual(internalError(5));
  expect(server.received).toHaveLength(1);
  expect(logs.map(({ fields }) => fields?.reason)).toEqual(["the connection was lost"]);
});

it("REQ-2 a redirect is not followed: the credential does not travel", async () => {
  const elsewhere = new UpstreamServer();
  await elsewhere.listen();
  server.answer = (_, response) => response.writeHead(307, { location: `${elsewhere.origin}/x` }).end();
  const { backend, logs } = createBackend({ url: server.origin, token: "s3cret" });
  expect(await backend.start(QUERY, NEVER)).toEqual(refusedInternal());
  expect(elsewhere.received).toEqual([]);
  expect(logs.map(({ fields }) => fields)).toMatchObject([{ status: 307 }]);
  await elsewhere.close();
});

it("REQ-2 an upstream that does not begin within BACKEND_FIRST_BYTE_TIMEOUT is given up", async () => {
  const arrived = new Deferred<void>();
  const closed = new Deferred<void>();
  server.answer = (request) => {
    request.socket.on("close", () => closed.resolve());
    arrived.resolve();
  };
  const timers = new FakeTimers();
  const { backend, logs } = createBackend({
    url: server.origin,
    after: timers.after,
    firstByteTimeoutMs: 30_000,
  });
  const outcome = backend.start(QUERY, NEVER);
  await arrived.promise;
  expect(timers.pending).toEqual([30_000]);
  timers.pass(30_000);
  expect(await outcome).toEqual(refusedInternal(5));
  await closed.promise;
  expect(server.received).toHaveLength(1);
  expect(logs.map(({ fields }) => fields?.reason)).toEqual(["no reply within 30000 ms"]);
});

it("REQ-2 a refusal is read to 16,384 bytes, and no longer than there is time", async () => {
  const timers = new FakeTimers();
  const arrived = new Deferred<void>();
  // Asked for the time once the status is there.
  const clock = () => {
    if (server.received.length === 3) arrived.resolve();
    return Date.now();
  };
  const { backend } = createBackend({ url: server.origin, after: timers.after, clock });
  const body = JSON.stringify({ code: "NOT_FOUND", message: "No such table." });
  const told = async (message: string) =>
    expect(await backend.start(QUERY, NEVER)).toMatchObject({
      refusal: { event: "error", data: { code: "NOT_FOUND", message } },
    });
  server.answer = (_, response) => response.writeHead(404).end(body.padEnd(16_384));
  await told("No such table.");
  server.answer = (_, response) => response.writeHead(404).end(body.padEnd(16_385));
  await told("There is nothing of that name.");

  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(404).write(body);
  };
  const endless = told("There is nothing of that name.");
  await arrived.promise;
  timers.pass(10_000);
  await Promise.all([endless, closed.promise]);
});

it("REQ-2 an answer that pauses for BACKEND_IDLE_TIMEOUT while it is read is given up", async () => {
  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, streamHead).write(sse(["query_started", started.data]));
  };
  const timers = new FakeTimers();
  const { backend, logs } = createBackend({ url: server.origin, after: timers.after, idleTimeoutMs: 60_000 });
  const events = accepted(await backend.start(QUERY, NEVER))[Symbol.asyncIterator]();
  expect(await events.next()).toEqual({ done: false, value: started });
  // Nobody reads now, so nothing is late.
  expect(timers.pending).toEqual([]);
  const next = events.next();
  expect(timers.pending).toEqual([60_000]);
  timers.pass(60_000);
  expect(await next).toEqual({ done: false, value: internalError(5) });
  await closed.promise;
  expect(logs.map(({ fields }) => fields?.reason)).toEqual(["nothing came for 60000 ms"]);
});

it("REQ-2 comments keep an answer alive", async () => {
  const timers = new FakeTimers();
  let say: (text: string) => void = () => {};
  server.answer = (_, response) => {
    response.writeHead(200, streamHead).flushHeaders();
    say = (text) => response.write(text);
  };
  const { backend } = createBackend({ url: server.origin, after: timers.after, idleTimeoutMs: 60_000 });
  const next = accepted(await backend.start(QUERY, NEVER))
    [Symbol.asyncIterator]()
    .next();
  for (let minute = 0; minute < 5; minute++) {
    timers.pass(40_000);
    say(": still at it\n\n");
    while (timers.pending[0] !== 60_000) await turn();
  }
  say(sse(["query_completed", completed.data]));
  expect(await next).toEqual({ done: false, value: completed });
});

it("REQ-2 a request that nobody waits for any more closes the upstream's connection at once", async () => {
  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, streamHead).write(sse(["query_started", started.data]));
  };
  const { backend, logs } = createBackend({ url: server.origin });
  const interest = new AbortController();
  const events = accepted(await backend.start(QUERY, interest.signal))[Symbol.asyncIterator]();
  await events.next();
  const next = events.next();
  interest.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  await closed.promise;
  expect(logs).toEqual([]);
});

it("REQ-2 the connection is closed too when nothing has been read of the answer", async () => {
  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, streamHead).write(sse(["query_started", started.data]));
  };
  const { backend } = createBackend({ url: server.origin });
  const interest = new AbortController();
  await backend.start(QUERY, interest.signal);
  interest.abort();
  await closed.promise;
});

it("REQ-2 the connection is closed when the reader stops before the end", async () => {
  const closed = new Deferred<void>();
  server.answer = (_, response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200, streamHead).write(sse(["query_started", started.data]));
  };
  const { backend } = createBackend({ url: server.origin });
  for await (const event of accepted(await backend.start(QUERY, NEVER))) {
    expect(event).toEqual(started);
    break;
  }
  await closed.promise;
});

it("REQ-2 a request that is cancelled before the reply closes the connection and is not sent again", async () => {
  const closed = new Deferred<void>();
  const interest = new AbortController();
  server.answer = (request) => {
    request.socket.on("close", () => closed.resolve());
    interest.abort();
  };
  const { backend, logs } = createBackend({ url: server.origin });
  expect(await backend.start(QUERY, interest.signal)).toMatchObject({ status: "refused" });
  await closed.promise;
  expect(server.received).toHaveLength(1);
  expect(logs).toEqual([]);
});

it("REQ-2 a request that was cancelled before it began is not sent", async () => {
  const { backend } = createBackend({ url: server.origin });
  expect(await backend.start(QUERY, AbortSignal.abort())).toMatchObject({ status: "refused" });
  expect(server.received).toEqual([]);
});

it("REQ-2 what nobody reads stays with the upstream", async () => {
  const event = sse(["query_response", { rows: [["x".repeat(64_000)]], schema: [] }]);
  const total = 50_000_000;
  let sent = 0;
  let waiting = new Deferred<void>();
  server.answer = (_, response) => {
    response.writeHead(200, streamHead);
    const push = (): void => {
      while (sent < total) {
        sent += event.length;
        if (response.write(event)) continue;
        response.once("drain", push);
        waiting.resolve();
        return;
      }
      response.end(sse(["query_completed", completed.data]));
    };
    push();
  };
  const { backend } = createBackend({ url: server.origin });
  const events = accepted(await backend.start(QUERY, NEVER))[Symbol.asyncIterator]();
  await events.next();
  // It is held up for good once its bytes no longer grow: sockets' buffers take some MB.
  for (let before = -1; before !== sent; ) {
    before = sent;
    waiting = new Deferred();
    await Promise.race([waiting.promise, new Promise((resolve) => setTimeout(resolve, 100))]);
  }
  expect(sent).toBeLessThan(20_000_000);
  let received = 1;
  for (;;) {
    const { done, value } = await events.next();
    if (done) break;
    if (value.event === "query_response") received++;
  }
  expect(received).toBe(Math.ceil(total / event.length));
});

it("REQ-2 an upstream that cannot be reached is asked three times, then refused for now", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const { port } = closed.address() as { port: number };
  await new Promise((resolve) => closed.close(resolve));
  const pauses: number[] = [];
  const { backend, logs } = createBackend({
    url: `http://127.0.0.1:${port}/?key=hush`,
    token: "hush",
    sleep: async (ms) => void pauses.push(ms),
  });
  expect(await backend.start(QUERY, NEVER)).toEqual(refusedInternal(5));
  expect(pauses).toEqual([200, 400]);
  expect(logs.map(({ event, fields }) => [event, fields?.reason])).toEqual([
    ["backend_retry", "no connection: ECONNREFUSED"],
    ["backend_retry", "no connection: ECONNREFUSED"],
    ["backend_failed", "no connection: ECONNREFUSED"],
  ]);
});
