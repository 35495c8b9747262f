import { execFileSync } from "node:child_process";
import os from "node:os";
import { WORKERD } from "../servers/workerd.ts";

export interface Machine {
  readonly cpus: number;
  readonly model: string;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  readonly workerd: string;
  readonly date: string;
}

/** What a figure depends on, to be printed beside it. */
export const describeMachine = (): Machine => ({
  cpus: os.availableParallelism(),
  model: os.cpus()[0]?.model.trim() ?? "unknown",
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  os: `${os.type()} ${os.release()}`,
  node: process.version,
  workerd: execFileSync(WORKERD, ["--version"], { encoding: "utf8" }).trim(),
  date: new Date().toISOString(),
});

/** Processes wanting a CPU, averaged over the last minute: tells a quiet machine from a busy one. */
export const loadAverage = (): number => os.loadavg()[0] ?? 0;
