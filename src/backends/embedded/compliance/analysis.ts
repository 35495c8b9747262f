import type { AddressLabel } from "../dataset/compliance-protocol.ts";
import { type Cluster, clustersOf } from "./clusters.ts";
import { levelOf, MAX_SCORE, type RiskLevel, ratingOf, scoreOf } from "./scoring.ts";
import { coverageSignals, exposureSignals, ownLabelSignals, type Signal, unratedSignals } from "./signals.ts";
import { BOUNDS, Trace, type TraceBounds, type TransferSource } from "./trace.ts";

export interface AnalysisOptions {
  readonly chain: string;
  /** In its normal form. */
  readonly address: string;
  readonly hops: number;
  /** What the address itself is labelled with. */
  readonly labels: readonly AddressLabel[];
  readonly bounds?: TraceBounds;
}

/** Of a stage that begins: `pct` is the part of the stages that are done. */
export interface AnalysisProgress {
  readonly stage: string;
  readonly pct: number;
}

export interface Analysis {
  /** 0 to 100: the highest of `scores`. */
  readonly riskScore: number;
  readonly riskLevel: RiskLevel;
  readonly scores: { readonly own: number; readonly incoming: number; readonly outgoing: number };
  readonly clusters: readonly Cluster[];
  readonly signals: readonly Signal[];
}

/**
 * Where the funds of an address came from and went to, and what that is worth as a risk. Yields the stages as they
 * begin; returns the result, which does not depend on the order in which the source has its transfers.
 */
export async function* analyze(
  source: TransferSource,
  { chain, address, hops, labels, bounds = BOUNDS }: AnalysisOptions,
): AsyncGenerator<AnalysisProgress, Analysis, undefined> {
  const incoming = new Trace("in", chain, address, bounds);
  const outgoing = new Trace("out", chain, address, bounds);
  const stages = 2 * hops + 2;
  const stage = (name: string, done: number): AnalysisProgress => ({
    stage: name,
    pct: Math.round((100 * done) / stages),
  });
  for (let hop = 1; hop <= hops && !(incoming.done && outgoing.done); hop++) {
    yield stage(`gathering hop ${hop} of ${hops}`, 2 * hop - 2);
    await Promise.all([incoming.gather(source), outgoing.gather(source)]);
    yield stage(`tainting hop ${hop} of ${hops}`, 2 * hop - 1);
    incoming.taint();
    outgoing.taint();
  }
  yield stage("clustering", 2 * hops);
  const from = clustersOf(incoming);
  const to = clustersOf(outgoing);
  yield stage("scoring", 2 * hops + 1);
  const { signals, ...scored } = assess(incoming, outgoing, hops, labels);
  return {
    ...scored,
    clusters: [...from.clusters, ...to.clusters],
    signals: [...signals, ...from.signals, ...to.signals],
  };
}

const assess = (
  incoming: Trace,
  outgoing: Trace,
  hops: number,
  labels: readonly AddressLabel[],
): Omit<Analysis, "clusters"> => {
  const from = exposureSignals(incoming);
  const to = exposureSignals(outgoing);
  const found = [...ownLabelSignals(labels), ...from.signals, ...to.signals];
  const scores = {
    own: Math.max(0, ...labels.map(({ category }) => ratingOf(category).own)),
    incoming: scoreOf(from.points),
    outgoing: scoreOf(to.points),
  };
  const riskScore = Math.min(MAX_SCORE, Math.max(scores.own, scores.incoming, scores.outgoing));
  const signals = [
    ...found,
    ...(found.length === 0 ? [nothingKnown(incoming, outgoing, hops)] : []),
    ...unratedSignals(found),
    ...coverageSignals(incoming, hops),
    ...coverageSignals(outgoing, hops),
  ];
  return { riskScore, riskLevel: found.length === 0 ? "unknown" : levelOf(riskScore), scores, signals };
};

const nothingKnown = (incoming: Trace, outgoing: Trace, hops: number): Signal => ({
  type: "nothing_known",
  detail:
    incoming.direct.length + outgoing.direct.length === 0
      ? "The data has no transfer and no label of this address. A score of 0 means that nothing is known."
      : `The address has no label, nor has any that it dealt with within ${hops} ${hops === 1 ? "hop" : "hops"}. A score of 0 means that nothing is known.`,
});
