/** When to try again: exponential back-off with full jitter, after whatever the service asks to wait. */

export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/** `failures` counts from 1. */
export const backoffMs = (
  failures: number,
  { baseMs, capMs }: BackoffLimits,
  random: () => number,
  retryAfterMs = 0,
): number => retryAfterMs + random() * Math.min(capMs, baseMs * 2 ** (failures - 1));

/**
 * What `Retry-After` asks for: seconds, or a date, which is read against the answer's own `Date`, so that a
 * clock that is wrong here does no harm.
 */
export const retryAfterMs = (retryAfter: string | null, date: string | null): number | undefined => {
  if (retryAfter === null) return undefined;
  const ms = /^\s*\d+\s*$/.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - Date.parse(date ?? "");
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
};
