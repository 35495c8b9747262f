import * as z from "zod";
import { isApplicationId } from "../events/applications.ts";

/** The applications that a token opens, where it says. Few: like all of a principal they live in attachments. */
export const applicationsClaim = z.array(z.string().refine(isApplicationId)).max(6);

/** Who a request or a socket acts for. What a principal may do is decided by those who hold one. */
export type Principal =
  | {
      readonly kind: "jwt";
      readonly userId: string;
      readonly applications?: readonly string[];
      /** The identity provider's session (`sid`). */
      readonly sessionId?: string;
    }
  | {
      readonly kind: "api-key";
      readonly userId: string;
      readonly applications?: readonly string[];
      readonly keyId: string;
      readonly scopes: readonly string[];
    };

/**
 * Why no principal could be had.
 * - `invalid`: the credential is bad, and will be bad next time. `reason` is for the log: it names the check
 *   that failed and never holds any of the credential.
 * - `unavailable`: it cannot be checked now; trying again may help.
 */
export type AuthFailure =
  | { readonly kind: "invalid"; readonly reason: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/** What a client is told of an invalid credential: which check failed is not its business. */
export const INVALID_CREDENTIAL_MESSAGE =
  "The token is not valid. Send a current JWT or API key as auth.token, with or without the prefix 'Bearer '.";
