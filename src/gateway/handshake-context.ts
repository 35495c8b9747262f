import * as z from "zod";
import type { Principal } from "../auth/principal.ts";

/** What LedgerCore's Worker tells the gateway about a handshake. It is kept with the session. */
export interface HandshakeContext {
  /** Whom the handshake's `Authorization` header speaks for (CONN-4). */
  readonly principal?: Principal | undefined;
}

const applications = z.array(z.string());

const context: z.ZodType<HandshakeContext> = z.object({
  principal: z
    .discriminatedUnion("kind", [
      z.object({
        kind: z.literal("jwt"),
        userId: z.string(),
        applications: applications.exactOptional(),
        sessionId: z.string().exactOptional(),
      }),
      z.object({
        kind: z.literal("api-key"),
        userId: z.string(),
        applications: applications.exactOptional(),
        keyId: z.string(),
        scopes: z.array(z.string()),
      }),
    ])
    .optional(),
});

/** @throws on anything the Worker did not write: a bug. */
export const parseContext = (value: unknown): HandshakeContext => context.parse(value);
