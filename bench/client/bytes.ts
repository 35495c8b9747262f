/** Reads frames in place: a string or an object for each delivery would cost more than the delivery. */

const DIGIT_0 = 0x30;

export const startsWith = (buffer: Buffer, start: number, prefix: Buffer): boolean => {
  for (let index = 0; index < prefix.length; index++) {
    if (buffer[start + index] !== prefix[index]) return false;
  }
  return true;
};

/** The digits after the first `key` from `start` on, as a number. */
export const readNumber = (buffer: Buffer, start: number, end: number, key: Buffer): number => {
  let value = 0;
  for (let at = buffer.indexOf(key, start) + key.length; at < end; at++) {
    const digit = (buffer[at] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) break;
    value = value * 10 + digit;
  }
  return value;
};
