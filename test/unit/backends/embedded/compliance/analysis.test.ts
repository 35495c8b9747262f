import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Analysis,
  type AnalysisProgress,
  analyze,
} from "../../../../../src/backends/embedded/compliance/analysis.ts";
import type { ExposureSignal, Signal } from "../../../../../src/backends/embedded/compliance/signals.ts";
import { BOUNDS, Trace, type TraceBounds } from "../../../../../src/backends/embedded/compliance/trace.ts";
import { type LabelRow, label, TestDataset, type TransferRow, transfer } from "./dataset.ts";

interface Data {
  readonly transfers: readonly TransferRow[];
  readonly labels: readonly LabelRow[];
}

interface Run {
  readonly result: Analysis;
  readonly progress: readonly AnalysisProgress[];
}

const run = async (
  { transfers, labels }: Data,
  address: string,
  hops: number,
  bounds: TraceBounds = BOUNDS,
): Promise<Run> => {
  const dataset = new TestDataset();
  dataset.insert("transfers", transfers);
  dataset.insert("address_labels", labels);
  const own = await dataset.rpc.addressLabels("made-up", address);
  const options = { chain: "made-up", address, hops, labels: own.known ? own.value : [], bounds };
  const steps = analyze(dataset.rpc, options);
  const progress: AnalysisProgress[] = [];
  for (let step = await steps.next(); ; step = await steps.next()) {
    if (step.done) return { result: step.value, progress };
    progress.push(step.value);
  }
};

const isExposure = (signal: Signal): signal is ExposureSignal => signal.type === "exposure";

/** What the exposures say: direction, address, hops, share, points. */
const exposures = ({ signals }: Analysis) =>
  signals
    .filter(isExposure)
    .map(({ direction, address, hops, share, points }) => [direction, address, hops, share, points])
    .sort();

const paid = (timestamp: number, from: string, to: string, amount: string, usd: number | null = null) =>
  transfer({
    hash: `${timestamp}`,
    timestamp,
    from_address: from,
    to_address: to,
    amount,
    asset: "USDT",
    usd,
  });

/**
 * The worked example of docs/embedded.md. T received 80 USDT from A, 20 USDT from B and 2 ETH from the exchange E, worth
 * 80, 20 and 100 dollars. Half of the funds are USDT, of which A brought 80/100 and B 20/100; half are ETH, all of E.
 *
 *   E  0.5 of the funds, 1 hop.
 *   A  0.4 of the funds, at time 3. Until then A had 20 from the mixer M and 60 from the exchange X, so 2 hops away
 *      M has 0.4 * 20/80 = 0.1 and X has 0.4 * 60/80 = 0.3. What the sanctioned S sent to A at 4 came too late.
 *   B  0.1 of the funds, at time 6. All that B had until then it had from A, at 5: 2 hops away. Until then A had 20 from
 *      M, 60 from X and 20 from S, so 3 hops away M has 0.1 * 20/100 = 0.02, X 0.06 and S 0.02.
 *
 *   2 hops: 200 * 0.1 = 20. 3 hops: 200 * (0.1 + 0.02) + 500 * 0.02 = 24 + 10 = 34.
 *
 * T sent 30 USDT to the gambling site G and 70 to W at time 8. W has since sent 7 to the scam C and 63 to the exchange D;
 * what it sent to C at time 0 was not of T.
 *
 *   G  0.3, 1 hop.
 *   W  0.7: 2 hops away C has 0.7 * 7/70 = 0.07 and D has 0.7 * 63/70 = 0.63.
 *
 *   50 * 0.3 + 300 * 0.07 = 15 + 21 = 36.
 */
const EXAMPLE: Data = {
  transfers: [
    paid(1, "M", "A", "20"),
    paid(2, "X", "A", "60"),
    paid(3, "A", "T", "80", 80),
    paid(4, "S", "A", "20"),
    paid(5, "A", "B", "20"),
    paid(6, "B", "T", "20", 20),
    transfer({
      hash: "eth",
      timestamp: 6,
      from_address: "E",
      to_address: "T",
      asset: "ETH",
      amount: "2",
      usd: 100,
    }),
    paid(0, "W", "C", "1000"),
    paid(7, "T", "G", "30", 30),
    paid(8, "T", "W", "70", 70),
    paid(9, "W", "C", "7"),
    paid(10, "W", "D", "63"),
  ],
  labels: [
    label({ address: "M", category: "mixer", as_of: "2024-02-03" }),
    label({ address: "X" }),
    label({ address: "E" }),
    label({ address: "D" }),
    label({ address: "S", category: "sanctions" }),
    label({ address: "G", category: "gambling" }),
    label({ address: "C", category: "scam" }),
  ],
};

