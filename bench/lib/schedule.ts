import { setTimeout as sleep } from "node:timers/promises";
import { monotonicMs } from "./clock.ts";

export interface ScheduleOptions {
  /** When the first tick is due, see `monotonicMs`; now, unless told. */
  readonly startAt?: number;
  readonly intervalMs: number;
  readonly ticks: number;
  readonly signal: AbortSignal;
  readonly now?: () => number;
  readonly wait?: (ms: number) => Promise<unknown>;
}

/**
 * Calls `onTick` when each tick is due, whatever became of the ones before: a busy server does not slow it. Ticks are due
 * at multiples of the interval, so a late timer delays its own tick only; overdue ones follow at once. Resolves
 * after the last; throws when aborted.
 */
export const runSchedule = async (
  { startAt, intervalMs, ticks, signal, now = monotonicMs, wait = sleep }: ScheduleOptions,
  onTick: (tick: number, dueMs: number) => void,
): Promise<void> => {
  const first = startAt ?? now();
  for (let tick = 0; tick < ticks; tick++) {
    signal.throwIfAborted();
    const dueMs = first + tick * intervalMs;
    // Timers count whole milliseconds: rounded down, they would fire before it is due.
    const early = Math.ceil(dueMs - now());
    if (early > 0) await wait(early);
    onTick(tick, dueMs);
  }
};
