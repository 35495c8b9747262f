import path from "node:path";
import { WorkerProcess } from "../lib/worker-process.ts";
import type { Target } from "../servers/target.ts";
import type { Connecting, FleetAnswer, FleetCommand, Received } from "./fleet-messages.ts";

/** How long thousands of sockets may take to connect on a busy machine. */
const CONNECT_TIMEOUT_MS = 120_000;
const TIMEOUT_MS = 10_000;
/** Before what is missing counts as lost. */
const EVENTS_TIMEOUT_MS = 60_000;

export interface FleetOptions {
  readonly sockets: number;
  /** Whom they belong to: socket `n` is of user `firstUser + n % users`. */
  readonly users: number;
  readonly firstUser?: number;
  /** How many connect at a time. */
  readonly atOnce: number;
}

/** The parent's end of a fleet of clients, which connect, lose their connections, and come back. */
export class Fleet {
  readonly #worker = new WorkerProcess<FleetCommand>(path.join(import.meta.dirname, "fleet-main.ts"));

  /** Connects all its sockets. */
  connect(
    { url, plan }: Target,
    { sockets, users, firstUser = 0, atOnce }: FleetOptions,
  ): Promise<Connecting> {
    const tokens = plan.protocol === "plain" ? [] : plan.tokens.slice(firstUser, firstUser + users);
    return this.#ask(
      { do: "connect", url: url.href, path: plan.path, tokens, sockets, atOnce },
      CONNECT_TIMEOUT_MS,
    );
  }

  /** Resolves when every socket has had its personal events up to `number`, or time is up. */
  await(number: number): Promise<Received> {
    return this.#ask({ do: "await", number, timeoutMs: EVENTS_TIMEOUT_MS }, EVENTS_TIMEOUT_MS + TIMEOUT_MS);
  }

  async drop(): Promise<void> {
    await this.#ask({ do: "drop" }, TIMEOUT_MS);
  }

  /** All that have dropped come back at once. */
  return(): Promise<Connecting> {
    return this.#ask({ do: "return" }, CONNECT_TIMEOUT_MS);
  }

  stop(): Promise<void> {
    return this.#worker.stop();
  }

  async #ask<Command extends FleetCommand>(
    command: Command,
    timeoutMs: number,
  ): Promise<FleetAnswer<Command>> {
    // What fleet-main.ts answers.
    return (await this.#worker.ask(command, timeoutMs)) as FleetAnswer<Command>;
  }
}
