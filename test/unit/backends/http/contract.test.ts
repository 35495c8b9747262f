import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { afterAll } from "vitest";
import { createApp } from "../../../../examples/upstream/app.ts";
import { openData } from "../../../../examples/upstream/data.ts";
import { answer } from "../../../../src/backends/answer.ts";
import { describeContract } from "../contract.ts";
import { createBackend } from "./server.ts";

const TOKEN = "test-backend-token";

const server = serve({ fetch: createApp({ token: TOKEN, data: openData() }).fetch, port: 0 });
await once(server, "listening");
const { backend } = createBackend({
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  token: TOKEN,
});

afterAll(() => {
  server.close();
});

describeContract("the HTTP backend, with the reference upstream,", async (request, signal) => {
  const started = await backend.start(request, signal);
  return started.status === "accepted"
    ? { status: "accepted", events: answer(request, started.events, signal, () => {}) }
    : started;
});
