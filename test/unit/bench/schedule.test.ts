import { expect, it } from "vitest";
import { runSchedule } from "../../../bench/lib/schedule.ts";

/** A clock that stands still but for who waits and who works. */
const createClock = () => {
  let ms = 1_000;
  return {
    now: () => ms,
    wait: async (wanted: number) => {
      // Like a real timer a little late.
      ms += wanted + 0.25;
    },
    work: (took: number) => {
      ms += took;
    },
  };
};

const signal = new AbortController().signal;

it("ticks are due at multiples of the interval, however late the ones before were", async () => {
  const { now, wait } = createClock();
  const ticks: [tick: number, dueMs: number, late: number][] = [];
  await runSchedule({ intervalMs: 10.5, ticks: 4, signal, now, wait }, (tick, dueMs) => {
    ticks.push([tick, dueMs, now() - dueMs]);
  });
  expect(ticks.map(([tick, dueMs]) => [tick, dueMs])).toEqual([
    [0, 1_000],
    [1, 1_010.5],
    [2, 1_021],
    [3, 1_031.5],
  ]);
  for (const [, , late] of ticks) {
    expect(late).toBeGreaterThanOrEqual(0);
    expect(late).toBeLessThan(1.5);
  }
});

it("overdue ticks follow at once, with the times they were due", async () => {
  const { now, wait, work } = createClock();
  const late: number[] = [];
  await runSchedule({ intervalMs: 10, ticks: 4, signal, now, wait }, (tick, dueMs) => {
    late.push(now() - dueMs);
    if (tick === 0) work(25);
  });
  expect(late).toEqual([0, 15, 5, 0.25]);
});

it("ends when aborted", async () => {
  const { now, wait } = createClock();
  const stopping = new AbortController();
  let ticks = 0;
  const run = runSchedule({ intervalMs: 10, ticks: 10, signal: stopping.signal, now, wait }, () => {
    if (++ticks === 2) stopping.abort(new Error("Stopped."));
  });
  await expect(run).rejects.toThrow("Stopped.");
  expect(ticks).toBe(2);
});
