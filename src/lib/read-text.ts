import { err, ok, type Result } from "./result.ts";

/** `broken`: the sender has gone before the end. */
export type ReadError = "too large" | "not UTF-8" | "broken";

/** Room for most bodies; larger ones double it. */
const FIRST_BYTES = 16_384;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a body of at most `limit` bytes as UTF-8. When `signal` aborts, it stops and the body counts as broken.
 * `grown` hears of each piece of memory that is taken for it, in bytes.
 */
export const readText = async (
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  signal: AbortSignal,
  grown: (bytes: number) => void = () => {},
): Promise<Result<string, ReadError>> => {
  if (body === null) return ok("");
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  let buffer = new Uint8Array(0);
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return err("broken");
      if (done) break;
      const needed = length + value.byteLength;
      if (needed > limit) {
        cancel();
        return err("too large");
      }
      if (needed > buffer.byteLength) {
        const larger = new Uint8Array(Math.min(limit, Math.max(FIRST_BYTES, needed, 2 * buffer.byteLength)));
        larger.set(buffer.subarray(0, length));
        grown(larger.byteLength - buffer.byteLength);
        buffer = larger;
      }
      buffer.set(value, length);
      length = needed;
    }
  } catch {
    return err("broken");
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  try {
    return ok(decoder.decode(buffer.subarray(0, length)));
  } catch {
    return err("not UTF-8");
  }
};
