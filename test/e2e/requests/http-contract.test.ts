import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { afterAll, expect, it } from "vitest";
import { createApp } from "../../../examples/upstream/app.ts";
import { openData } from "../../../examples/upstream/data.ts";
import type { BackendRequest } from "../../../src/backends/backend.ts";
import { type AskedService, startAskedService } from "../../support/asker.ts";
import { describeContract } from "../../unit/backends/contract.ts";

const TOKEN = "test-backend-token";

const portOf = (server: { address(): AddressInfo | string | null }): number =>
  (server.address() as AddressInfo).port;

const upstream = serve({ fetch: createApp({ token: TOKEN, data: openData() }).fetch, port: 0 });
await once(upstream, "listening");

const services: AskedService[] = [];

const start = async (port: number, vars = {}): Promise<AskedService> => {
  const service = await startAskedService({
    BACKEND_URL: `http://127.0.0.1:${port}`,
    BACKEND_TOKEN: TOKEN,
    ...vars,
  });
  services.push(service);
  return service;
};

const { run } = await start(portOf(upstream));

afterAll(async () => {
  upstream.close();
  for (const { server } of services) await server.stop();
});

const QUERY: BackendRequest = {
  id: "q_1",
  event: "query",
  payload: { sql: "SELECT 1", applicationId: "demo" },
  ...{ userId: "user_1", socketId: "sid_1", applicationId: "demo", applications: ["demo"] },
};

const NEVER = new AbortController().signal;

describeContract("in workerd, the HTTP backend", run);

it("REQ-2 in workerd too, what nobody reads stays with the upstream", async () => {
  const event = `event: query_response\ndata: {"rows":[["${"x".repeat(64_000)}"]],"schema":[]}\n\n`;
  const total = 50_000_000;
  let sent = 0;
  const pushing = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const push = (): void => {
      while (sent < total) {
        sent += event.length;
        if (response.write(event)) continue;
        response.once("drain", push);
        return;
      }
      response.end('event: query_completed\ndata: {"durationMs":1,"totalRows":1}\n\n');
    };
    push();
  });
  pushing.listen(0, "127.0.0.1");
  await once(pushing, "listening");
  const { run } = await start(portOf(pushing));
  const interest = new AbortController();
  const answer = await run(QUERY, interest.signal);
  if (answer.status !== "accepted") throw new Error(`It was ${answer.status}.`);
  const events = answer.events[Symbol.asyncIterator]();
  await events.next();
  // It is held up for good once its bytes no longer grow: the buffers on the way take some MB.
  for (let before = -1; before !== sent; ) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const held = sent;
  expect(held).toBeLessThan(25_000_000);
  // As it is read, it goes on.
  while (sent < held + 1_000_000) await events.next();
  interest.abort();
  pushing.close();
});

it("REQ-2 in workerd too, redirects are not followed, and an upstream that is given up sees its connection close", async () => {
  const elsewhere: unknown[] = [];
  const other = createServer(({ headers }, response) => {
    elsewhere.push(headers);
    response.end();
  });
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  const closed: Promise<unknown>[] = [];
  const replies: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(307, { location: `http://127.0.0.1:${portOf(other)}/` }).end(),
    () => {},
    (response) => response.writeHead(200, { "content-type": "text/event-stream" }).write(": hello\n\n"),
  ];
  const slow = createServer((_, response) => {
    closed.push(once(response, "close"));
    replies.shift()?.(response);
  });
  slow.listen(0, "127.0.0.1");
  await once(slow, "listening");
  const { run, logs } = await start(portOf(slow), {
    BACKEND_FIRST_BYTE_TIMEOUT: "300",
    BACKEND_IDLE_TIMEOUT: "300",
  });

  const refused = { status: "refused", refusal: { event: "error", data: { code: "INTERNAL" } } };
  expect(await run(QUERY, NEVER)).toMatchObject(refused);
  expect(elsewhere).toEqual([]);
  expect(await run(QUERY, NEVER)).toMatchObject(refused);
  const answer = await run(QUERY, NEVER);
  if (answer.status !== "accepted") throw new Error(`It was ${answer.status}.`);
  const events: unknown[] = [];
  for await (const { body } of answer.events) events.push(JSON.parse(body));
  expect(events).toEqual([
    ["query_error", expect.objectContaining({ queryId: "q_1", code: "INTERNAL", retryAfter: 5 })],
  ]);
  await Promise.all(closed);
  await expect
    .poll(() => logs.filter((line) => line.includes("backend_failed")).map((line) => JSON.parse(line).reason))
    .toEqual(["redirects are not followed", "no reply within 300 ms", "nothing came for 300 ms"]);
  expect(logs.join()).not.toContain(TOKEN);
  for (const server of [other, slow]) server.close();
});
