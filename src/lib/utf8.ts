const encoder = new TextEncoder();

/** Whether `text` is longer than `limit` bytes of UTF-8; encodes only texts that may be. */
export const exceedsBytes = (text: string, limit: number): boolean =>
  text.length > limit || (text.length * 3 > limit && encoder.encode(text).byteLength > limit);
