import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const LINUX = process.platform === "linux";

/** Ticks a second of the times in /proc; 100 on practically every machine, but not by definition. */
const ticksPerSecond = LINUX ? Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })) : 0;

/** User and system time that processes have used, in ms; `undefined` where the platform does not tell. */
export const cpuMs = (pids: readonly number[]): number | undefined => {
  if (!LINUX) return undefined;
  return pids.reduce((sum, pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command's name, in parentheses, may hold spaces: count the fields after it. See proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [user, system] = [Number(fields[11]), Number(fields[12])];
    return sum + ((user + system) * 1_000) / ticksPerSecond;
  }, 0);
};
