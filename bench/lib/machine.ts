import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import os from "node:os";
import { WORKERD } from "../servers/workerd.ts";

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly os: string;
  /** By the program's or package's name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly date: string;
}

const require = createRequire(import.meta.url);

const packageVersion = (name: string): string => require(`${name}/package.json`).version;

/** `undefined` where there is none. */
const redisVersion = (): string | undefined => {
  try {
    return /v=(\S+)/.exec(execFileSync("redis-server", ["--version"], { encoding: "utf8" }))?.[1];
  } catch {
    return undefined;
  }
};

/** What a figure depends on, to be printed beside it. */
export const describeMachine = (): Machine => {
  const redis = redisVersion();
  return {
    cpus: os.availableParallelism(),
    model: os.cpus()[0]?.model.trim() ?? "unknown",
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    os: `${os.type()} ${os.release()}`,
    versions: {
      Node: process.version.slice(1),
      workerd: execFileSync(WORKERD, ["--version"], { encoding: "utf8" }).trim().replace("workerd ", ""),
      "socket.io": packageVersion("socket.io"),
      "@socket.io/redis-adapter": packageVersion("@socket.io/redis-adapter"),
      ...(redis !== undefined && { "redis-server": redis }),
    },
    date: new Date().toISOString(),
  };
};

/** Processes wanting a CPU, averaged over the last minute: tells a quiet machine from a busy one. */
export const loadAverage = (): number => os.loadavg()[0] ?? 0;

/** A sentence for people; of the programs, those that are named. */
export const formatMachine = (
  { cpus, model, memoryGiB, os, versions, date }: Machine,
  names = Object.keys(versions),
): string => {
  const programs = names.map((name) => `${name} ${versions[name]}`);
  return `${cpus} CPUs (${model}), ${memoryGiB} GiB, ${os}; ${programs.join(", ")}; ${date.slice(0, 10)}.`;
};
