import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type LocalServer, portIsFree, SERVICE, startServer } from "../../scripts/lib/local-server.ts";
import { JWT_VARS } from "../support/keys.ts";
import { INGEST_TOKEN } from "../support/service.ts";

export const HOST = "127.0.0.1";

const GATEWAYS = 2;

/** What the publisher sends to one user while a client is away for a quarter of a minute is more than the default. */
const RECOVERY_MAX_EVENTS = 10_000;

/** Clients that try a port of the range that the system gives them may connect to themselves. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

const NOT_RUNNING = /it is not currently running/;

/** A service on a port and a folder of its own, which can be killed and started again on them. */
export class MortalService {
  readonly port: number;
  readonly logs: string[] = [];
  readonly gateways = Array.from({ length: GATEWAYS }, (_, index) => `local-${index}`);
  readonly #folder: string;
  readonly #vars: Readonly<Record<string, string>>;
  #server: LocalServer | undefined;

  private constructor(port: number, folder: string, vars: Readonly<Record<string, string>>) {
    this.port = port;
    this.#folder = folder;
    this.#vars = vars;
  }

  static async create(vars: Readonly<Record<string, string>>): Promise<MortalService> {
    const folder = await mkdtemp(path.join(tmpdir(), "ledgercore-faults-"));
    return new MortalService(await freePort(), folder, vars);
  }

  /** Starts workerd on what its storage holds. */
  async start(): Promise<void> {
    this.#server = await startServer({
      project: SERVICE,
      host: HOST,
      port: this.port,
      persist: this.#folder,
      ingestLimit: 1_000_000,
      onLog: (line) => this.logs.push(line),
      vars: {
        ...JWT_VARS,
        INGEST_TOKENS: INGEST_TOKEN,
        GATEWAYS_PER_COLO: String(GATEWAYS),
        // Market rooms have one gateway relay to the others.
        FANOUT_WIDTH: "1",
        RECOVERY_MAX_EVENTS: String(RECOVERY_MAX_EVENTS),
        ...this.#vars,
      },
    });
  }

  /** Kills workerd with SIGKILL: no socket is closed, no object hears of it. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  /**
   * Removes an object from memory, as the platform does; `close` drops its WebSockets, as a deploy does. Says
   * whether it was there.
   */
  async evict(
    className: "Gateway" | "Room",
    name: string,
    webSockets: "close" | "hibernate",
  ): Promise<boolean> {
    if (this.#server === undefined) return false;
    try {
      await this.#server.miniflare.unsafeEvictDurableObject("ledgercore-realtime", className, {
        name,
        webSockets,
      });
      return true;
    } catch (error) {
      if (NOT_RUNNING.test((error as Error).message)) return false;
      throw error;
    }
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const freePort = async (): Promise<number> => {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (await portIsFree(HOST, port)) return port;
  }
};
