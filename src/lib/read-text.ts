import { err, ok, type Result } from "./result.ts";

/** `broken`: the sender has gone before the end. */
export type ReadError = "too large" | "not UTF-8" | "broken";

/**
 * Reads a body of at most `limit` bytes as UTF-8, holding no more than that. When `signal` aborts, it stops and the
 * body counts as broken.
 */
export const readText = async (
  body: ReadableStream<Uint8Array> | null,
  limit: number,
  signal: AbortSignal,
): Promise<Result<string, ReadError>> => {
  if (body === null) return ok("");
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener("abort", cancel);
  if (signal.aborted) cancel();
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  let bytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) return err("broken");
      if (done) break;
      bytes += value.byteLength;
      if (bytes > limit) {
        cancel();
        return err("too large");
      }
      const part = decode(decoder, value);
      if (part === undefined) {
        cancel();
        return err("not UTF-8");
      }
      text += part;
    }
  } catch {
    return err("broken");
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  const rest = decode(decoder);
  return rest === undefined ? err("not UTF-8") : ok(text + rest);
};

/** The next characters; without `bytes`, the last ones. */
const decode = (decoder: TextDecoder, bytes?: Uint8Array): string | undefined => {
  try {
    return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
  } catch {
    return undefined;
  }
};
