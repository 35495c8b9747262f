import { exportJWK, generateKeyPair, SignJWT } from "jose";

export const ISSUER = "urn:ledgercore-realtime:bench";

/** What identity providers sign with unless told otherwise. */
export const ALGORITHM = "RS256";
const KEY_ID = "bench";

export interface Credentials {
  /** The public key as a JWK Set, JSON. */
  readonly jwks: string;
  /** One for each user; user `n` is `userId(n)`. */
  readonly tokens: readonly string[];
}

export const userId = (user: number): string => `bench-${user}`;

/** A key set of this run only, and a token for each of its users. */
export const createCredentials = async (users: number): Promise<Credentials> => {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  const jwk = { ...(await exportJWK(publicKey)), alg: ALGORITHM, kid: KEY_ID, use: "sig" };
  const tokens = Array.from({ length: users }, (_, user) =>
    new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: KEY_ID })
      .setIssuer(ISSUER)
      .setSubject(userId(user))
      .setIssuedAt()
      .setExpirationTime("2h")
      .sign(privateKey),
  );
  return { jwks: JSON.stringify({ keys: [jwk] }), tokens: await Promise.all(tokens) };
};
