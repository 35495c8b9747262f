const encoder = new TextEncoder();

const digest = (text: string): Promise<ArrayBuffer> => crypto.subtle.digest("SHA-256", encoder.encode(text));

/** The token of an `Authorization: Bearer` header. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];

/**
 * Which of the valid tokens `token` is, by index; -1 if none. Takes the same time wherever it differs:
 * digests of equal length are compared, and all of them always.
 */
export const matchToken = async (token: string, valid: readonly string[]): Promise<number> => {
  const given = await digest(token);
  let match = -1;
  for (const [index, candidate] of valid.entries()) {
    if (crypto.subtle.timingSafeEqual(given, await digest(candidate))) match = index;
  }
  return match;
};
