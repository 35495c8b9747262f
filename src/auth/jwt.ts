import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  importSPKI,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { isUserId } from "../events/rooms.ts";
import type { Clock } from "../lib/clock.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type AuthFailure, applicationsClaim, type Principal } from "./principal.ts";

export interface JwtConfig {
  readonly JWT_ISSUER: string | undefined;
  readonly JWT_JWKS_URL: string | undefined;
  readonly JWT_JWKS: string | undefined;
  readonly JWT_PUBLIC_KEY: string | undefined;
  readonly JWT_AUDIENCE: readonly string[];
  readonly JWT_AUTHORIZED_PARTIES: readonly string[];
  readonly JWT_ALGORITHMS: readonly string[];
}

export type VerifyJwt = (token: string) => Promise<Result<Principal, AuthFailure>>;

const LEEWAY_S = 5;
const JWKS_CACHE_MS = 10 * 60_000;
/** A token with an unknown key id may make us fetch the key set again, at most this often. */
const JWKS_COOLDOWN_MS = 30_000;
const JWKS_TIMEOUT_MS = 3_000;
/** Real tokens are one or two kilobytes; longer ones are not worth the work of refusing them late. */
const MAX_TOKEN_CHARS = 16_384;

const PEM = /^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/;
/** Of an identity provider's session id, what is worth keeping: it lives in the WebSocket's attachment. */
const SESSION_ID = /^[\x21-\x7e]{1,200}$/;

const optionalApplications = applicationsClaim.optional();

const invalid = (reason: string) => err<AuthFailure>({ kind: "invalid", reason });

/**
 * Verifies JWTs (AUTH-1): signature, `iss`, `exp`, `nbf`, `aud` and `azp` where configured, with a leeway of
 * 5 s. `userId` is `sub`. Keys come from a JWKS URL (cached 10 min, fetched again for an unknown key at most
 * every 30 s), an inline JWKS, or one PEM public key.
 * @throws Error naming the variable when the configuration contradicts itself or a key cannot be read.
 */
export const createJwtVerifier = (config: JwtConfig, clock: Clock): VerifyJwt | undefined => {
  const keys = keySource(config);
  const issuer = config.JWT_ISSUER;
  // Without an issuer any tenant of the same identity provider would be let in (AUTH-3).
  if (keys === undefined || issuer === undefined) return undefined;
  return async (token) => {
    if (token.length > MAX_TOKEN_CHARS) return invalid("token too long");
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        algorithms: [...config.JWT_ALGORITHMS],
        ...(config.JWT_AUDIENCE.length > 0 && { audience: [...config.JWT_AUDIENCE] }),
        clockTolerance: LEEWAY_S,
        requiredClaims: ["exp", "sub"],
        currentDate: new Date(clock()),
      });
      return principalOf(payload, config.JWT_AUTHORIZED_PARTIES);
    } catch (error) {
      return err(failureOf(error));
    }
  };
};

/** What to set, for the log of a service that accepts no JWT. */
export const JWT_UNCONFIGURED =
  "No JWT is accepted: set JWT_ISSUER and one of JWT_JWKS_URL, JWT_JWKS or JWT_PUBLIC_KEY.";

const keySource = (config: JwtConfig): JWTVerifyGetKey | undefined => {
  const { JWT_JWKS_URL, JWT_JWKS, JWT_PUBLIC_KEY } = config;
  if ([JWT_JWKS_URL, JWT_JWKS, JWT_PUBLIC_KEY].filter((source) => source !== undefined).length > 1) {
    throw new Error("Set only one of JWT_JWKS_URL, JWT_JWKS and JWT_PUBLIC_KEY.");
  }
  if (JWT_JWKS_URL !== undefined) {
    return createRemoteJWKSet(new URL(JWT_JWKS_URL), {
      cacheMaxAge: JWKS_CACHE_MS,
      cooldownDuration: JWKS_COOLDOWN_MS,
      timeoutDuration: JWKS_TIMEOUT_MS,
    });
  }
  if (JWT_JWKS !== undefined) {
    try {
      return createLocalJWKSet(JSON.parse(JWT_JWKS));
    } catch {
      throw new Error("JWT_JWKS is not a JSON Web Key Set.");
    }
  }
  return JWT_PUBLIC_KEY === undefined ? undefined : pemKey(JWT_PUBLIC_KEY);
};

/** Clerk's networkless mode: one PEM. Variables often arrive with line breaks written as `\n`. */
const pemKey = (pem: string): JWTVerifyGetKey => {
  const spki = pem.replaceAll("\\n", "\n");
  if (!PEM.test(spki)) throw new Error("JWT_PUBLIC_KEY is not a PEM public key (BEGIN PUBLIC KEY).");
  const imported = new Map<string, Promise<CryptoKey>>();
  return ({ alg }: JWTHeaderParameters) => {
    let key = imported.get(alg);
    if (key === undefined) {
      // A header whose algorithm does not fit the key is the token's fault, not the configuration's.
      key = importSPKI(spki, alg).catch(() => {
        throw new errors.JOSEAlgNotAllowed("the algorithm does not fit the configured public key");
      });
      imported.set(alg, key);
    }
    return key;
  };
};

const principalOf = (
  { sub, sid, azp, applications }: JWTPayload,
  authorizedParties: readonly string[],
): Result<Principal, AuthFailure> => {
  if (!isUserId(sub)) return invalid("sub is not a usable user id");
  if (authorizedParties.length > 0 && !(typeof azp === "string" && authorizedParties.includes(azp))) {
    return invalid("azp is not an authorized party");
  }
  const claimed = optionalApplications.safeParse(applications);
  // Taken for absent, a claim that cannot be read would open what its issuer did not mean to.
  if (!claimed.success) return invalid("applications is not a list of at most 6 application ids");
  return ok({
    kind: "jwt",
    userId: sub,
    ...(claimed.data !== undefined && { applications: claimed.data }),
    ...(typeof sid === "string" && SESSION_ID.test(sid) && { sessionId: sid }),
  });
};

/** jose's errors by code: messages of some hold parts of the token, codes never do. */
const failureOf = (error: unknown): AuthFailure => {
  if (error instanceof errors.JWTClaimValidationFailed) {
    return { kind: "invalid", reason: `${error.code} ${error.claim}` };
  }
  if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid) {
    return { kind: "unavailable", reason: error.code };
  }
  if (error instanceof errors.JOSEError && error.code !== "ERR_JOSE_GENERIC") {
    return { kind: "invalid", reason: error.code };
  }
  // jose's generic error here is a key set answered with another status than 200 or with bad JSON; anything
  // else is a fetch that failed.
  return { kind: "unavailable", reason: "the key set could not be fetched" };
};
