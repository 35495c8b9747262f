import { type Authenticate, createAuthenticate } from "../auth/authenticate.ts";
import { configOf, type Env } from "../env.ts";
import { log } from "../lib/log.ts";

const authenticators = new WeakMap<Env, Authenticate>();

/**
 * The isolate's authenticator, which holds the JWKS cache.
 * @throws Error if the configuration of keys is invalid, naming the variable.
 */
export const authenticateOf = (env: Env): Authenticate => {
  let authenticate = authenticators.get(env);
  if (authenticate === undefined) {
    authenticate = createAuthenticate({ config: configOf(env), apiKeys: env.API_KEYS, clock: Date.now, log });
    authenticators.set(env, authenticate);
  }
  return authenticate;
};
