import type { HandshakeError } from "../engineio/handshake.ts";
import { readText } from "../lib/read-text.ts";

/** How much of a refused body is read, and for how long. */
const DRAIN_BYTES = 65_536;
const DRAIN_MS = 1_000;

/** A refusal in the reference server's form. */
export const refusal = ({ code, message, status }: HandshakeError): Response =>
  Response.json({ code, message }, { status, headers: { "cache-control": "no-store" } });

/**
 * Refuses a request whose body nobody has read. It is read here, within limits: the platform would end the connection,
 * and with it the client's next request on it.
 */
export const refuse = async (request: Request, error: HandshakeError): Promise<Response> => {
  if (request.body !== null) await readText(request.body, DRAIN_BYTES, AbortSignal.timeout(DRAIN_MS));
  return refusal(error);
};
