const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * `length` URL-safe characters of 6 random bits each, from the platform's CSPRNG.
 * Ids use 22 characters (132 bits), so that they cannot be guessed.
 */
export const randomToken = (length: number): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  // Every connection has several: text that grows by a character at a time would leave a new one behind for each.
  const characters = new Array<string>(length);
  for (let at = 0; at < length; at++) characters[at] = ALPHABET.charAt((bytes[at] ?? 0) & 63);
  return characters.join("");
};

export const ID_LENGTH = 22;

/** A whole number of 30 random bits. */
export const randomInteger = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) >>> 2;
