import WebSocket from "ws";
import { assertOwn } from "./attack.ts";
import type { Frame } from "./mutate.ts";

/** How long an answer, or a deserved close, may take. */
const PATIENCE_MS = 20_000;

interface Waiting {
  readonly heads: readonly string[];
  readonly resolve: (frame: string | undefined) => void;
}

/** A WebSocket that keeps nothing of what it gets but the answer waited for. */
export class HostileSocket {
  readonly #webSocket: WebSocket;
  #waiting: Waiting | undefined;
  #failure: Error | undefined;
  readonly #open: Promise<void>;
  /** The code of the Close frame, once the connection has ended. */
  closeCode: number | undefined;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.#webSocket = new WebSocket(url, { headers, perMessageDeflate: false });
    this.#webSocket.on("message", (data, isBinary) => {
      if (!isBinary) this.#received(data.toString());
    });
    this.#open = new Promise((resolve) => this.#webSocket.once("open", resolve).once("close", resolve));
    this.#webSocket.on("error", () => undefined);
    this.#webSocket.on("unexpected-response", (request) => {
      request.destroy();
      this.#closed(1006);
    });
    this.#webSocket.on("close", (code) => this.#closed(code));
  }

  /** Resolves once the handshake is over, whatever came of it. */
  opened(): Promise<void> {
    return this.#open;
  }

  /**
   * Sends what goes out even if the server has closed meanwhile. A bare pong among other packets is left out, but for
   * one character: workerd 1.20260730 may send its answer while another frame is being sent, which it logs as an
   * error of its own, and a flood of which ends the whole process (compare cloudflare/workerd#7065, #7147).
   */
  send(...frames: readonly Frame[]): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    for (const frame of frames) {
      if (typeof frame === "string") this.#webSocket.send(frame === "3" ? "3x" : frame);
      else if ("utf8" in frame) this.#webSocket.send(frame.utf8, { binary: false });
      else this.#webSocket.send(frame);
    }
  }

  /**
   * Resolves with the first frame from now on that starts with one of `heads`; `undefined` when the connection
   * ends before. One at a time.
   */
  async answer(...heads: readonly string[]): Promise<string | undefined> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.closeCode !== undefined) return undefined;
    const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
    this.#waiting = { heads, resolve };
    const timer = setTimeout(
      () => reject(new Error(`No answer ${heads.join(" or ")}, and no close`)),
      PATIENCE_MS,
    );
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Resolves with the close code. */
  async closed(): Promise<number> {
    // No frame starts so.
    await this.answer("\0");
    if (this.#failure !== undefined) throw this.#failure;
    return this.closeCode ?? 0;
  }

  terminate(): void {
    this.#webSocket.terminate();
  }

  close(): void {
    this.#webSocket.close();
  }

  #received(frame: string): void {
    if (frame === "2") {
      this.#webSocket.send("3");
      return;
    }
    try {
      assertOwn(frame);
    } catch (error) {
      this.#failure = error as Error;
    }
    if (this.#waiting?.heads.some((head) => frame.startsWith(head))) this.#waiting.resolve(frame);
  }

  #closed(code: number): void {
    this.closeCode ??= code;
    this.#waiting?.resolve(undefined);
  }
}
