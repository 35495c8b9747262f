import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ServerType, serve } from "@hono/node-server";
import type { Publication } from "ledgercore-realtime/publisher";
import { afterEach, expect, it } from "vitest";
import { type AppOptions, createApp } from "../../../../examples/upstream/app.ts";
import { openData } from "../../../../examples/upstream/data.ts";
import type { BackendRequest } from "../../../../src/backends/backend.ts";
import { accepted, collect, createBackend, NEVER } from "./server.ts";

const data = openData();
let server: ServerType | undefined;

afterEach(() => server?.close());

/** The reference upstream, and the backend that asks it. */
const start = async (options: Partial<AppOptions> = {}, token = "right") => {
  server = serve({ fetch: createApp({ token: "right", data, ...options }).fetch, port: 0 });
  await once(server, "listening");
  return createBackend({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token });
};

const ANALYSIS: BackendRequest<"address_analysis"> = {
  id: "job_1",
  event: "address_analysis",
  payload: { chain: "bitcoin", address: "123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX", hops: 1 },
  userId: "user_1",
  socketId: "sid_1",
  applicationId: "demo",
  applications: ["demo"],
};

it("REQ-2 the reference upstream refuses who has another token, and the log says so", async () => {
  const { backend, logs } = await start({}, "wrong");
  expect(await backend.start(ANALYSIS, NEVER)).toMatchObject({
    status: "refused",
    refusal: { event: "error", data: { code: "INTERNAL" } },
  });
  expect(logs.map(({ fields }) => [fields?.status, fields?.reason])).toEqual([
    [401, "the upstream refused the service credential"],
  ]);
});

it("REQ-2 the reference upstream charges a request once, and refuses what a user cannot pay for", async () => {
  const { backend } = await start({ credits: 15 });
  for (let time = 0; time < 2; time++) {
    const events = await collect(accepted(await backend.start(ANALYSIS, NEVER)));
    expect(events.at(-1)?.event).toBe("address_analysis_completed");
  }
  expect(await backend.start({ ...ANALYSIS, id: "job_2" }, NEVER)).toEqual({
    status: "refused",
    refusal: {
      event: "insufficient_credits",
      data: { required: 10, available: 5, action: "address_analysis" },
    },
  });
});

it("REQ-2 the reference upstream does not charge for what it refuses", async () => {
  const { backend } = await start({ credits: 10 });
  const payload = { ...ANALYSIS.payload, address: "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa" };
  expect(await backend.start({ ...ANALYSIS, payload }, NEVER)).toMatchObject({
    refusal: { event: "error", data: { code: "NOT_FOUND" } },
  });
  expect(await backend.start(ANALYSIS, NEVER)).toMatchObject({ status: "accepted" });
});

it("REQ-2 the reference upstream refuses a user who asks too often", async () => {
  const { backend } = await start({ requestsPerSecond: 0 });
  expect(await backend.start(ANALYSIS, NEVER)).toEqual({
    status: "refused",
    refusal: {
      event: "rate_limit_error",
      data: { code: "RATE_LIMITED", message: "Too many requests. Wait a second.", retryAfter: 1 },
    },
  });
});

it("REQ-2 the reference upstream defers a long analysis, and publishes its events to the socket that asked", async () => {
  const published: Publication[] = [];
  let done = (): void => {};
  const finished = new Promise<void>((resolve) => {
    done = resolve;
  });
  const { backend } = await start({
    publish: async (publication) => {
      published.push(publication);
      if (publication.event === "address_analysis_completed") done();
    },
  });
  const payload = { ...ANALYSIS.payload, hops: 4 };
  expect(await backend.start({ ...ANALYSIS, payload }, NEVER)).toEqual({ status: "deferred" });
  await finished;
  expect(published.map(({ event }) => event)).toEqual([
    "address_analysis_started",
    ...Array(5).fill("address_analysis_progress"),
    "address_analysis_response",
    "address_analysis_completed",
  ]);
  for (const [index, publication] of published.entries()) {
    expect(publication).toMatchObject({
      id: `job_1:${index}`,
      userId: "user_1",
      socketId: "sid_1",
      data: { jobId: "job_1" },
    });
  }
});
