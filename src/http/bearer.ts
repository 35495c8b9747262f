const encoder = new TextEncoder();

/** The token of an `Authorization: Bearer` header. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];

/** No byte of UTF-8: where a token ends. */
const END = 0xff;

/** A token as `length` bytes, filled up behind its end; undefined if it is longer. Only equal ones have equal blocks. */
const blockOf = (token: string, length: number): Uint8Array | undefined => {
  const block = new Uint8Array(length + 1);
  const { read, written } = encoder.encodeInto(token, block.subarray(0, length));
  block[written] = END;
  return read === token.length ? block : undefined;
};

const known = new WeakMap<readonly string[], readonly Uint8Array[]>();

/** Of the valid tokens, all as long as the longest; made once for each list. */
const blocksOf = (valid: readonly string[]): readonly Uint8Array[] => {
  const made = known.get(valid);
  if (made !== undefined) return made;
  const length = Math.max(0, ...valid.map((token) => encoder.encode(token).length));
  const blocks = valid.flatMap((token) => blockOf(token, length) ?? []);
  known.set(valid, blocks);
  return blocks;
};

/**
 * Which of the valid tokens `token` is, by index; -1 if none. Takes the same time wherever it differs: blocks of equal
 * length are compared, and all of them always. Only that a token is longer than every valid one shows.
 */
export const matchToken = (token: string, valid: readonly string[]): number => {
  const blocks = blocksOf(valid);
  const [first] = blocks;
  const given = first && blockOf(token, first.length - 1);
  if (given === undefined) return -1;
  let match = -1;
  for (const [index, candidate] of blocks.entries()) {
    if (crypto.subtle.timingSafeEqual(given, candidate)) match = index;
  }
  return match;
};
