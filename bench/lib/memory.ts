import { readFileSync } from "node:fs";

/** Resident memory of processes in bytes; `undefined` where the platform does not tell. See proc_pid_status(5). */
export const residentBytes = (pids: readonly number[]): number | undefined => {
  if (process.platform !== "linux") return undefined;
  return pids.reduce((sum, pid) => {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return sum + Number(kilobytes) * 1_024;
  }, 0);
};
