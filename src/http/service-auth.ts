import type { MiddlewareHandler } from "hono";
import { configOf } from "../env.ts";
import { log } from "../lib/log.ts";
import { bearerOf, matchToken } from "./bearer.ts";
import { reply } from "./reply.ts";
import type { HttpEnv } from "./types.ts";

/** The period of the rate limit in wrangler.toml. */
const RATE_LIMIT_PERIOD_S = 10;

/**
 * Lets in backends only, who send one of the INGEST_TOKENS, each no more often than the rate limit allows.
 * @param name of the endpoint: each is limited by itself
 * @param advice what a caller who is over the rate can do
 */
export const serviceAuth =
  (name: string, advice: string): MiddlewareHandler<HttpEnv> =>
  async (c, next) => {
    const { INGEST_TOKENS } = configOf(c.env);
    if (INGEST_TOKENS.length === 0) {
      log("error", "ingest_unconfigured", { message: "No backend is let in: set INGEST_TOKENS." });
    }
    const token = bearerOf(c.req.header("authorization"));
    const match = token === undefined ? -1 : matchToken(token, INGEST_TOKENS);
    if (match === -1) {
      c.header("www-authenticate", "Bearer");
      return reply(c, 401, {
        code: "UNAUTHORIZED",
        message: "Send one of the INGEST_TOKENS as Authorization: Bearer <token>.",
      });
    }
    // The key names the token by its place, so that the token itself goes nowhere.
    const limit = await c.env.INGEST_RATE_LIMIT?.limit({ key: `${name}:${match}` });
    if (limit?.success === false) {
      return reply(c, 429, {
        code: "RATE_LIMITED",
        message: `Too many requests with this token. ${advice}`,
        retryAfter: RATE_LIMIT_PERIOD_S,
      });
    }
    return next();
  };
