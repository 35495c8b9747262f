import type { HandshakeError } from "../engineio/handshake.ts";
import { readText } from "../lib/read-text.ts";

/** How much of a body that nobody needs is read, and for how long. */
const DRAIN_BYTES = 65_536;
const DRAIN_MS = 1_000;

/** A refusal in the reference server's form. */
export const refusal = ({ code, message, status }: HandshakeError): Response =>
  Response.json({ code, message }, { status, headers: { "cache-control": "no-store" } });

/**
 * Reads the body of a request that nobody needs, within limits: the platform would end the connection of one that is
 * not read, and with it the client's next request there. Returns whether all of it has come.
 */
export const drain = async ({ body }: Request): Promise<boolean> => {
  if (body === null) return true;
  const text = await readText(body, DRAIN_BYTES, AbortSignal.timeout(DRAIN_MS));
  return text.ok || text.error === "not UTF-8";
};

/** Refuses a request whose body nobody has read. */
export const refuse = async (request: Request, error: HandshakeError): Promise<Response> => {
  await drain(request);
  return refusal(error);
};