describe("the worked example of the documentation", () => {
  it("with 2 hops", async () => {
    const { result } = await run(EXAMPLE, "T", 2);
    expect(exposures(result)).toEqual([
      ["incoming", "E", 1, 0.5, 0],
      ["incoming", "M", 2, 0.1, 20],
      ["incoming", "X", 2, 0.3, 0],
      ["outgoing", "C", 2, 0.07, 21],
      ["outgoing", "D", 2, 0.63, 0],
      ["outgoing", "G", 1, 0.3, 15],
    ]);
    expect(result.scores).toEqual({ own: 0, incoming: 20, outgoing: 36 });
    expect(result).toMatchObject({ riskScore: 36, riskLevel: "medium" });
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "unattributed", direction: "incoming", share: 0.1, beyondHops: 0.1 }),
    );
    expect(result.signals).toContainEqual({
      type: "funds",
      detail: "The incoming funds are 3 transfers.",
      direction: "incoming",
      transfers: 3,
      assets: [
        { asset: "ETH", share: 0.5, transfers: 1, usd: "100.00", unvalued: 0 },
        { asset: "USDT", share: 0.5, transfers: 2, usd: "100.00", unvalued: 0 },
      ],
    });
  });

  it("with 3 hops", async () => {
    const { result } = await run(EXAMPLE, "T", 3);
    expect(exposures(result)).toEqual([
      ["incoming", "E", 1, 0.5, 0],
      ["incoming", "M", 2, 0.1, 20],
      ["incoming", "M", 3, 0.02, 4],
      ["incoming", "S", 3, 0.02, 10],
      ["incoming", "X", 2, 0.3, 0],
      ["incoming", "X", 3, 0.06, 0],
      ["outgoing", "C", 2, 0.07, 21],
      ["outgoing", "D", 2, 0.63, 0],
      ["outgoing", "G", 1, 0.3, 15],
    ]);
    expect(result.scores).toEqual({ own: 0, incoming: 34, outgoing: 36 });
    expect(result.signals.filter(({ type }) => type === "unattributed")).toEqual([]);
  });

  it("a signal names all that is needed to check it", async () => {
    const { result } = await run(EXAMPLE, "T", 2);
    expect(result.signals).toContainEqual({
      type: "exposure",
      detail: "10 % of the funds came from the mixer (mixer, as of 2024-02-03), 2 hops away.",
      direction: "incoming",
      hops: 2,
      share: 0.1,
      weight: 200,
      points: 20,
      address: "M",
      label: "the mixer",
      category: "mixer",
      jurisdiction: "",
      source: "a test",
      asOf: "2024-02-03",
    });
  });

  it("clusters are addresses with the same label, and those without", async () => {
    const { result } = await run(EXAMPLE, "T", 3);
    const direct = (transfers: number, usd: string) => ({ transfers, usd, unvalued: 0 });
    expect(result.clusters.filter(({ role }) => role === "source")).toEqual([
      {
        ...{ role: "source", category: "exchange", label: "the label" },
        ...{ addresses: ["E", "X"], addressCount: 2, share: 0.86, hops: 1, direct: direct(1, "100.00") },
      },
      {
        ...{ role: "source", category: "", label: "" },
        ...{ addresses: ["A", "B"], addressCount: 2, share: 0.5, hops: 1, direct: direct(2, "100.00") },
      },
      {
        ...{ role: "source", category: "mixer", label: "the mixer" },
        ...{ addresses: ["M"], addressCount: 1, share: 0.12, hops: 2, direct: direct(0, "0.00") },
      },
      {
        ...{ role: "source", category: "sanctions", label: "the sanctions" },
        ...{ addresses: ["S"], addressCount: 1, share: 0.02, hops: 3, direct: direct(0, "0.00") },
      },
    ]);
  });

  it("progress tells the stages, and never goes back", async () => {
    const { progress } = await run(EXAMPLE, "T", 2);
    expect(progress).toEqual([
      { stage: "gathering hop 1 of 2", pct: 0 },
      { stage: "tainting hop 1 of 2", pct: 17 },
      { stage: "gathering hop 2 of 2", pct: 33 },
      { stage: "tainting hop 2 of 2", pct: 50 },
      { stage: "clustering", pct: 67 },
      { stage: "scoring", pct: 83 },
    ]);
  });
});

