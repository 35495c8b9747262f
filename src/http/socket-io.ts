import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { credentialOf } from "../auth/authenticate.ts";
import { INVALID_CREDENTIAL_MESSAGE } from "../auth/principal.ts";
import { checkHandshake, type HandshakeError, originAllowed } from "../engineio/handshake.ts";
import { configOf } from "../env.ts";
import { CONTEXT_HEADER, encodeContext, type HandshakeContext } from "../gateway/handshake-context.ts";
import { gatewayCandidates } from "../gateway/names.ts";
import { describeError, log } from "../lib/log.ts";
import { authenticateOf } from "./authenticator.ts";
import { reply } from "./reply.ts";
import type { HttpEnv } from "./types.ts";

/** Seconds after which a client may find room again. */
const FULL_RETRY_AFTER_S = 5;
const UNAVAILABLE_RETRY_AFTER_S = 5;

const refuse = (c: Context<HttpEnv>, { code, message, status }: HandshakeError): Response =>
  c.json({ code, message }, status, { "cache-control": "no-store" });

/** The Engine.IO endpoint (CONN-1), mounted at every documented path. */
export const socketIo = new Hono<HttpEnv>();

// Browsers may read the errors below only with these headers.
socketIo.use((c, next) =>
  cors({
    origin: (origin) => (originAllowed(origin, configOf(c.env).ALLOWED_ORIGINS) ? origin : null),
    credentials: true,
    allowMethods: ["GET", "POST"],
  })(c, next),
);

const handshake = async (c: Context<HttpEnv>): Promise<Response> => {
  const config = configOf(c.env);
  const checked = checkHandshake(
    {
      method: c.req.method,
      query: new URL(c.req.url).searchParams,
      upgrade: c.req.header("upgrade")?.toLowerCase() === "websocket",
      origin: c.req.header("origin"),
    },
    config.ALLOWED_ORIGINS,
  );
  if (!checked.ok) return refuse(c, checked.error);
  // A gateway with a broken configuration would only look as if it were full.
  authenticateOf(c.env);
  const context = await contextOf(c);
  if (context instanceof Response) return context;
  return connect(c, context);
};

/** Checks an `Authorization` header before any object is touched (CONN-4). */
const contextOf = async (c: Context<HttpEnv>): Promise<HandshakeContext | Response> => {
  const header = c.req.header("authorization");
  if (header === undefined) return {};
  const result = await authenticateOf(c.env)(credentialOf(header));
  if (result.ok) return { principal: result.value };
  const { kind, reason } = result.error;
  log(kind === "unavailable" ? "error" : "info", "handshake_refused", { kind, reason });
  if (kind === "unavailable") {
    return reply(c, 503, {
      code: "INTERNAL",
      message: "The token cannot be checked now. Try again.",
      retryAfter: UNAVAILABLE_RETRY_AFTER_S,
    });
  }
  c.header("www-authenticate", "Bearer");
  return reply(c, 401, { code: "UNAUTHORIZED", message: INVALID_CREDENTIAL_MESSAGE });
};

/** Hands the upgrade to a gateway of this location, or to another if that one is full or failing. */
const connect = async (c: Context<HttpEnv>, context: HandshakeContext): Promise<Response> => {
  const headers = new Headers(c.req.raw.headers);
  headers.set(CONTEXT_HEADER, encodeContext(context));
  headers.delete("authorization");
  const colo = c.req.raw.cf?.colo;
  for (const gateway of gatewayCandidates(colo, configOf(c.env).GATEWAYS_PER_COLO, Math.random)) {
    try {
      const response = await c.env.GATEWAYS.getByName(gateway).fetch(c.req.url, { headers });
      if (response.status !== 503) return response;
    } catch (error) {
      log("error", "gateway_unreachable", { gateway, error: describeError(error) });
    }
  }
  return reply(c, 503, {
    code: "INTERNAL",
    message: "No gateway has room now. Try again.",
    retryAfter: FULL_RETRY_AFTER_S,
  });
};

socketIo.all("/", handshake);
