import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** Grace between asking a process to end and ending it. */
const GRACE_MS = 3_000;

const children = new Set<ChildProcess>();

// Whatever ends this process, including an uncaught error, nothing it started stays behind.
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** Notes a process that must not outlive this one. */
export const track = <Child extends ChildProcess>(child: Child): Child => {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
};

const hasExited = (child: ChildProcess): boolean =>
  child.pid === undefined || child.exitCode !== null || child.signalCode !== null;

/** Resolves when the process is gone. */
export const stopChild = async (child: ChildProcess): Promise<void> => {
  if (hasExited(child)) return;
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
  child.kill("SIGTERM");
  await exited;
  clearTimeout(timer);
};
