import type { HandshakeError } from "../engineio/handshake.ts";

/** A refusal in the reference server's form. */
export const refusal = ({ code, message, status }: HandshakeError): Response =>
  Response.json({ code, message }, { status, headers: { "cache-control": "no-store" } });