describe("what is known of the address itself", () => {
  it("a sanctioned address scores 100, whatever its funds", async () => {
    const labels = [...EXAMPLE.labels, label({ address: "T", category: "sanctions" })];
    const { result } = await run({ ...EXAMPLE, labels }, "T", 1);
    expect(result).toMatchObject({ riskScore: 100, riskLevel: "severe", scores: { own: 100 } });
    expect(result.signals[0]).toMatchObject({
      type: "own_label",
      address: "T",
      points: 100,
      source: "a test",
    });
  });

  it("of an address without transfers and labels nothing is known", async () => {
    const { result } = await run(EXAMPLE, "nobody", 2);
    expect(result).toMatchObject({ riskScore: 0, riskLevel: "unknown", clusters: [] });
    expect(result.signals).toEqual([
      {
        type: "nothing_known",
        detail:
          "The data has no transfer and no label of this address. A score of 0 means that nothing is known.",
      },
    ]);
  });

  it("nor of one that dealt with unlabelled addresses only", async () => {
    const { result } = await run({ transfers: [paid(1, "A", "B", "1", 1)], labels: [] }, "B", 2);
    expect(result).toMatchObject({ riskScore: 0, riskLevel: "unknown" });
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "unattributed", share: 1, ended: 1, beyondHops: 0 }),
    );
  });

  it("an address that only dealt with an exchange is a low risk", async () => {
    const data = { transfers: [paid(1, "X", "B", "1", 1)], labels: [label({ address: "X" })] };
    expect((await run(data, "B", 2)).result).toMatchObject({ riskScore: 0, riskLevel: "low" });
  });

  it("a category without a rating is named, and said to count nothing", async () => {
    const data = {
      transfers: [paid(1, "X", "B", "1", 1)],
      labels: [label({ address: "X", category: "bakery" })],
    };
    const { result } = await run(data, "B", 1);
    expect(result.riskScore).toBe(0);
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "unrated_categories", categories: ["bakery"] }),
    );
  });

  it("of several labels the one that weighs most counts, and the others are named", async () => {
    const data = {
      transfers: [paid(1, "X", "B", "1", 1)],
      labels: [label({ address: "X" }), label({ address: "X", category: "sanctions" })],
    };
    const { result } = await run(data, "B", 1);
    expect(result.signals[0]).toMatchObject({ category: "sanctions", share: 1, otherLabels: ["the label"] });
    expect(result.riskScore).toBe(100);
  });
});

describe("values", () => {
  const eth = (from: string, usd: number | null) =>
    transfer({ hash: from, from_address: from, to_address: "T", asset: "ETH", amount: "5", usd });
  const labels = [label({ address: "S", category: "sanctions" }), label({ address: "X" })];

  it("an asset whose value nobody knows weighs nothing beside others, and that is said", async () => {
    const { result } = await run({ transfers: [paid(1, "X", "T", "1", 10), eth("S", null)], labels }, "T", 1);
    expect(exposures(result)).toEqual([["incoming", "X", 1, 1, 0]]);
    expect(result.signals).toContainEqual(
      expect.objectContaining({
        type: "funds",
        detail:
          "The incoming funds are 2 transfers. 1 have no value in US dollars: their assets weigh too little.",
      }),
    );
  });

  it("where no asset has a value, each weighs the same", async () => {
    const { result } = await run({ transfers: [paid(1, "X", "T", "1"), eth("S", null)], labels }, "T", 1);
    expect(exposures(result)).toEqual([
      ["incoming", "S", 1, 0.5, 250],
      ["incoming", "X", 1, 0.5, 0],
    ]);
  });

  it("inside an asset amounts count, also of transfers without a value", async () => {
    const transfers = [paid(1, "S", "T", "30"), paid(2, "X", "T", "70", 70)];
    const { result } = await run({ transfers, labels }, "T", 1);
    expect(exposures(result)).toEqual([
      ["incoming", "S", 1, 0.3, 150],
      ["incoming", "X", 1, 0.7, 0],
    ]);
  });
});

