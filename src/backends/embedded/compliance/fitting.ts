const encoder = new TextEncoder();

/** The first of some items: `count` at most, and as many as their JSON fits into `bytes`. */
export const fitting = <T>(items: readonly T[], count: number, bytes: number): T[] => {
  const fit: T[] = [];
  let left = bytes;
  for (const item of items.slice(0, count)) {
    // With the comma.
    left -= encoder.encode(JSON.stringify(item)).byteLength + 1;
    if (left < 0) break;
    fit.push(item);
  }
  return fit;
};
