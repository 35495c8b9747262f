import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bar } from "../../../src/events/bar.ts";
import { LatestBars } from "../../../src/rooms/latest-bars.ts";
import { bar } from "./market-bars.ts";

const MANY = 1_000_000;

const of = (bars: readonly Bar[], size = 3, chars = MANY): LatestBars => {
  const latest = new LatestBars(size, chars);
  for (const one of bars) latest.add(one);
  return latest;
};

describe("MKT-2 the latest bars", () => {
  it("are in the order of time, then of venues, whatever order they came in", () => {
    const sorted = [bar(1, { venue: "b" }), bar(2), bar(2, { venue: "a" }), bar(2, { venue: "b" }), bar(3)];
    fc.assert(
      fc.property(fc.shuffledSubarray(sorted, { minLength: 5 }), (shuffled) => {
        expect(of(shuffled, 5).series).toEqual(sorted);
      }),
    );
  });

  it("are the last so many, each in its newest state", () => {
    const latest = of([bar(1), bar(2), bar(3), bar(2, { close: 9 }), bar(4)]);
    expect(latest.series).toEqual([bar(2, { close: 9 }), bar(3), bar(4)]);
    latest.add(bar(1, { close: 9 }));
    latest.add(bar(4, { close: 9 }));
    expect(latest.series).toEqual([bar(2, { close: 9 }), bar(3), bar(4, { close: 9 })]);
  });

  it("have of each venue the newest, though others have many since", () => {
    const quiet = [bar(1, { venue: "quiet" }), bar(2, { venue: "quiet", close: 9 })];
    const latest = of([...quiet, bar(10), bar(11), bar(12), bar(13)]);
    expect(latest.series).toEqual([quiet[1], bar(12), bar(13)]);
  });

  it("are so many as fit, but for the newest of each venue", () => {
    const chars = JSON.stringify(bar(10)).length + 1;
    const bars = [bar(10), bar(11), bar(12)];
    expect(of(bars, 3, 2 * chars).series).toEqual(bars.slice(1));
    expect(of(bars, 3, 2 * chars - 1).series).toEqual(bars.slice(2));
    expect(of(bars, 3, 1).series).toEqual(bars.slice(2));
  });

  it("can be forgotten", () => {
    const latest = of([bar(1), bar(2), bar(3)]);
    expect(latest.keep(() => true)).toBe(false);
    expect(latest.keep(({ timestamp }) => timestamp > 1)).toBe(true);
    expect(latest.series).toEqual([bar(2), bar(3)]);
  });
});
