import { err, ok, type Result } from "./result.ts";

/** A span back from now such as `24h`, or bounds in ms since the epoch, `from` included, `to` not. */
export type Window = string | TimeRange;

export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: Readonly<Record<string, number>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

const SPAN = /^(\d{1,9})([smhdw])$/;

/**
 * The range in ms that a window means at `now`: `from` is in it, `to` is not. A span reaches back from now, `now`
 * itself included, and not beyond the epoch. Fails with a sentence that says what to write instead.
 */
export const parseWindow = (window: Window, now: number): Result<TimeRange, string> => {
  if (typeof window !== "string") {
    if (window.from < window.to) return ok({ from: window.from, to: window.to });
    return err("The window is empty: from must be before to, which is not part of it.");
  }
  const [, count, unit] = SPAN.exec(window) ?? [];
  const span = Number(count) * (UNITS[unit ?? ""] ?? Number.NaN);
  if (!(span > 0)) {
    return err(
      'Write the window as a span such as "90s", "15m", "24h", "7d" or "2w", or as {from, to} in ms.',
    );
  }
  return ok({ from: Math.max(0, now - span), to: now + 1 });
};
