import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Arrival, type Flow, spread } from "../../../../../src/backends/embedded/compliance/haircut.ts";

const flow = (counterparty: string, timestamp: number, amount: number): Flow => ({
  counterparty,
  timestamp,
  amount,
});

const sharesOf = ({ passed }: ReturnType<typeof spread>): Record<string, number> => {
  const shares: Record<string, number> = {};
  for (const { counterparty, share } of passed) shares[counterparty] = (shares[counterparty] ?? 0) + share;
  return shares;
};

describe("what leaves an address is made of all that had reached it, in proportion", () => {
  it("one arrival", () => {
    const flows = [flow("a", 1, 20), flow("b", 2, 60), flow("c", 4, 920)];
    const result = spread("in", flows, [{ time: 3, share: 0.4 }]);
    expect(sharesOf(result)).toEqual({ a: expect.closeTo(0.1), b: expect.closeTo(0.3) });
    expect(result.passed.map(({ time }) => time).sort()).toEqual([1, 2]);
    expect(result.ended).toBe(0);
  });

  it("several arrivals, each as of its time", () => {
    const flows = [flow("a", 1, 20), flow("b", 2, 60), flow("c", 4, 20)];
    // As of 3: a 1/4, b 3/4. As of 5: a 1/5, b 3/5, c 1/5.
    const result = spread("in", flows, [
      { time: 5, share: 0.5 },
      { time: 3, share: 0.4 },
    ]);
    expect(sharesOf(result)).toEqual({
      a: expect.closeTo(0.1 + 0.1),
      b: expect.closeTo(0.3 + 0.3),
      c: expect.closeTo(0.1),
    });
  });

  it("going out, only what was sent since counts", () => {
    const flows = [flow("a", 1, 1_000), flow("b", 3, 10), flow("c", 4, 30)];
    const result = spread("out", flows, [{ time: 3, share: 1 }]);
    expect(sharesOf(result)).toEqual({ b: expect.closeTo(0.25), c: expect.closeTo(0.75) });
  });

  it("what no flow explains has ended", () => {
    expect(spread("in", [flow("a", 5, 1)], [{ time: 4, share: 0.7 }])).toEqual({ passed: [], ended: 0.7 });
    expect(spread("out", [flow("a", 3, 1)], [{ time: 4, share: 0.7 }])).toEqual({ passed: [], ended: 0.7 });
    expect(spread("in", [], [{ time: Number.POSITIVE_INFINITY, share: 1 }])).toEqual({
      passed: [],
      ended: 1,
    });
    expect(spread("in", [flow("a", 1, 0)], [{ time: 2, share: 1 }])).toEqual({ passed: [], ended: 1 });
  });
});

const flows = fc.array(
  fc.record({
    counterparty: fc.constantFrom("a", "b", "c", "d"),
    timestamp: fc.nat({ max: 10 }),
    amount: fc.constantFrom(0, 0.1, 1, 2.5, 1e-18, 1e18, 7),
  }),
  { maxLength: 12 },
);
const arrivals = fc.array(
  fc.record({
    time: fc.oneof(fc.nat({ max: 11 }), fc.constant(Number.POSITIVE_INFINITY)),
    share: fc.constantFrom(0.001, 0.1, 0.25),
  }),
  { minLength: 1, maxLength: 5 },
);

/** The same, arrival by arrival. */
const naive = (all: readonly Flow[], arrived: readonly Arrival[]): Record<string, number> => {
  const shares: Record<string, number> = {};
  for (const { time, share } of arrived) {
    const before = all.filter(({ timestamp, amount }) => timestamp <= time && amount > 0);
    const total = before.reduce((sum, { amount }) => sum + amount, 0);
    for (const { counterparty, amount } of before) {
      shares[counterparty] = (shares[counterparty] ?? 0) + (share * amount) / total;
    }
  }
  return shares;
};

it("agrees with dividing each arrival by itself", () => {
  fc.assert(
    fc.property(flows, arrivals, (all, arrived) => {
      const expected = naive(all, arrived);
      const shares = sharesOf(spread("in", all, arrived));
      expect(Object.keys(shares).sort()).toEqual(Object.keys(expected).sort());
      for (const [counterparty, share] of Object.entries(expected)) {
        expect(shares[counterparty]).toBeCloseTo(share, 12);
      }
    }),
  );
});

it("going out is coming in with the time turned round", () => {
  fc.assert(
    fc.property(flows, arrivals, (all, arrived) => {
      const turned = all.map(({ timestamp, ...rest }) => ({ ...rest, timestamp: -timestamp }));
      const out = spread(
        "out",
        turned,
        arrived.map(({ time, share }) => ({ time: -time, share })),
      );
      expect(sharesOf(out)).toEqual(sharesOf(spread("in", all, arrived)));
    }),
  );
});

it("nothing is lost, and the order of flows and arrivals does not matter", () => {
  fc.assert(
    fc.property(flows, arrivals, fc.infiniteStream(fc.nat()), (all, arrived, random) => {
      const { passed, ended } = spread("in", all, arrived);
      const total = passed.reduce((sum, { share }) => sum + share, ended);
      expect(total).toBeCloseTo(
        arrived.reduce((sum, { share }) => sum + share, 0),
        12,
      );
      const shuffled = <T>(items: readonly T[]): T[] =>
        items
          .map((item) => ({ item, key: random.next().value }))
          .sort((a, b) => a.key - b.key)
          .map(({ item }) => item);
      expect(spread("in", shuffled(all), shuffled(arrived))).toEqual({ passed, ended });
    }),
  );
});
