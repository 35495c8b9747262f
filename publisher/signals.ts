import type { Publisher } from "./publisher.ts";

/** The part of Node's `process` that is used. */
export interface SignalSource {
  readonly pid: number;
  once(signal: string, listener: () => void): unknown;
  off(signal: string, listener: () => void): unknown;
  listenerCount(signal: string): number;
  kill(pid: number, signal: string): unknown;
}

export interface SignalOptions {
  readonly signals?: readonly string[];
  /** How long the events that wait may take: 10 s. */
  readonly timeoutMs?: number;
  /** Instead of the program's own `process`. */
  readonly process?: SignalSource;
}

/**
 * On Node: when the process is told to end, closes the publisher first. The signal is then sent again, so
 * that the process ends as it would have, unless the program listens to it and so ends by itself. A second
 * signal is not waited with. Returns a function that undoes it.
 */
export const closeOnSignal = (
  publisher: Pick<Publisher, "close">,
  {
    signals = ["SIGTERM", "SIGINT"],
    timeoutMs = 10_000,
    process = (globalThis as unknown as { process: SignalSource }).process,
  }: SignalOptions = {},
): (() => void) => {
  const listeners = signals.map((signal) => {
    const listener = async () => {
      undo();
      await publisher.close({ timeoutMs });
      if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    };
    return [signal, listener] as const;
  });
  const undo = () => {
    for (const [signal, listener] of listeners) process.off(signal, listener);
  };
  for (const [signal, listener] of listeners) process.once(signal, listener);
  return undo;
};
