import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { checkHandshake, isUpgrade, originAllowed, queryOf, UNKNOWN_SESSION } from "../engineio/handshake.ts";
import { CONTEXT_HEADER, encodeContext } from "../gateway/context-header.ts";
import { refusal } from "../gateway/handshake-refusal.ts";
import { type GatewayCounts, gatewayCandidates, gatewayOf } from "../gateway/names.ts";
import { describeError, log } from "../lib/log.ts";
import { unavailable } from "./reply.ts";

/** What an Engine.IO endpoint needs to know of the Worker it is mounted in. */
export interface EndpointOptions<E extends object> {
  gateways(env: E): Pick<DurableObjectNamespace, "getByName">;
  gatewaysPerColo(env: E): GatewayCounts;
  allowedOrigins(env: E): readonly string[];
  /** What a new session's application is to know of its handshake, as JSON; a Response refuses it. */
  context(c: Context<{ Bindings: E }>): Promise<object | Response>;
}

/**
 * The Engine.IO endpoint (CONN-1). The id of a session names its gateway, so any Worker takes any request: no
 * sticky sessions. Bodies of requests and answers are passed on as they come.
 */
export const engineEndpoint = <E extends object>(options: EndpointOptions<E>): Hono<{ Bindings: E }> => {
  type C = Context<{ Bindings: E }>;
  const endpoint = new Hono<{ Bindings: E }>();

  // Browsers may read the answers only with these headers; of a WebSocket's they read none.
  const allowOrigins = cors({
    origin: (origin, c: C) => (originAllowed(origin, options.allowedOrigins(c.env)) ? origin : null),
    credentials: true,
    allowMethods: ["GET", "POST"],
  });
  // One handler, and no chain of middleware: that would cost a tenth of what a connection does.
  endpoint.all("/", async (c) => {
    if (isUpgrade(c.req.raw)) return answer(c, true);
    const preflight = await allowOrigins(c, async () => {
      c.res = await answer(c, false);
    });
    return preflight ?? c.res;
  });

  const answer = async (c: C, upgrade: boolean): Promise<Response> => {
    const checked = checkHandshake(
      {
        method: c.req.method,
        query: queryOf(c.req.url),
        upgrade,
        origin: c.req.header("origin"),
      },
      options.allowedOrigins(c.env),
    );
    if (!checked.ok) return refusal(checked.error);
    if (checked.value.kind === "session") return passOn(c, checked.value.id, upgrade);
    const context = await options.context(c);
    return context instanceof Response ? context : open(c, context, upgrade);
  };

  /** Hands a handshake to a gateway of this location, or to another if that one is full or failing. */
  const open = async (c: C, context: object, upgrade: boolean): Promise<Response> => {
    const headers = headersFor(c, upgrade);
    headers.set(CONTEXT_HEADER, encodeContext(context));
    const counts = options.gatewaysPerColo(c.env);
    for (const gateway of gatewayCandidates(c.req.raw.cf?.colo, counts, Math.random)) {
      try {
        const response = await options.gateways(c.env).getByName(gateway).fetch(c.req.url, { headers });
        if (response.status !== 503) return response;
      } catch (error) {
        log("error", "gateway_unreachable", { gateway, error: describeError(error) });
      }
    }
    return unavailable(c, "No gateway has room now. Try again.");
  };

  /** Hands a request of a session to its gateway. What a POST carries can be sent once only. */
  const passOn = async (c: C, id: string, upgrade: boolean): Promise<Response> => {
    const gateway = gatewayOf(id, options.gatewaysPerColo(c.env));
    if (gateway === undefined) return refusal(UNKNOWN_SESSION);
    const { method } = c.req.raw;
    // A GET may come with a body, and may not be passed on with one.
    const body = method === "POST" ? c.req.raw.body : null;
    try {
      const stub = options.gateways(c.env).getByName(gateway);
      return await stub.fetch(c.req.url, { method, body, headers: headersFor(c, upgrade) });
    } catch (error) {
      log("error", "gateway_unreachable", { gateway, error: describeError(error) });
      return unavailable(c, "The session's gateway cannot be reached. Connect again.");
    }
  };

  return endpoint;
};

/** Of an upgrade's headers, what a gateway takes part in; the rest is between the client and the Worker. */
const UPGRADE_HEADERS = ["upgrade", "sec-websocket-protocol", "sec-websocket-extensions"];

/** A request's headers as its gateway may see them: no credential, and nothing that only the Worker may say. */
const headersFor = ({ req: { raw } }: Context, upgrade: boolean): Headers => {
  if (upgrade) {
    const headers = new Headers();
    for (const name of UPGRADE_HEADERS) {
      const value = raw.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    return headers;
  }
  const headers = new Headers(raw.headers);
  for (const name of ["authorization", "cookie", CONTEXT_HEADER]) headers.delete(name);
  return headers;
};
