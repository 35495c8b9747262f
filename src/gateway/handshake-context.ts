import * as z from "zod";
import type { Principal } from "../auth/principal.ts";

/**
 * What the Worker tells the gateway about a handshake, in a header that the Worker always sets or removes, so
 * that no client can. It is kept with the session.
 */
export interface HandshakeContext {
  /** Whom the handshake's `Authorization` header speaks for (CONN-4). */
  readonly principal?: Principal | undefined;
}

export const CONTEXT_HEADER = "x-realtime-context";

const context: z.ZodType<HandshakeContext> = z.object({
  principal: z
    .discriminatedUnion("kind", [
      z.object({ kind: z.literal("jwt"), userId: z.string(), sessionId: z.string().exactOptional() }),
      z.object({
        kind: z.literal("api-key"),
        userId: z.string(),
        keyId: z.string(),
        scopes: z.array(z.string()),
      }),
    ])
    .optional(),
});

/** Header values are Latin-1; ids of users may one day not be. */
export const encodeContext = (value: HandshakeContext): string => encodeURIComponent(JSON.stringify(value));

/** @throws on anything the Worker did not write: a bug. */
export const decodeContext = (header: string | null): HandshakeContext =>
  header === null ? {} : context.parse(JSON.parse(decodeURIComponent(header)));
