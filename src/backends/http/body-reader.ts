import type { After } from "../../lib/after.ts";

export type Read =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  /** Nothing came for too long. */
  | { readonly kind: "idle" }
  /** The connection was lost, or closed from this side. */
  | { readonly kind: "broken" };

/** How long the end of a reply may be behind its last event. */
const END_PATIENCE_MS = 100;

/**
 * The body of a reply, read chunk by chunk and only when asked: what is not read stays with the upstream. When
 * `connection` aborts, it is closed.
 */
export class BodyReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  readonly #connection: AbortController;
  readonly #idleMs: number;
  readonly #after: After;

  constructor(
    body: ReadableStream<Uint8Array> | null,
    connection: AbortController,
    idleMs: number,
    after: After,
  ) {
    this.#reader = body?.getReader();
    this.#connection = connection;
    this.#idleMs = idleMs;
    this.#after = after;
    // Aborting the call does not end a body that is being read in every runtime.
    const cancel = () => void this.#reader?.cancel().catch(() => undefined);
    if (connection.signal.aborted) cancel();
    else connection.signal.addEventListener("abort", cancel, { once: true });
  }

  /** Waits for the next chunk. */
  async read(patienceMs: number = this.#idleMs): Promise<Read> {
    if (this.#reader === undefined) return { kind: "end" };
    let idle = false;
    const stop = this.#after(patienceMs, () => {
      idle = true;
      this.close();
    });
    try {
      const { done, value } = await this.#reader.read();
      if (idle) return { kind: "idle" };
      if (this.#connection.signal.aborted) return { kind: "broken" };
      return done ? { kind: "end" } : { kind: "chunk", bytes: value };
    } catch {
      return { kind: idle ? "idle" : "broken" };
    } finally {
      stop();
    }
  }

  /** After the last event: a connection whose reply is read to its end can be used again. */
  async finish(): Promise<void> {
    const { kind } = await this.read(END_PATIENCE_MS);
    if (kind === "chunk") this.close();
  }

  /** Closes the connection. */
  close(): void {
    this.#connection.abort();
  }
}
