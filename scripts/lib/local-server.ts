import { lookup } from "node:dns/promises";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { Log, LogLevel, Miniflare, type WorkerOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { ROOT, runWrangler } from "./wrangler.ts";

/** A Worker of this repository. */
export interface Project {
  /** Its wrangler.toml. */
  readonly config: string;
  /** Where it is built to, and served from. */
  readonly dist: string;
}

export const SERVICE: Project = {
  config: path.join(ROOT, "wrangler.toml"),
  dist: path.join(ROOT, "dist"),
};

/** Builds a Worker, exactly as it would be deployed. Servers may start from its folder meanwhile. */
export const build = async ({ config, dist }: Project): Promise<void> => {
  await mkdir(dist, { recursive: true });
  const outdir = await mkdtemp(path.join(dist, "build-"));
  try {
    await runWrangler(["deploy", "--dry-run", "--config", config, "--outdir", outdir], "The build failed.");
    for (const file of await readdir(outdir)) await rename(path.join(outdir, file), path.join(dist, file));
  } finally {
    await rm(outdir, { recursive: true, force: true });
  }
};

export interface LocalServerOptions {
  readonly project: Project;
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
  /** Further copies of the Worker, at ports of their own, which share its Durable Objects; none unless told. */
  readonly fronts?: number;
  /** Other Workers beside it, which may bind its queues and its entrypoints. */
  readonly others?: readonly WorkerOptions[];
  /** Whether workerd's inspector is to be reachable. */
  readonly inspect?: boolean;
  /** Gets what the service logs, line by line; without it, lines go to the console. */
  readonly onLog?: (line: string) => void;
}

export interface LocalServer {
  readonly url: URL;
  /** Where the further copies of the Worker answer. */
  readonly fronts: readonly URL[];
  readonly miniflare: Miniflare;
  /** The inspector of the isolate that runs the Worker and its objects, with `inspect`. */
  inspectorUrl(): Promise<URL>;
  stop(): Promise<void>;
}

/**
 * Serves a built Worker on workerd, through Miniflare, with the bindings of its wrangler.toml and the variables of
 * .dev.vars. Its port is workerd's own: behind Miniflare's proxy a Worker does not hear that a client has gone.
 * Resolves when it answers.
 */
export const startServer = async (options: LocalServerOptions): Promise<LocalServer> => {
  const { project, host, port, persist, vars, ingestLimit, entry, onLog } = options;
  const { workerOptions } = unstable_getMiniflareWorkerOptions(project.config);
  const config = unstable_readConfig({ config: project.config });
  const name = config.name ?? "";
  const worker = {
    ...workerOptions,
    name,
    rootPath: project.dist,
    unsafeDirectSockets: [{ host, port }],
    modules: [
      ...(entry === undefined ? [] : [{ type: "ESModule" as const, path: "entry.js", contents: entry }]),
      { type: "ESModule" as const, path: "index.js" },
    ],
    ...(ingestLimit !== undefined && {
      ratelimits: {
        INGEST_RATE_LIMIT: { namespace_id: "1001", simple: { limit: ingestLimit, period: 10 } },
      },
    }),
    bindings: {
      ...(options.devVars ? workerOptions.bindings : config.vars),
      ...vars,
    },
  };
  const fronts = Array.from({ length: options.fronts ?? 0 }, (_, index) => `front-${index + 1}`);
  const miniflare = new Miniflare({
    // Without it Miniflare looks for a location to pretend to be, on the network.
    cf: {},
    log: new Log(LogLevel.ERROR),
    ...(options.inspect && { inspectorPort: 0 }),
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
      worker,
      ...fronts.map((front) => ({
        ...worker,
        name: front,
        unsafeDirectSockets: [{ host, port: 0 }],
        // A queue has one consumer.
        queueConsumers: {},
        durableObjects: Object.fromEntries(
          config.durable_objects.bindings.map((binding: { name: string; class_name: string }) => [
            binding.name,
            { className: binding.class_name, scriptName: name },
          ]),
        ),
      })),
      ...(options.others ?? []),
    ],
  });
  await miniflare.ready;
  return {
    url: await miniflare.unsafeGetDirectURL(name),
    fronts: await Promise.all(fronts.map((front) => miniflare.unsafeGetDirectURL(front))),
    miniflare,
    // workerd names the isolates in its inspector; Miniflare calls a user's Worker so.
    inspectorUrl: async () => new URL(`/core:user:${name}`, await miniflare.getInspectorURL()),
    stop: () => miniflare.dispose(),
  };
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
