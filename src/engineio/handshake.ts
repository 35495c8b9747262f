import { err, ok, type Result } from "../lib/result.ts";
import type { TransportName } from "./transport.ts";

/** Reference server's handshake errors: `{"code", "message"}` with this HTTP status. */
export interface HandshakeError {
  readonly code: 0 | 1 | 2 | 3 | 4 | 5;
  readonly message: string;
  readonly status: 400 | 403;
}

const handshakeError = (code: HandshakeError["code"], message: string): HandshakeError => ({
  code,
  message,
  status: code === 4 ? 403 : 400,
});

export const UNKNOWN_TRANSPORT = handshakeError(0, "Transport unknown");
export const UNKNOWN_SESSION = handshakeError(1, "Session ID unknown");
export const BAD_METHOD = handshakeError(2, "Bad handshake method");
export const BAD_REQUEST = handshakeError(3, "Bad request");
export const FORBIDDEN = handshakeError(4, "Forbidden");
export const UNSUPPORTED_VERSION = handshakeError(5, "Unsupported protocol version");

export interface HandshakeRequest {
  readonly method: string;
  readonly query: URLSearchParams;
  /** Whether the request asks for a WebSocket upgrade. */
  readonly upgrade: boolean;
  /** Value of the `Origin` header. */
  readonly origin: string | undefined;
}

/** Whether a request asks for a WebSocket (RFC 6455, section 4.1). */
export const isUpgrade = (request: {
  readonly method: string;
  readonly headers: { get(name: string): string | null };
}): boolean => request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";

/** The query of a URL; the rest of it need not be taken apart. */
export const queryOf = (url: string): URLSearchParams => {
  const start = url.indexOf("?");
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1));
};

/** What a valid request asks for: a new session, or something of one that it names. */
export type Handshake =
  | { readonly kind: "open"; readonly transport: TransportName }
  | { readonly kind: "session"; readonly id: string };

/** Whether `origin` may connect: `*` allows all; requests without an origin come from no browser. */
export const originAllowed = (origin: string | undefined, allowed: readonly string[]): boolean =>
  origin === undefined || allowed.length === 0 || allowed.includes("*") || allowed.includes(origin);

const METHODS: readonly string[] = ["GET", "POST"];

/**
 * Checks a request to the Engine.IO endpoint in the order of the reference server: transport, session, method,
 * upgrade, origin, protocol version. Whether a session exists, and takes the request, its gateway knows.
 */
export const checkHandshake = (
  request: HandshakeRequest,
  allowedOrigins: readonly string[],
): Result<Handshake, HandshakeError> => {
  const transport = request.query.get("transport");
  if (transport !== "websocket" && transport !== "polling") return err(UNKNOWN_TRANSPORT);
  const id = request.query.get("sid");
  if (!(id ? METHODS : ["GET"]).includes(request.method)) return err(BAD_METHOD);
  if (request.upgrade ? transport !== "websocket" : transport === "websocket" && !id) return err(BAD_REQUEST);
  if (!originAllowed(request.origin, allowedOrigins)) return err(FORBIDDEN);
  if (id) return ok({ kind: "session", id });
  if (request.query.get("EIO") !== "4") return err(UNSUPPORTED_VERSION);
  return ok({ kind: "open", transport });
};

/** Checks a request that names a session, as far as `checkHandshake` could not: the session's transport, version. */
export const checkSessionRequest = (
  { query, upgrade }: Pick<HandshakeRequest, "query" | "upgrade">,
  transport: TransportName,
): Result<void, HandshakeError> => {
  if (!upgrade && query.get("transport") !== transport) return err(BAD_REQUEST);
  if (query.get("EIO") !== "4") return err(BAD_REQUEST);
  return ok(undefined);
};
