const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * `length` URL-safe characters of 6 random bits each, from the platform's CSPRNG.
 * Ids use 22 characters (132 bits), so that they cannot be guessed.
 */
export const randomToken = (length: number): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  let token = "";
  for (const byte of bytes) token += ALPHABET.charAt(byte & 63);
  return token;
};

export const ID_LENGTH = 22;

/** A whole number of 30 random bits. */
export const randomInteger = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) >>> 2;
