import { afterEach, beforeEach, expect, it } from "vitest";
import { retryAfterOf } from "../../../../src/backends/http/retries.ts";
import { Deferred } from "../../../support/fakes.ts";
import { accepted, collect, createBackend, NEVER, QUERY, sse, streamHead, UpstreamServer } from "./server.ts";

let server: UpstreamServer;
let pauses: number[];
const sleep = async (ms: number): Promise<void> => void pauses.push(ms);

beforeEach(async () => {
  pauses = [];
  server = new UpstreamServer();
  await server.listen();
});

afterEach(() => server.close());

const completed = { event: "query_completed", data: { durationMs: 3, totalRows: 0 } };

/** Answers with each status once, then with the answer. */
const answerAfter = (
  ...statuses: readonly (readonly [status: number, headers?: Record<string, string>])[]
) => {
  const left = [...statuses];
  server.answer = (_, response) => {
    const [status, headers] = left.shift() ?? [200];
    if (status === 200) response.writeHead(200, streamHead).end(sse(["query_completed", completed.data]));
    else response.writeHead(status, headers).end("unavailable");
  };
};

it.each([502, 503, 504])("REQ-2 after %i the request is sent again, as the same request", async (status) => {
  answerAfter([status], [status]);
  const { backend, logs } = createBackend({ url: server.origin, sleep });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([completed]);
  expect(pauses).toEqual([200, 400]);
  expect(server.received.map(({ headers, body }) => [headers["idempotency-key"], body])).toEqual(
    Array(3).fill(["q_1", expect.objectContaining({ requestId: "q_1" })]),
  );
  expect(logs.map(({ level, event, fields }) => [level, event, fields?.reason])).toEqual(
    Array(2).fill(["warn", "backend_retry", `status ${status}`]),
  );
});

it("REQ-2 the third refusal is the last", async () => {
  answerAfter([503], [503], [503]);
  const { backend } = createBackend({ url: server.origin, sleep });
  expect(await backend.start(QUERY, NEVER)).toMatchObject({
    status: "refused",
    refusal: { event: "error", data: { code: "INTERNAL", retryAfter: 5 } },
  });
  expect(server.received).toHaveLength(3);
});

it("REQ-2 a connection that is lost before the reply is made again", async () => {
  let requests = 0;
  server.answer = (request, response) => {
    if (++requests < 3) request.socket.destroy();
    else response.writeHead(200, streamHead).end(sse(["query_completed", completed.data]));
  };
  const { backend } = createBackend({ url: server.origin, sleep });
  expect(await collect(accepted(await backend.start(QUERY, NEVER)))).toEqual([completed]);
  expect(requests).toBe(3);
});

it("REQ-2 a small Retry-After is waited for, a larger one is passed on at once", async () => {
  answerAfter([503, { "retry-after": "1" }], [503, { "retry-after": "30" }]);
  const { backend } = createBackend({ url: server.origin, sleep });
  expect(await backend.start(QUERY, NEVER)).toMatchObject({
    refusal: { event: "error", data: { code: "INTERNAL", retryAfter: 30 } },
  });
  expect(pauses).toEqual([1_000]);
  expect(server.received).toHaveLength(2);
});

it.each([400, 401, 402, 404, 409, 429, 500, 501])(
  "REQ-2 after %i the request is not sent again",
  async (status) => {
    answerAfter([status]);
    const { backend } = createBackend({ url: server.origin, sleep });
    expect(await backend.start(QUERY, NEVER)).toMatchObject({ status: "refused" });
    expect(server.received).toHaveLength(1);
  },
);

it("REQ-2 a request that is cancelled during a pause is not sent again, and ends at once", async () => {
  answerAfter([503]);
  const pausing = new Deferred<void>();
  const interest = new AbortController();
  const { backend } = createBackend({
    url: server.origin,
    sleep: () => {
      pausing.resolve();
      return new Promise(() => {});
    },
  });
  const outcome = backend.start(QUERY, interest.signal);
  await pausing.promise;
  interest.abort();
  expect(await outcome).toMatchObject({ status: "refused" });
  expect(server.received).toHaveLength(1);
});

it("REQ-2 the time for the first byte holds for all attempts together", async () => {
  answerAfter([503], [503]);
  let expire = (): void => {};
  const { backend, logs } = createBackend({
    url: server.origin,
    firstByteTimeoutMs: 1_000,
    after: (_, run) => {
      expire = run;
      return () => {};
    },
    sleep: async () => expire(),
  });
  expect(await backend.start(QUERY, NEVER)).toMatchObject({
    refusal: { event: "error", data: { code: "INTERNAL", retryAfter: 5 } },
  });
  expect(server.received).toHaveLength(1);
  expect(logs.at(-1)?.fields?.reason).toBe("no reply within 1000 ms");
});

it.each([
  ["7", 7],
  [" 0 ", 0],
  ["Fri, 09 Aug 2024 00:01:30 GMT", 90],
  ["Thu, 08 Aug 2024 00:00:00 GMT", 0],
  ["-1", undefined],
  ["1.5", undefined],
  ["soon", undefined],
  ["", undefined],
])("REQ-2 Retry-After '%s' means %s seconds", (value, seconds) => {
  const response = new Response(null, { headers: { "retry-after": value } });
  expect(retryAfterOf(response, Date.parse("2024-08-09T00:00:00Z"))).toBe(seconds);
});
