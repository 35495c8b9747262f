import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";

/** Keys and tokens for tests, made anew for every run. */
export const ISSUER = "https://clerk.test.example";

const pair = await generateKeyPair("RS256", { extractable: true });
const KID = "test-key";

export const JWKS = {
  keys: [{ ...(await exportJWK(pair.publicKey)), kid: KID, alg: "RS256", use: "sig" }],
};

export const PUBLIC_KEY_PEM = await exportSPKI(pair.publicKey);

/** Variables of a service that accepts `signToken`'s tokens. */
export const JWT_VARS = {
  JWT_ISSUER: ISSUER,
  JWT_JWKS: JSON.stringify(JWKS),
  // Whatever the developer's own .dev.vars says is not the tests' business.
  JWT_JWKS_URL: "",
  JWT_PUBLIC_KEY: "",
  JWT_AUDIENCE: "",
  JWT_AUTHORIZED_PARTIES: "",
};

/** A key the service does not know. */
export const strangerKey = (await generateKeyPair("RS256")).privateKey;

export interface TokenOptions {
  readonly issuer?: string;
  readonly expiresAt?: number;
  readonly notBefore?: number;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: CryptoKey;
}

/** A Clerk-like JWT. Times are seconds since the epoch. */
export const signToken = (userId: string, options: TokenOptions = {}): Promise<string> => {
  const jwt = new SignJWT({ sid: `sess_${userId}`, azp: "https://app.test.example", ...options.claims })
    .setProtectedHeader({ alg: "RS256", kid: KID })
    .setIssuer(options.issuer ?? ISSUER)
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(options.expiresAt ?? Math.floor(Date.now() / 1_000) + 3_600);
  if (options.notBefore !== undefined) jwt.setNotBefore(options.notBefore);
  return jwt.sign(options.key ?? pair.privateKey);
};
