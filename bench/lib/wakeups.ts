import { readdirSync, readFileSync } from "node:fs";

/**
 * How often the threads of processes have gone to sleep of their own will, each time to be woken again: voluntary
 * context switches, see proc_pid_status(5). `undefined` where the platform does not tell.
 */
export const wakeUps = (pids: readonly number[]): number | undefined => {
  if (process.platform !== "linux") return undefined;
  const tasks = pids.flatMap((pid) =>
    readdirSync(`/proc/${pid}/task`).map((tid) => `/proc/${pid}/task/${tid}`),
  );
  return tasks.reduce((sum, task) => {
    const status = readFileSync(`${task}/status`, "utf8");
    return sum + Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  }, 0);
};
