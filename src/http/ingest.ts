import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { configOf } from "../env.ts";
import { formatOf, readItems } from "../ingest/body.ts";
import { publisherTo } from "../ingest/publisher.ts";
import { sleep } from "../lib/after.ts";
import { log } from "../lib/log.ts";
import { err } from "../lib/result.ts";
import { bearerOf, matchToken } from "./bearer.ts";
import { reply } from "./reply.ts";
import type { HttpEnv } from "./types.ts";

/** The period of the rate limit in wrangler.toml. */
const RATE_LIMIT_PERIOD_S = 10;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

const decodeUtf8 = (bytes: ArrayBuffer): string | undefined => {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
};

/** `POST /api/events`: backends publish here (ING-1, ING-2). */
export const ingest = new Hono<HttpEnv>();

ingest.use(async (c, next) => {
  const { INGEST_TOKENS } = configOf(c.env);
  if (INGEST_TOKENS.length === 0) {
    log("error", "ingest_unconfigured", { message: "Nothing can be published: set INGEST_TOKENS." });
  }
  const token = bearerOf(c.req.header("authorization"));
  const match = token === undefined ? -1 : await matchToken(token, INGEST_TOKENS);
  if (match === -1) {
    c.header("www-authenticate", "Bearer");
    return reply(c, 401, {
      code: "UNAUTHORIZED",
      message: "Send one of the INGEST_TOKENS as Authorization: Bearer <token>.",
    });
  }
  // The key names the token by its place, so that the token itself goes nowhere.
  const limit = await c.env.INGEST_RATE_LIMIT?.limit({ key: `ingest:${match}` });
  if (limit?.success === false) {
    return reply(c, 429, {
      code: "RATE_LIMITED",
      message: "Too many requests with this token. Publish several events in one request.",
      retryAfter: RATE_LIMIT_PERIOD_S,
    });
  }
  return next();
});

const tooLarge = (c: Context<HttpEnv>): Response => {
  const { INGEST_MAX_BYTES, INGEST_MAX_EVENTS } = configOf(c.env);
  return reply(c, 413, {
    code: "VALIDATION_FAILED",
    message: `A request holds at most ${INGEST_MAX_BYTES} bytes and ${INGEST_MAX_EVENTS} events. Split it.`,
  });
};

ingest.use((c, next) =>
  bodyLimit({ maxSize: configOf(c.env).INGEST_MAX_BYTES, onError: () => tooLarge(c) })(c, next),
);

ingest.post("/", async (c) => {
  const format = formatOf(c.req.header("content-type"));
  const encoding = c.req.header("content-encoding");
  if (encoding !== undefined && encoding !== "identity") {
    return reply(c, 415, { code: "VALIDATION_FAILED", message: "Send the body without content-encoding." });
  }
  if (format === undefined) {
    return reply(c, 415, {
      code: "VALIDATION_FAILED",
      message: "Send content-type application/json, or application/x-ndjson for one event a line.",
    });
  }
  const text = decodeUtf8(await c.req.arrayBuffer());
  const items = text === undefined ? err("The body is not valid UTF-8.") : readItems(text, format);
  if (!items.ok) return reply(c, 400, { code: "VALIDATION_FAILED", message: items.error });
  if (items.value.length > configOf(c.env).INGEST_MAX_EVENTS) return tooLarge(c);
  return c.json(await publisherTo(c.env.ROOMS, sleep)(items.value), 202);
});

ingest.all("/", (c) => {
  c.header("allow", "POST");
  return reply(c, 405, { code: "VALIDATION_FAILED", message: "Publish with POST." });
});
