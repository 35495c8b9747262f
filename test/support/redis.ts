import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { createClient } from "@redis/client";
import { installed } from "./debian.ts";

/** Whether Redis can be started. */
export const redisAvailable = (): Promise<boolean> =>
  installed("redis-server", ["redis-server"], ["redis-server", "--version"]);

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });

/** A Redis of the test's own, without persistence. */
export class RedisServer {
  readonly url: string;
  readonly #port: number;
  readonly #folder: string;
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string) {
    this.#port = port;
    this.#folder = folder;
    this.url = `redis://127.0.0.1:${port}`;
  }

  static async start(): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), await mkdtemp(path.join(tmpdir(), "ledgercore-redis-")));
    await server.start();
    return server;
  }

  /** Of the process that runs now. */
  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  /** Starts it where it was before. */
  async start(): Promise<void> {
    const settings = {
      bind: "127.0.0.1",
      port: String(this.#port),
      save: "",
      appendonly: "no",
      dir: this.#folder,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
    const started = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#process = started;
    // Whatever ends this process, it does not stay behind.
    const kill = () => started.kill("SIGKILL");
    process.once("exit", kill);
    started.once("exit", () => process.off("exit", kill));
    await new Promise<void>((resolve, reject) => {
      started.once("exit", (code) => reject(new Error(`redis-server ended with ${code}.`)));
      createInterface(started.stdout).on("line", (line) => {
        if (line.includes("Ready to accept connections")) resolve();
      });
    });
  }

  /** Ends it; what it had not sent is gone. */
  async crash(): Promise<void> {
    const ended = new Promise((resolve) => this.#process?.once("exit", resolve));
    this.#process?.kill("SIGKILL");
    await ended;
  }

  async stop(): Promise<void> {
    await this.crash();
    await rm(this.#folder, { recursive: true });
  }

  /** What an application's own Redis client does. */
  async publisher(): Promise<RedisPublisher> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } });
    // It fails with the server; what is published then fails too.
    client.on("error", () => {});
    await client.connect();
    return {
      publish: (channel, message) =>
        client.publish(channel, typeof message === "string" ? message : JSON.stringify(message)),
      subscribers: async (channel) => (await client.pubSubNumSub([channel]))[channel] ?? 0,
      close: () => client.isOpen && client.destroy(),
    };
  }
}

export interface RedisPublisher {
  /** Resolves to how many subscribers it went to. */
  publish(channel: string, message: unknown): Promise<number>;
  subscribers(channel: string): Promise<number>;
  close(): void;
}
