import { err, ok, type Result } from "../lib/result.ts";

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

/** What a valid request asks for. Long-polling will add its own kinds. */
export type Handshake = { readonly kind: "open"; readonly transport: "websocket" };

/** Whether `origin` may connect: `*` allows all; requests without an origin come from no browser. */
export const originAllowed = (origin: string | undefined, allowed: readonly string[]): boolean =>
  origin === undefined || allowed.length === 0 || allowed.includes("*") || allowed.includes(origin);

/**
 * Checks a request to the Engine.IO endpoint in the order of the reference server: transport, session,
 * method, upgrade, origin, protocol version.
 */
export const checkHandshake = (
  request: HandshakeRequest,
  allowedOrigins: readonly string[],
): Result<Handshake, HandshakeError> => {
  if (request.query.get("transport") !== "websocket") return err(UNKNOWN_TRANSPORT);
  // A session id on a WebSocket upgrades a polling session, and none exist.
  if (request.query.get("sid")) return err(UNKNOWN_SESSION);
  if (request.method !== "GET") return err(BAD_METHOD);
  if (!request.upgrade) return err(BAD_REQUEST);
  if (!originAllowed(request.origin, allowedOrigins)) return err(FORBIDDEN);
  if (request.query.get("EIO") !== "4") return err(UNSUPPORTED_VERSION);
  return ok({ kind: "open", transport: "websocket" });
};
