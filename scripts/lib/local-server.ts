import { lookup } from "node:dns/promises";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { ROOT, runWrangler } from "./wrangler.ts";

const DIST = path.join(ROOT, "dist");

/** Builds the Worker into dist/, exactly as it would be deployed. Servers may start from dist/ meanwhile. */
export const build = async (): Promise<void> => {
  await mkdir(DIST, { recursive: true });
  const outdir = await mkdtemp(path.join(DIST, "build-"));
  try {
    await runWrangler(["deploy", "--dry-run", "--outdir", outdir], "The build failed.");
    for (const file of await readdir(outdir)) await rename(path.join(outdir, file), path.join(DIST, file));
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
};

export interface LocalServerOptions {
  readonly host: string;
  readonly port: number;
  /** Folder that outlives the server; without it, state is gone with it. */
  readonly persist?: string;
  /** Whether to read .dev.vars. */
  readonly devVars?: boolean;
  /** Variables over those of wrangler.toml and .dev.vars. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Ingest requests per token and 10 s, instead of wrangler.toml's. */
  readonly ingestLimit?: number;
  /** Source of a module to run instead of the built index.js, which it can import. */
  readonly entry?: string;
  /** Gets what the service logs, line by line; without it, lines go to the console. */
  readonly onLog?: (line: string) => void;
}

export interface LocalServer {
  readonly url: URL;
  readonly miniflare: Miniflare;
  stop(): Promise<void>;
}

const WORKER = "ledgercore-realtime";

/**
 * Serves the built Worker from dist/ on workerd, through Miniflare, with the bindings of wrangler.toml and the
 * variables of .dev.vars. Resolves when it answers.
 */
export const startServer = async (options: LocalServerOptions): Promise<LocalServer> => {
  const configPath = path.join(ROOT, "wrangler.toml");
  const { workerOptions } = unstable_getMiniflareWorkerOptions(configPath);
  const { persist, vars, ingestLimit, entry, onLog } = options;
  const miniflare = new Miniflare({
    host: options.host,
    port: options.port,
    // Without it Miniflare looks for a location to pretend to be, on the network.
    cf: {},
    log: new Log(LogLevel.ERROR),
    ...(onLog !== undefined && {
      handleRuntimeStdio: (...streams: Readable[]) => {
        for (const stream of streams) createInterface(stream).on("line", onLog);
      },
    }),
    ...(persist !== undefined && {
      durableObjectsPersist: path.join(persist, "do"),
      kvPersist: path.join(persist, "kv"),
    }),
    workers: [
      {
        ...workerOptions,
        name: WORKER,
        rootPath: DIST,
        modules: [
          ...(entry === undefined ? [] : [{ type: "ESModule" as const, path: "entry.js", contents: entry }]),
          { type: "ESModule", path: "index.js" },
        ],
        ...(ingestLimit !== undefined && {
          ratelimits: {
            INGEST_RATE_LIMIT: { namespace_id: "1001", simple: { limit: ingestLimit, period: 10 } },
          },
        }),
        bindings: {
          ...(options.devVars ? workerOptions.bindings : unstable_readConfig({ config: configPath }).vars),
          ...vars,
        },
      },
    ],
  });
  const url = await miniflare.ready;
  return { url, miniflare, stop: () => miniflare.dispose() };
};

/** Whether nothing listens on the port yet, at any address of the host. */
export const portIsFree = async (host: string, port: number): Promise<boolean> => {
  const addresses = await lookup(host, { all: true });
  const free = await Promise.all(addresses.map(({ address }) => addressIsFree(address, port)));
  return free.every(Boolean);
};

const addressIsFree = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    // An address that this machine does not have is held by nobody.
    probe.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== "EADDRINUSE" && code !== "EACCES"),
    );
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
