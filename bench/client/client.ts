import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { stopChild, track } from "../lib/children.ts";
import type { Target } from "../servers/target.ts";
import type { Answer, Command, Delivery, Expected, Watched } from "./messages.ts";

/** How long a thousand sockets may take to connect on a busy machine. */
const CONNECT_TIMEOUT_MS = 120_000;
/** How long a series may take before what is missing counts as lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

/** The parent's end of a load client. */
export class LoadClient {
  readonly #child: ChildProcess;
  readonly #answers = new Map<Answer["is"], (answer: Answer) => void>();
  /** Rejects when the client reports a failure or ends on its own. */
  readonly #failure = Promise.withResolvers<never>();

  constructor() {
    this.#child = track(fork(path.join(import.meta.dirname, "main.ts")));
    // Reported by whatever is awaited next.
    this.#failure.promise.catch(() => undefined);
    this.#child.on("exit", () => this.#failure.reject(new Error("The load client ended.")));
    this.#child.on("message", (answer: Answer) => {
      if (answer.is === "failed")
        this.#failure.reject(new Error(`The load client failed: ${answer.message}`));
      else this.#answers.get(answer.is)?.(answer);
    });
  }

  /**
   * Resolves when all sockets receive. With `offerDeflate` they offer permessage-deflate as browsers do, and fail
   * where they get it: they could not read it.
   */
  async connect({ url, plan }: Target, sockets: number, offerDeflate = false): Promise<void> {
    this.#send({ do: "connect", url: url.href, plan, sockets, offerDeflate });
    await this.#answer("connected", CONNECT_TIMEOUT_MS);
  }

  /** Resolves once the client counts; what it resolves to has the outcome, when all is there or time is up. */
  async expect(base: number, events: number, ordered = events): Promise<{ delivery: Promise<Delivery> }> {
    const delivered = this.#answer("delivered", DELIVERY_TIMEOUT_MS * 2);
    const delivery = delivered.then(({ delivery }) => delivery);
    delivery.catch(() => undefined);
    this.#send({ do: "expect", base, events, ordered, timeoutMs: DELIVERY_TIMEOUT_MS });
    await this.#answer("expecting", DELIVERY_TIMEOUT_MS);
    return { delivery };
  }

  /** Resolves once the client measures stamped events. */
  async watch(sampleMs?: number): Promise<void> {
    this.#send({ do: "watch", ...(sampleMs !== undefined && { sampleMs }) });
    await this.#answer("watching", DELIVERY_TIMEOUT_MS);
  }

  /** Resolves to what was measured, when all that is expected is there or time is up. */
  async settle(expected: Expected, timeoutMs: number): Promise<Watched> {
    this.#send({ do: "settle", timeoutMs, ...expected });
    const { watched } = await this.#answer("settled", timeoutMs + DELIVERY_TIMEOUT_MS);
    return watched;
  }

  stop(): Promise<void> {
    return stopChild(this.#child);
  }

  #send(command: Command): void {
    this.#child.send(command);
  }

  async #answer<Is extends Answer["is"]>(is: Is, timeoutMs: number): Promise<Extract<Answer, { is: Is }>> {
    const { promise, resolve, reject } = Promise.withResolvers<Extract<Answer, { is: Is }>>();
    this.#answers.set(is, (answer) => resolve(answer as Extract<Answer, { is: Is }>));
    const timer = setTimeout(() => reject(new Error(`The load client is not ${is} in time.`)), timeoutMs);
    try {
      return await Promise.race([promise, this.#failure.promise]);
    } finally {
      clearTimeout(timer);
      this.#answers.delete(is);
    }
  }
}
