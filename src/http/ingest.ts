import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { configOf } from "../env.ts";
import { formatOf, readItems } from "../ingest/body.ts";
import { publisherTo } from "../ingest/publisher.ts";
import { sleep } from "../lib/after.ts";
import { err } from "../lib/result.ts";
import { invalid } from "./reply.ts";
import { serviceAuth } from "./service-auth.ts";
import type { HttpEnv } from "./types.ts";
import { decodeUtf8 } from "./utf8-body.ts";

/** `POST /api/events`: backends publish here (ING-1, ING-2). */
export const ingest = new Hono<HttpEnv>();

ingest.use(serviceAuth("ingest", "Publish several events in one request."));

const tooLarge = (c: Context<HttpEnv>): Response => {
  const { INGEST_MAX_BYTES, INGEST_MAX_EVENTS } = configOf(c.env);
  const message = `A request holds at most ${INGEST_MAX_BYTES} bytes and ${INGEST_MAX_EVENTS} events. Split it.`;
  return invalid(c, 413, message);
};

/** What the request says its body is long, in bytes; undefined when that is to be seen. */
const declaredBytes = (c: Context<HttpEnv>): number | undefined => {
  const length = c.req.header("content-length");
  if (length === undefined || c.req.header("transfer-encoding") !== undefined) return undefined;
  return Number(length);
};

ingest.use(async (c, next) => {
  const maxSize = configOf(c.env).INGEST_MAX_BYTES;
  const declared = declaredBytes(c);
  // It looks at the body, which becomes a stream by that: a cost that shows in every event.
  if (declared === undefined) return bodyLimit({ maxSize, onError: () => tooLarge(c) })(c, next);
  return declared <= maxSize ? next() : tooLarge(c);
});

ingest.post("/", async (c) => {
  const format = formatOf(c.req.header("content-type"));
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    return invalid(c, 415, "Send the body without content-encoding.");
  }
  if (format === undefined) {
    return invalid(
      c,
      415,
      "Send content-type application/json, or application/x-ndjson for one event a line.",
    );
  }
  const text = decodeUtf8(await c.req.arrayBuffer());
  const items = text === undefined ? err("The body is not valid UTF-8.") : readItems(text, format);
  if (!items.ok) return invalid(c, 400, items.error);
  if (items.value.length > configOf(c.env).INGEST_MAX_EVENTS) return tooLarge(c);
  return c.json(await publisherTo(c.env.ROOMS, sleep)(items.value), 202);
});

ingest.all("/", (c) => {
  c.header("allow", "POST");
  return invalid(c, 405, "Publish with POST.");
});
