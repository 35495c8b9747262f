import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { err, type Result } from "../lib/result.ts";
import { API_KEY_PREFIX, type ApiKeyStore, verifyApiKey } from "./api-keys.ts";
import { createJwtVerifier, JWT_UNCONFIGURED, type JwtConfig } from "./jwt.ts";
import type { AuthFailure, Principal } from "./principal.ts";

export type Authenticate = (credential: string) => Promise<Result<Principal, AuthFailure>>;

export interface AuthenticateDeps {
  readonly config: JwtConfig;
  readonly apiKeys: ApiKeyStore | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

const BEARER = /^bearer +/i;

/** The credential in `value`, which may carry the prefix `Bearer `. */
export const credentialOf = (value: string): string => value.replace(BEARER, "").trim();

/** Checks a JWT or an API key, told apart by the key's prefix (CONN-4). */
export const createAuthenticate = ({ config, apiKeys, clock, log }: AuthenticateDeps): Authenticate => {
  const verifyJwt = createJwtVerifier(config, clock);
  if (verifyJwt === undefined) log("error", "auth_unconfigured", { message: JWT_UNCONFIGURED });
  return async (credential) => {
    if (credential.startsWith(API_KEY_PREFIX)) {
      return apiKeys === undefined
        ? err({ kind: "invalid", reason: "API keys need the KV binding API_KEYS" })
        : verifyApiKey(credential, apiKeys, clock);
    }
    return verifyJwt === undefined
      ? err({ kind: "invalid", reason: JWT_UNCONFIGURED })
      : verifyJwt(credential);
  };
};
