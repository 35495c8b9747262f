import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ErrorEnvelope } from "../events/envelope.ts";

/** Answers with the error envelope (ERR-1); `retryAfter` becomes the `Retry-After` header too. */
export const reply = (c: Context, status: ContentfulStatusCode, envelope: ErrorEnvelope): Response => {
  if (envelope.retryAfter !== undefined) c.header("retry-after", String(envelope.retryAfter));
  return c.json(envelope, status, { "cache-control": "no-store" });
};

/** Refuses a request for what it holds, or how it is made. */
export const invalid = (c: Context, status: 400 | 405 | 409 | 413 | 415, message: string): Response =>
  reply(c, status, { code: "VALIDATION_FAILED", message });

/** Seconds after which what is unavailable may be worth another try. */
const RETRY_AFTER_S = 5;

/** 503 for what the client may try again. */
export const unavailable = (c: Context, message: string): Response =>
  reply(c, 503, { code: "INTERNAL", message, retryAfter: RETRY_AFTER_S });
