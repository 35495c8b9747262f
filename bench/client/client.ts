import path from "node:path";
import { WorkerProcess } from "../lib/worker-process.ts";
import type { Target } from "../servers/target.ts";
import type { Answer, Command, Delivery, Expected, Watched } from "./messages.ts";

/** How long a thousand sockets may take to connect on a busy machine. */
const CONNECT_TIMEOUT_MS = 120_000;
/** Of what a client does at once, on a machine where it has much to do. */
const TIMEOUT_MS = 60_000;
/** How long a series may take before what is missing counts as lost. */
const DELIVERY_TIMEOUT_MS = 60_000;

/** The parent's end of a load client. */
export class LoadClient {
  readonly #worker = new WorkerProcess<Command>(path.join(import.meta.dirname, "main.ts"));

  /**
   * Resolves when all sockets receive. With `offerDeflate` they offer permessage-deflate as browsers do, and fail
   * where they get it: they could not read it.
   */
  async connect({ url, plan }: Target, sockets: number, offerDeflate = false): Promise<void> {
    await this.#ask({ do: "connect", url: url.href, plan, sockets, offerDeflate }, CONNECT_TIMEOUT_MS);
  }

  /** Resolves once the client counts; what it resolves to has the outcome, when all is there or time is up. */
  async expect(base: number, events: number, ordered = events): Promise<{ delivery: Promise<Delivery> }> {
    await this.#ask({ do: "expect", base, events, ordered }, TIMEOUT_MS);
    const timeoutMs = DELIVERY_TIMEOUT_MS;
    const delivery = this.#ask({ do: "deliver", timeoutMs }, timeoutMs + TIMEOUT_MS);
    // Whoever publishes may fail first.
    delivery.catch(() => undefined);
    return { delivery };
  }

  /** Resolves once the client measures stamped events. */
  async watch(sampleMs?: number): Promise<void> {
    await this.#ask({ do: "watch", ...(sampleMs !== undefined && { sampleMs }) }, TIMEOUT_MS);
  }

  /** Resolves to what was measured, when all that is expected is there or time is up. */
  settle(expected: Expected, timeoutMs: number): Promise<Watched> {
    return this.#ask({ do: "settle", timeoutMs, ...expected }, timeoutMs + TIMEOUT_MS);
  }

  stop(): Promise<void> {
    return this.#worker.stop();
  }

  async #ask<C extends Command>(command: C, timeoutMs: number): Promise<Answer<C>> {
    // What main.ts answers.
    return (await this.#worker.ask(command, timeoutMs)) as Answer<C>;
  }
}