describe("bounds", () => {
  const chainOf = (length: number): TransferRow[] =>
    Array.from({ length }, (_, n) => paid(n, `a${n}`, `a${n + 1}`, "1", 1));

  it("what is not read is said, and is no exposure", async () => {
    const data = { transfers: chainOf(5), labels: [label({ address: "a0", category: "sanctions" })] };
    expect((await run(data, "a5", 5)).result.riskScore).toBe(100);
    const { result } = await run(data, "a5", 5, { ...BOUNDS, addresses: 4 });
    expect(result).toMatchObject({ riskScore: 0, riskLevel: "unknown" });
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "unattributed", share: 1, unread: 1, beyondHops: 0, ended: 0 }),
    );
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "incomplete", direction: "incoming", share: 1 }),
    );
  });

  it("the largest shares are followed first", async () => {
    const data = {
      transfers: [
        ...[paid(1, "S", "small", "1", 1), paid(2, "small", "T", "1", 1)],
        ...[paid(3, "S", "large", "9", 9), paid(4, "large", "T", "9", 9)],
      ],
      labels: [label({ address: "S", category: "sanctions" })],
    };
    // The address itself is the first that is read.
    for (const bound of [{ addresses: 2 }, { transfers: 3 }]) {
      const { result } = await run(data, "T", 2, { ...BOUNDS, ...bound });
      expect(exposures(result)).toEqual([["incoming", "S", 2, 0.9, 450]]);
      expect(result.signals).toContainEqual(expect.objectContaining({ type: "incomplete", share: 0.1 }));
    }
  });

  it("nothing is looked for behind an address with too many transfers", async () => {
    const many = Array.from({ length: 6 }, (_, n) => paid(n, "S", "hub", "1", 1));
    const data = {
      transfers: [...many, paid(10, "hub", "T", "1", 1)],
      labels: [label({ address: "S", category: "sanctions" })],
    };
    expect((await run(data, "T", 2, { ...BOUNDS, perAddress: 6 })).result.riskScore).toBe(100);
    const { result } = await run(data, "T", 2, { ...BOUNDS, perAddress: 5 });
    expect(result.riskLevel).toBe("unknown");
    expect(result.signals).toContainEqual(expect.objectContaining({ type: "incomplete", share: 1 }));
  });

  it("of an address with too many transfers itself the newest are read, and that is said", async () => {
    const many = Array.from({ length: 6 }, (_, n) => paid(n, n < 3 ? "S" : "X", "T", "1", 1));
    const labels = [label({ address: "S", category: "sanctions" }), label({ address: "X" })];
    const { result } = await run({ transfers: many, labels }, "T", 1, { ...BOUNDS, perAddress: 4 });
    expect(exposures(result)).toEqual([
      ["incoming", "S", 1, 0.25, 125],
      ["incoming", "X", 1, 0.75, 0],
    ]);
    expect(result.signals).toContainEqual(
      expect.objectContaining({
        type: "incomplete",
        detail: "Only the newest 4 incoming transfers of the address were read.",
      }),
    );
  });

  it("exposures beyond those that are named count, and are summed up", async () => {
    const count = 300;
    const transfers = Array.from({ length: count }, (_, n) => paid(n, `s${n}`, "T", "1", 1));
    const labels = Array.from({ length: count }, (_, n) => label({ address: `s${n}`, category: "gambling" }));
    const { result } = await run({ transfers, labels }, "T", 1);
    expect(result.signals.filter(isExposure)).toHaveLength(250);
    expect(result.signals).toContainEqual(expect.objectContaining({ type: "exposures_omitted", count: 50 }));
    expect(result.riskScore).toBeCloseTo(50, 1);
  });
});

