import type { After } from "./after.ts";

/** What a promise comes to within `ms` milliseconds, else `undefined`. Rejects as it does. */
export const within = async <T>(ms: number, promise: Promise<T>, after: After): Promise<T | undefined> => {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const cancel = after(ms, () => resolve(undefined));
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
};
