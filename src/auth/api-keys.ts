import * as z from "zod";
import { isUserId } from "../events/rooms.ts";
import type { Clock } from "../lib/clock.ts";
import { ID_LENGTH, randomToken } from "../lib/random.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type AuthFailure, applicationsClaim, type Principal } from "./principal.ts";

/** API keys start with this, so that they are told from JWTs, and found by secret scanners. */
export const API_KEY_PREFIX = "lcrt_";

const API_KEY = /^lcrt_[A-Za-z0-9_-]{43}$/;

/** What is stored of a key, under `key:<SHA-256 of the key, hex>`; the key itself is stored nowhere. */
export const apiKeyRecord = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  userId: z.string().refine(isUserId),
  /** What the key is for. With the rest it must fit a KV entry's 1,024 bytes of metadata. */
  name: z.string().regex(/^[\x20-\x7e]{0,64}$/),
  /** Few and short: they live in the WebSocket's attachment. */
  scopes: z.array(z.string().regex(/^[\w.:*-]{1,32}$/)).max(16),
  /** The application that the key opens; absent for those of users whose token names none. */
  applications: applicationsClaim.max(1).exactOptional(),
  /** ms since the epoch. */
  createdAt: z.number(),
  /** ms since the epoch; `null` if the key does not expire. */
  expiresAt: z.number().nullable(),
});

export type ApiKeyRecord = z.infer<typeof apiKeyRecord>;

/** The part of a KV namespace that looking a key up needs. */
export interface ApiKeyStore {
  get(name: string, options: { type: "json"; cacheTtl: number }): Promise<unknown>;
}

/** Seconds for which a location may keep a key it has looked up; a revoked key may work that long there. */
const CACHE_TTL_S = 60;

/** A new key (258 random bits) and its id. */
export const createApiKey = (): { key: string; id: string } => ({
  key: `${API_KEY_PREFIX}${randomToken(43)}`,
  id: `key_${randomToken(ID_LENGTH)}`,
});

/** The name under which a key is stored. */
export const apiKeyName = async (key: string): Promise<string> => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
  return `key:${Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
};

const invalid = (reason: string) => err<AuthFailure>({ kind: "invalid", reason });

/** Finds whose key it is (AUTH-2). Unknown, revoked and expired keys are `invalid`. */
export const verifyApiKey = async (
  key: string,
  store: ApiKeyStore,
  clock: Clock,
): Promise<Result<Principal, AuthFailure>> => {
  if (!API_KEY.test(key)) return invalid("malformed API key");
  let stored: unknown;
  try {
    stored = await store.get(await apiKeyName(key), { type: "json", cacheTtl: CACHE_TTL_S });
  } catch {
    return err({ kind: "unavailable", reason: "the key store could not be read" });
  }
  if (stored === null) return invalid("unknown API key");
  const record = apiKeyRecord.safeParse(stored);
  if (!record.success) return invalid("the API key's record is malformed");
  const { id, userId, scopes, applications, expiresAt } = record.data;
  if (expiresAt !== null && expiresAt <= clock()) return invalid("expired API key");
  return ok({
    ...{ kind: "api-key", userId, keyId: id, scopes },
    ...(applications !== undefined && { applications }),
  });
};
