import { setTimeout } from "node:timers/promises";

/** Seldom enough for what one socket may ask in a second. */
const INTERVAL_MS = 50;

/** Whether the condition holds before `withinMs` have passed. */
export const eventually = async (
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<boolean> => {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() > deadline) return false;
    await setTimeout(INTERVAL_MS);
  }
};
