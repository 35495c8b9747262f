/** Serves the reference upstream: see README.md beside it. */
import { serve } from "@hono/node-server";
import { Publisher } from "ledgercore-realtime/publisher";
import { createApp } from "./app.ts";
import { openData } from "./data.ts";

const { BACKEND_TOKEN, REALTIME_URL, INGEST_TOKEN, PORT = "9000", HOST = "127.0.0.1" } = process.env;

if (!BACKEND_TOKEN) {
  console.error("Set BACKEND_TOKEN, to what the service has as BACKEND_TOKEN.");
  process.exit(1);
}
const publisher =
  REALTIME_URL && INGEST_TOKEN ? new Publisher({ url: REALTIME_URL, token: INGEST_TOKEN }) : undefined;

const { fetch } = createApp({
  token: BACKEND_TOKEN,
  data: openData(),
  ...(publisher && { publish: (publication) => publisher.publish(publication) }),
});
serve({ fetch, port: Number(PORT), hostname: HOST }, ({ address, port }) =>
  console.log(`The upstream listens at http://${address}:${port}`),
);
