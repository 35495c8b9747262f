import { readFileSync, writeFileSync } from "node:fs";

/** A field of proc_pid_status(5), in bytes and summed; `undefined` where the platform does not tell. */
const sumOf = (field: string, pids: readonly number[]): number | undefined => {
  if (process.platform !== "linux") return undefined;
  const pattern = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m");
  return pids.reduce((sum, pid) => {
    const kilobytes = pattern.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return sum + Number(kilobytes) * 1_024;
  }, 0);
};

/** Resident memory of processes in bytes; `undefined` where the platform does not tell. */
export const residentBytes = (pids: readonly number[]): number | undefined => sumOf("VmRSS", pids);

/** The most that they had resident since `resetPeak`; of several processes the sum of each one's own. */
export const peakBytes = (pids: readonly number[]): number | undefined => sumOf("VmHWM", pids);

/** From now on counts what `peakBytes` says; see proc_pid_clear_refs(5). */
export const resetPeak = (pids: readonly number[]): void => {
  if (process.platform !== "linux") return;
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
};
