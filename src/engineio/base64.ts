/** Strict base64 (RFC 4648 §4), for the `b…` form of binary messages. Pure. */

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Value of each ASCII code, -1 where the code is not in the alphabet. */
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

/** `btoa` wants one char per byte; larger slices would overflow the argument list of `fromCharCode`. */
const ENCODE_CHUNK_BYTES = 0x2000;

export function toBase64(bytes: Uint8Array): string {
  let latin1 = "";
  for (let i = 0; i < bytes.length; i += ENCODE_CHUNK_BYTES) {
    latin1 += String.fromCharCode(...bytes.subarray(i, i + ENCODE_CHUNK_BYTES));
  }
  return btoa(latin1);
}

const valueAt = (text: string, index: number): number => VALUES[text.charCodeAt(index)] ?? -1;

/**
 * Decodes `text` from `start`. Only the canonical form is accepted (padded, no white space, unused bits zero:
 * RFC 4648 §3.5), so that each byte string has one text; `atob` would let the others pass.
 *
 * @returns the bytes, or undefined when the text is not canonical base64
 */
export function fromBase64(text: string, start = 0): Uint8Array | undefined {
  const length = text.length - start;
  if (length % 4 !== 0) return undefined;
  if (length === 0) return new Uint8Array(0);

  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const bytes = new Uint8Array((length / 4) * 3 - padding);
  const fullEnd = text.length - (padding === 0 ? 0 : 4);
  let out = 0;
  for (let i = start; i < fullEnd; i += 4) {
    const bits =
      (valueAt(text, i) << 18) |
      (valueAt(text, i + 1) << 12) |
      (valueAt(text, i + 2) << 6) |
      valueAt(text, i + 3);
    // One -1 among the four sets the sign bit.
    if (bits < 0) return undefined;
    bytes[out++] = bits >> 16;
    bytes[out++] = bits >> 8;
    bytes[out++] = bits;
  }
  if (padding === 0) return bytes;

  const third = padding === 2 ? 0 : valueAt(text, fullEnd + 2);
  const bits = (valueAt(text, fullEnd) << 18) | (valueAt(text, fullEnd + 1) << 12) | (third << 6);
  const unused = padding === 2 ? 0xffff : 0xff;
  if (bits < 0 || (bits & unused) !== 0) return undefined;
  bytes[out++] = bits >> 16;
  if (padding === 1) bytes[out] = bits >> 8;
  return bytes;
}
