import type { Context } from "hono";
import { credentialOf } from "../auth/authenticate.ts";
import { INVALID_CREDENTIAL_MESSAGE } from "../auth/principal.ts";
import { configOf, type Env } from "../env.ts";
import type { HandshakeContext } from "../gateway/handshake-context.ts";
import { log } from "../lib/log.ts";
import { authenticateOf } from "./authenticator.ts";
import { engineEndpoint } from "./engine-endpoint.ts";
import { reply, unavailable } from "./reply.ts";
import type { HttpEnv } from "./types.ts";

/** Checks an `Authorization` header before any object is touched (CONN-4). */
const context = async (c: Context<HttpEnv>): Promise<HandshakeContext | Response> => {
  // A gateway with a broken configuration would only look as if it were full.
  const authenticate = authenticateOf(c.env);
  const header = c.req.header("authorization");
  if (header === undefined) return {};
  const result = await authenticate(credentialOf(header));
  if (result.ok) return { principal: result.value };
  const { kind, reason } = result.error;
  log(kind === "unavailable" ? "error" : "info", "handshake_refused", { kind, reason });
  if (kind === "unavailable") return unavailable(c, "The token cannot be checked now. Try again.");
  c.header("www-authenticate", "Bearer");
  return reply(c, 401, { code: "UNAUTHORIZED", message: INVALID_CREDENTIAL_MESSAGE });
};

/** LedgerCore's Engine.IO endpoint, mounted at every documented path. */
export const socketIo = engineEndpoint<Env>({
  gateways: (env) => env.GATEWAYS,
  gatewaysPerColo: (env) => configOf(env).GATEWAYS_PER_COLO,
  allowedOrigins: (env) => configOf(env).ALLOWED_ORIGINS,
  context,
});
