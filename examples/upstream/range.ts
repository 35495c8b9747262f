import { invalid } from "./contract.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7, w: 6.048e8 };

/** The bounds in ms of a window: as given, or a span back from now. */
export const rangeOf = (window: string | { from: number; to: number }): { from: number; to: number } => {
  if (typeof window !== "string") return window;
  const [, count, unit = ""] = /^(\d{1,9})([smhdw])$/.exec(window) ?? [];
  const span = Number(count) * (UNITS[unit] ?? Number.NaN);
  if (Number.isNaN(span)) throw invalid('Write the window as "90s", "24h" or "7d", or as {from, to} in ms.');
  return { from: Date.now() - span, to: Date.now() + 1 };
};