describe("the worst there can be", () => {
  const long = (name: string, length: number) => name.padEnd(length, "\u8a9e");

  /** The same counterparties, assets and labels on both sides, all of them as long as the importer takes them. */
  const worst = (addresses: number, labelsEach: number): Data => {
    const parties = Array.from({ length: addresses }, (_, n) => long(`p${n}`, 200));
    const labelled = [...parties, "T"].flatMap((address) =>
      Array.from({ length: labelsEach }, (_, n) =>
        label({
          address,
          label: long(`${address.slice(0, 5)} ${n}`, 200),
          category: long(`${address.slice(0, 5)} ${n}`, 50),
          source: long("s", 200),
          jurisdiction: "DE",
        }),
      ),
    );
    const transfers = parties.flatMap((party, n) => {
      const fields = { asset: long(`a${n}`, 50), usd: 1e170 + n, timestamp: n };
      return [
        transfer({ hash: `in ${n}`, from_address: party, to_address: "T", ...fields }),
        transfer({ hash: `out ${n}`, from_address: "T", to_address: party, ...fields }),
      ];
    });
    return { transfers, labels: labelled };
  };

  it.each([
    ["many counterparties", 400, 2],
    ["many labels of each", 20, 300],
    ["many unlabelled counterparties", 400, 0],
  ])("fits into one event: %s", async (_, addresses, labelsEach) => {
    const { result } = await run(worst(addresses, labelsEach), "T", 1);
    const bytes = new TextEncoder().encode(JSON.stringify(result)).byteLength;
    expect(bytes).toBeLessThan(950_000);
    expect(bytes).toBeGreaterThan(100_000);
  });

  it("names 20 labels of an address, those that weigh most first, and says how many there are more", async () => {
    const labels = ["X", "T"].flatMap((address) => [
      ...Array.from({ length: 29 }, (_, n) => label({ address, label: `a${n}` })),
      label({ address, label: "z", category: "scam" }),
    ]);
    const { result } = await run({ transfers: [paid(1, "X", "T", "1", 1)], labels }, "T", 1);
    const own = result.signals.filter(({ type }) => type === "own_label");
    expect(own).toHaveLength(20);
    expect(own[0]).toMatchObject({ label: "z", points: 80 });
    expect(result.signals).toContainEqual(expect.objectContaining({ type: "own_labels_omitted", count: 10 }));
    const [exposure] = result.signals.filter(isExposure);
    expect(exposure).toMatchObject({ label: "z", otherLabelsOmitted: 9 });
    expect(exposure?.otherLabels).toHaveLength(20);
  });

  it("says how many clusters are not named", async () => {
    const transfers = Array.from({ length: 120 }, (_, n) => paid(n, `s${n}`, "T", "1", 1));
    const labels = Array.from({ length: 120 }, (_, n) => label({ address: `s${n}`, label: `l${n}` }));
    const { result } = await run({ transfers, labels }, "T", 1);
    expect(result.clusters).toHaveLength(100);
    expect(result.signals).toContainEqual(
      expect.objectContaining({ type: "clusters_omitted", direction: "incoming", count: 20 }),
    );
  });
});

it("transfers of nothing have no shares, and that is said", async () => {
  const { result } = await run({ transfers: [paid(1, "X", "T", "0", 1)], labels: [] }, "T", 1);
  expect(result.signals).toContainEqual({
    type: "funds",
    detail: "The incoming funds are 1 transfers of nothing: there are no shares of them.",
    direction: "incoming",
    transfers: 1,
    assets: [],
  });
  expect(result.signals.some(({ type }) => type === "unattributed")).toBe(false);
});

// Small worlds, with cycles, transfers to oneself and equal times.
const world: fc.Arbitrary<Data> = fc
  .record({
    moves: fc.array(
      fc.record({
        from: fc.constantFrom("T", "a", "b", "c", "L", "K"),
        to: fc.constantFrom("T", "a", "b", "c", "L", "K"),
        timestamp: fc.nat({ max: 6 }),
        asset: fc.constantFrom("X", "X", "Y"),
        amount: fc.constantFrom("1", "2.5", "10", "0"),
        usd: fc.constantFrom(null, 1, 20.5),
      }),
      // Dense enough for several transfers between the same two, and for cycles.
      { maxLength: 24, size: "max" },
    ),
    alsoLabelled: fc.boolean(),
  })
  .map(({ moves, alsoLabelled }) => ({
    transfers: moves.map(({ from, to, ...rest }, n) =>
      transfer({ hash: `h${n}`, from_address: from, to_address: to, ...rest }),
    ),
    labels: [
      label({ address: "L", category: "sanctions" }),
      label({ address: "K", category: "mixer" }),
      ...(alsoLabelled ? [label({ address: "T", category: "mixer" })] : []),
    ],
  }));

const hops = fc.integer({ min: 1, max: 5 });

const traced = async (data: Data, side: "in" | "out", depth: number): Promise<Trace> => {
  const dataset = new TestDataset();
  dataset.insert("transfers", data.transfers);
  dataset.insert("address_labels", data.labels);
  const trace = new Trace(side, "made-up", "T", BOUNDS);
  for (let hop = 1; hop <= depth && !trace.done; hop++) {
    await trace.gather(dataset.rpc);
    trace.taint();
  }
  return trace;
};

