import { describe, expect, it } from "vitest";
import { parseWindow } from "../../../src/lib/time-window.ts";

const NOW = Date.UTC(2026, 10, 22, 12);

describe("a time window", () => {
  it.each([
    ["1s", 1_000],
    ["90s", 90_000],
    ["15m", 900_000],
    ["24h", 86_400_000],
    ["7d", 604_800_000],
    ["2w", 1_209_600_000],
  ])("%s reaches back from now, now included", (window, span) => {
    expect(parseWindow(window, NOW)).toEqual({ ok: true, value: { from: NOW - span, to: NOW + 1 } });
  });

  it("begins at the epoch if its span reaches further back", () => {
    expect(parseWindow("999999w", NOW)).toEqual({ ok: true, value: { from: 0, to: NOW + 1 } });
  });

  it("may be bounds in ms", () => {
    expect(parseWindow({ from: 5, to: 6 }, NOW)).toEqual({ ok: true, value: { from: 5, to: 6 } });
  });

  it.each([
    { from: 5, to: 5 },
    { from: 6, to: 5 },
  ])("is refused if nothing is in it: %o", (window) => {
    expect(parseWindow(window, NOW)).toEqual({ ok: false, error: expect.stringContaining("empty") });
  });

  it.each([
    "",
    "0s",
    "h",
    "24",
    "24 h",
    "-1h",
    "1.5h",
    "1M",
    "1y",
    "24H",
    "9999999999s",
    "1h1m",
    "__proto__",
  ])("is refused with a hint if it cannot be read: %j", (window) => {
    expect(parseWindow(window, NOW)).toEqual({ ok: false, error: expect.stringContaining('"24h"') });
  });
});
