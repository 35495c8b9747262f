import { randomBytes } from "node:crypto";
import { chmod, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseEnv } from "node:util";
import { exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { ROOT } from "./wrangler.ts";

/** Read by the service in development; never committed, never deployed. */
const VARS_FILE = path.join(ROOT, ".dev.vars");
/** The private half of the development key: the service never sees it. */
const KEY_FILE = path.join(ROOT, ".dev.keys.json");

const ISSUER = "urn:ledgercore-realtime:development";
const ALGORITHM = "ES256";

export interface DevCredentials {
  readonly ingestToken: string;
  signToken(userId: string, expiresIn: string, claims?: Readonly<Record<string, unknown>>): Promise<string>;
}

/** Reads a file that may not be there. */
const readOptional = async (file: string): Promise<string> => {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
};

const writePrivate = async (file: string, text: string): Promise<void> => {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
};

/** The private key, made on first use. */
const privateKey = async (): Promise<JWK> => {
  const stored = await readOptional(KEY_FILE);
  if (stored !== "") return JSON.parse(stored) as JWK;
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), alg: ALGORITHM, kid: randomBytes(8).toString("hex") };
  await writePrivate(KEY_FILE, `${JSON.stringify(jwk, null, 2)}\n`);
  return jwk;
};

const publicPart = ({ kty, crv, x, y, alg, kid }: JWK): JWK =>
  ({ kty, crv, x, y, alg, kid, use: "sig" }) as JWK;

const firstToken = (vars: Readonly<Record<string, string>>): string | undefined =>
  vars.INGEST_TOKENS?.split(/[\s,]+/).find((token) => token !== "");

/** The ingest token of this checkout, if it has one yet. */
export const readDevIngestToken = async (): Promise<string | undefined> =>
  firstToken(parseEnv(await readOptional(VARS_FILE)) as Record<string, string>);

/**
 * The credentials of this checkout, made on the spot. What .dev.vars already sets is kept, so that it can
 * point the service at a real identity provider instead.
 */
export const ensureDevCredentials = async (): Promise<DevCredentials> => {
  const jwk = await privateKey();
  const text = await readOptional(VARS_FILE);
  const vars = parseEnv(text) as Record<string, string>;
  const missing: Record<string, string> = {};
  if (!vars.INGEST_TOKENS) missing.INGEST_TOKENS = `dev_${randomBytes(24).toString("base64url")}`;
  const hasKeySource = Boolean(vars.JWT_JWKS_URL || vars.JWT_JWKS || vars.JWT_PUBLIC_KEY);
  if (!hasKeySource) {
    missing.JWT_ISSUER = ISSUER;
    missing.JWT_JWKS = `'${JSON.stringify({ keys: [publicPart(jwk)] })}'`;
  }
  const lines = Object.entries(missing).map(([name, value]) => `${name}=${value}`);
  if (lines.length > 0) {
    const head =
      text === ""
        ? "# Development credentials of this checkout. Made on the spot; never commit them.\n"
        : text;
    await writePrivate(VARS_FILE, `${head.trimEnd()}\n${lines.join("\n")}\n`);
  }
  const ours = !hasKeySource || (vars.JWT_JWKS?.includes(`"${jwk.kid}"`) ?? false);
  return {
    ingestToken: firstToken(vars) ?? missing.INGEST_TOKENS ?? "",
    signToken: async (userId, expiresIn, claims = {}) => {
      if (!ours) {
        throw new Error(
          ".dev.vars names another key source for JWTs. Get a token from your identity provider.",
        );
      }
      return new SignJWT({ ...claims, sid: `sess_${randomBytes(8).toString("hex")}` })
        .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid ?? "" })
        .setIssuer(vars.JWT_ISSUER ?? ISSUER)
        .setSubject(userId)
        .setIssuedAt()
        .setExpirationTime(expiresIn)
        .sign(await importJWK(jwk, ALGORITHM));
    },
  };
};
