import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { stopChild, track } from "../lib/children.ts";
import type { Compatibility } from "../lib/compatibility.ts";

/** The package's main module exports the path of the platform's binary. */
export const WORKERD: string = createRequire(import.meta.url)("workerd").default;

export interface WorkerdOptions extends Compatibility {
  /** Source of the Worker, one ES module. */
  readonly script: string;
  readonly vars: Readonly<Record<string, string>>;
  /** Binding → class of each Durable Object namespace. */
  readonly namespaces: Readonly<Record<string, string>>;
  /** Whether its folder is to be in memory, where the platform has such a file system. */
  readonly inMemory?: boolean;
  /** Where its inspector listens, on this machine; there is none unless told. */
  readonly inspectorPort?: number | undefined;
}

export interface Workerd {
  readonly url: URL;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A file system in memory. */
const MEMORY = "/dev/shm";
const START_TIMEOUT_MS = 15_000;
/** How much of what workerd says is kept for an error message. */
const MAX_LOG_CHARS = 4_000;

const quote = (text: string): string => JSON.stringify(text);

const configOf = ({ compatibilityDate, compatibilityFlags, vars, namespaces }: WorkerdOptions): string => {
  const bindings = [
    ...Object.entries(namespaces).map(
      ([name, className]) => `(name = ${quote(name)}, durableObjectNamespace = ${quote(className)})`,
    ),
    ...Object.entries(vars).map(([name, text]) => `(name = ${quote(name)}, text = ${quote(text)})`),
  ];
  const classes = Object.values(namespaces).map(
    (name) => `(className = ${quote(name)}, uniqueKey = ${quote(`bench-${name}`)}, enableSql = true)`,
  );
  // Port 0: the system picks a free one, and workerd reports it.
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main), (name = "disk", disk = (path = "storage", writable = true)) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ] );
const main :Workerd.Worker = (
  modules = [ (name = "index.js", esModule = embed "index.js") ],
  compatibilityDate = ${quote(compatibilityDate)},
  compatibilityFlags = [ ${compatibilityFlags.map(quote).join(", ")} ],
  bindings = [ ${bindings.join(",\n    ")} ],
  durableObjectNamespaces = [ ${classes.join(", ")} ],
  durableObjectStorage = (localDisk = "disk") );
`;
};

/** The port that workerd reports on its control pipe once it listens. */
const listeningPort = async (control: Readable): Promise<number | undefined> => {
  let text = "";
  for await (const chunk of control.setEncoding("utf8")) {
    text += chunk;
    const port = /"event":"listen".*"port":(\d+)/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  return undefined;
};

/** Starts `workerd serve` in a folder of its own that goes when it stops. */
export const startWorkerd = async (options: WorkerdOptions): Promise<Workerd> => {
  const parent = options.inMemory === true && process.platform === "linux" ? MEMORY : os.tmpdir();
  const folder = await mkdtemp(path.join(parent, "realtime-bench-"));
  await writeFile(path.join(folder, "index.js"), options.script);
  // Holds the run's secrets.
  await writeFile(path.join(folder, "config.capnp"), configOf(options), { mode: 0o600 });
  await mkdir(path.join(folder, "storage"));
  const { inspectorPort } = options;
  const inspector = inspectorPort === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspectorPort}`];
  const child = track(
    spawn(WORKERD, ["serve", "config.capnp", "--control-fd=3", ...inspector], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    }),
  );
  let said = "";
  const listen = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-MAX_LOG_CHARS);
  };
  child.stdout?.on("data", listen);
  child.stderr?.on("data", listen);
  const stop = async (): Promise<void> => {
    await stopChild(child);
    await rm(folder, { recursive: true, force: true });
  };
  const timer = setTimeout(() => child.kill("SIGKILL"), START_TIMEOUT_MS);
  const port = await listeningPort(child.stdio[3] as Readable);
  clearTimeout(timer);
  if (port === undefined || child.pid === undefined) {
    await stop();
    throw new Error(`workerd did not start.\n${said}`);
  }
  return { url: new URL(`http://127.0.0.1:${port}`), pid: child.pid, stop };
};
