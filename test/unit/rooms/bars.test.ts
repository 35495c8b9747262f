import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { Bar } from "../../../src/events/bar.ts";
import { Bars } from "../../../src/rooms/bars.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { bar } from "./market-bars.ts";

const RETENTION = 10_000;
const EVER = { from: 0, to: Number.MAX_SAFE_INTEGER };

let storage: TestStorage;
let bars: Bars;

const restart = () => {
  bars = new Bars(storage.sql, RETENTION);
};

beforeEach(() => {
  storage = new TestStorage();
  restart();
});

const add = (...all: readonly Bar[]) => all.map((one) => bars.add(one));

/** All bars of a venue, page by page. */
const read = (venue = "", limit = 1_000, range = EVER): Bar[] => {
  const all: Bar[] = [];
  for (let next: number | undefined = range.from; next !== undefined; ) {
    const page = bars.page(venue, { ...range, from: next }, limit);
    all.push(...page.bars);
    next = page.next;
  }
  return all;
};

describe("MKT-2 a market's bars", () => {
  it("MKT-1 come out as they went in, before they are saved, after it, and in the room's next life", () => {
    const odd: Bar[] = [
      bar(1, { open: "1.50", high: "0001", low: "0.10", close: "9007199254740993", volume: "0" }),
      bar(2, { open: 1.5, high: 9007199254740991, low: 1e-9, close: 1e300, volume: 0 }),
      bar(3, { open: "12345678901234567890.123456789", high: 2 ** 60, low: 0.1, close: 3, volume: "3" }),
    ];
    add(...odd);
    expect(read()).toStrictEqual(odd);
    bars.save();
    expect(read()).toStrictEqual(odd);
    restart();
    expect(read()).toStrictEqual(odd);
  });

  it("are of each time and venue the newest state", () => {
    add(bar(5), bar(5, { venue: "a" }), bar(5, { close: 8 }));
    bars.save();
    add(bar(5, { close: 9 }), bar(4));
    expect(read()).toEqual([bar(4), bar(5, { close: 9 })]);
    bars.save();
    restart();
    expect(read()).toEqual([bar(4), bar(5, { close: 9 })]);
    expect(read("a")).toStrictEqual([bar(5, { venue: "a" })]);
    expect(bars.venues).toEqual(["", "a"]);
  });

  it("are read in pages, of a range, saved or not, in the order of time", () => {
    const time = fc.nat(30);
    fc.assert(
      fc.property(
        fc.array(time),
        fc.array(time),
        time,
        time,
        fc.integer({ min: 1, max: 9 }),
        (saved, added, a, b, limit) => {
          storage = new TestStorage();
          restart();
          add(...saved.map((n) => bar(n, { close: "saved" })));
          bars.save();
          add(...added.map((n) => bar(n, { close: "added" })));
          const range = { from: Math.min(a, b), to: Math.max(a, b) };
          const expected = [...new Set([...saved, ...added])]
            .filter((n) => n >= range.from && n < range.to)
            .sort((x, y) => x - y)
            .map((n) => bar(n, { close: added.includes(n) ? "added" : "saved" }));
          expect(read("", limit, range)).toEqual(expected);
        },
      ),
    );
  });

  it("tell the newest before a time, and the newest so many", () => {
    add(bar(3), bar(1));
    bars.save();
    add(bar(5), bar(2));
    const before = [9, 5, 3, 2, 1].map((time) => bars.newestBefore("", time));
    expect(before).toEqual([5, 3, 2, 1, undefined]);
    bars.save();
    expect([6, 5, 3, 2, 1].map((time) => bars.newestBefore("", time))).toEqual([5, 3, 2, 1, undefined]);
    expect(bars.newest("", 2)).toEqual([bar(3), bar(5)]);
    expect(bars.newestBefore("unknown", 9)).toBeUndefined();
  });

  it("are written once, when they are saved, each as one row", () => {
    const written = () =>
      storage.sql.exec<{ n: number }>("SELECT total_changes() AS n").toArray()[0]?.n ?? Number.NaN;
    const before = written();
    add(bar(1), bar(1), bar(2));
    expect(written() - before).toBe(0);
    bars.save();
    // The venue is one more.
    expect(written() - before).toBe(3);
    add(bar(2));
    bars.save();
    bars.save();
    expect(written() - before).toBe(4);
  });

  it("are of at most 100 venues: the bars of another one are not kept, those of known ones are", () => {
    expect(add(...Array.from({ length: 100 }, (_, n) => bar(1, { venue: `v${n}` })))).not.toContain(false);
    expect(add(bar(1), bar(2, { venue: "v7" }))).toEqual([false, true]);
    bars.save();
    restart();
    expect(add(bar(1), bar(3, { venue: "v7" }))).toEqual([false, true]);
  });
});

describe("MKT-2 how long bars are kept", () => {
  const NOW = 1_000_000;

  it("is told by the newest bar of the venue: what is older than that by more goes", () => {
    add(bar(NOW - RETENTION - 1), bar(NOW - RETENTION), bar(NOW), bar(5, { venue: "still" }));
    expect(bars.trim(NOW + 500_000)).toBe(false);
    expect(read()).toEqual([bar(NOW - RETENTION), bar(NOW)]);
    expect(read("still")).toEqual([bar(5, { venue: "still" })]);
    restart();
    expect(read()).toEqual([bar(NOW - RETENTION), bar(NOW)]);
  });

  it("is not told by a bar that begins in the future", () => {
    add(bar(NOW - 2 * RETENTION), bar(NOW - RETENTION), bar(NOW + 1));
    bars.trim(NOW);
    expect(read()).toEqual([bar(NOW - 2 * RETENTION), bar(NOW - RETENTION), bar(NOW + 1)]);
    bars.trim(NOW + 1);
    expect(read()).toEqual([bar(NOW + 1)]);
    storage = new TestStorage();
    restart();
    add(bar(NOW + 1));
    expect(bars.trim(NOW)).toBe(false);
    expect(read()).toEqual([bar(NOW + 1)]);
  });

  it("leaves behind from when on they are complete; what comes late and is older is not kept", () => {
    add(bar(NOW - RETENTION - 1), bar(NOW));
    expect(bars.completeFrom("")).toBe(0);
    bars.trim(NOW);
    restart();
    expect(bars.completeFrom("")).toBe(NOW - RETENTION);
    expect(add(bar(NOW - RETENTION - 1), bar(NOW - RETENTION))).toEqual([false, true]);
    expect(read()).toEqual([bar(NOW - RETENTION), bar(NOW)]);
  });

  it("is longer for what is left of very many: they are removed 10,000 at a time", () => {
    add(...Array.from({ length: 25_000 }, (_, n) => bar(n)), bar(NOW));
    expect([bars.trim(NOW), read().length, bars.completeFrom("")]).toEqual([true, 15_001, 10_000]);
    expect([bars.trim(NOW), read().length]).toEqual([true, 5_001]);
    expect([bars.trim(NOW), read().length]).toEqual([false, 1]);
    expect(bars.completeFrom("")).toBe(NOW - RETENTION);
  });
});