/** The definition, path by path: shares of labelled addresses in the incoming funds of T. */
const byPaths = (data: Data, funds: Trace["funds"], depth: number): Map<string, number> => {
  const labelled = new Set(data.labels.map(({ address }) => address).filter((address) => address !== "T"));
  const found = new Map<string, number>();
  const follow = (address: string, asset: string, time: number, share: number, hop: number): void => {
    const before = data.transfers.filter(
      (one) =>
        one.to_address === address &&
        one.from_address !== address &&
        one.asset === asset &&
        one.timestamp <= time,
    );
    const total = before.reduce((sum, { amount }) => sum + Number(amount), 0);
    for (const { from_address: from, timestamp, amount } of before) {
      const part = total === 0 ? 0 : (share * Number(amount)) / total;
      if (part === 0) continue;
      if (labelled.has(from)) found.set(`${hop} ${from}`, (found.get(`${hop} ${from}`) ?? 0) + part);
      else if (hop < depth) follow(from, asset, timestamp, part, hop + 1);
    }
  };
  for (const { asset, share } of funds) follow("T", asset, Number.POSITIVE_INFINITY, share, 1);
  return found;
};

describe("in any world", () => {
  it("exposures are what following each path by itself finds", async () => {
    await fc.assert(
      fc.asyncProperty(world, hops, async (data, depth) => {
        const trace = await traced(data, "in", depth);
        const expected = byPaths(data, trace.funds, depth);
        const found = new Map(
          trace.exposures.map(({ address, hops: hop, share }) => [`${hop} ${address}`, share]),
        );
        expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
        for (const [key, share] of expected) expect(found.get(key)).toBeCloseTo(share, 12);
      }),
    );
  });

  it("shares are between 0 and 1, and with what is unattributed they are all of the funds", async () => {
    await fc.assert(
      fc.asyncProperty(
        world,
        hops,
        fc.constantFrom("in" as const, "out" as const),
        async (data, depth, side) => {
          const trace = await traced(data, side, depth);
          const shares = trace.exposures.map(({ share }) => share);
          for (const share of shares) expect(share > 0 && share <= 1 + 1e-12).toBe(true);
          const { beyond, ended, unread } = trace.unattributed;
          const total = shares.reduce((sum, share) => sum + share, beyond + ended + unread);
          expect(total).toBeCloseTo(trace.funds.length === 0 ? 0 : 1, 12);
        },
      ),
    );
  });

  it("more hops lose no exposure", async () => {
    await fc.assert(
      fc.asyncProperty(world, fc.integer({ min: 1, max: 4 }), async (data, depth) => {
        const fewer = await traced(data, "out", depth);
        const more = await traced(data, "out", depth + 1);
        expect(more.exposures.filter((exposure) => exposure.hops <= depth)).toEqual(fewer.exposures);
      }),
    );
  });

  it("the order of the rows does not matter", async () => {
    await fc.assert(
      fc.asyncProperty(world, hops, async (data, depth) => {
        // Hashes order rows of equal times.
        const turned = data.transfers.map((row, n) => ({
          ...row,
          hash: `z${data.transfers.length - n + 100}`,
        }));
        const { result } = await run(data, "T", depth);
        expect((await run({ ...data, transfers: turned.reverse() }, "T", depth)).result).toEqual(result);
      }),
    );
  });

  it("the score can be retraced from the signals", async () => {
    const weights = { sanctions: 500, mixer: 200 } as Readonly<Record<string, number>>;
    const levels: readonly (readonly [number, string])[] = [
      [75, "severe"],
      [40, "high"],
      [10, "medium"],
      [0, "low"],
    ];
    await fc.assert(
      fc.asyncProperty(world, hops, async (data, depth) => {
        const { result, progress } = await run(data, "T", depth);
        const sum = (direction: string) =>
          result.signals
            .filter(isExposure)
            .filter((signal) => signal.direction === direction)
            .reduce((total, { share, category }) => total + share * (weights[category] ?? Number.NaN), 0);
        const own = data.labels.some(({ address }) => address === "T") ? 70 : 0;
        const score = Math.max(own, Math.min(100, sum("incoming")), Math.min(100, sum("outgoing")));
        expect(result.riskScore).toBeCloseTo(score, 2);
        const level = levels.find(([from]) => result.riskScore >= from)?.[1];
        const known = result.signals.some(({ type }) => type === "exposure" || type === "own_label");
        expect(result.riskLevel).toBe(known ? level : "unknown");
        const parts = progress.map(({ pct }) => pct);
        expect(parts).toEqual([...parts].sort((a, b) => a - b));
      }),
    );
  });
});
