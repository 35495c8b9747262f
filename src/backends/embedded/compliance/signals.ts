/** What an analysis says it found, and what it did not look at. Pure. */
import Big from "big.js";
import type { AddressLabel, SideTransfer } from "../dataset/compliance-protocol.ts";
import { fitting } from "./fitting.ts";
import { isRated, pointsOf, ratingOf, roundShare } from "./scoring.ts";
import type { Trace } from "./trace.ts";

export type Direction = "incoming" | "outgoing";

/** `share` is of all the address received (`incoming`) or sent (`outgoing`); `points` are `share` times `weight`. */
export interface ExposureSignal extends AddressLabel {
  readonly type: "exposure";
  readonly detail: string;
  readonly direction: Direction;
  readonly hops: number;
  readonly share: number;
  readonly weight: number;
  readonly points: number;
  /** What else the address is labelled with; the label that weighs most counts. */
  readonly otherLabels?: readonly string[];
  /** How many others there are that are not named. */
  readonly otherLabelsOmitted?: number;
}

export type Signal =
  | ExposureSignal
  | ({
      readonly type: "own_label";
      readonly detail: string;
      readonly direction: "self";
      readonly hops: 0;
      readonly share: 1;
      readonly points: number;
    } & AddressLabel)
  | { readonly type: "own_labels_omitted"; readonly detail: string; readonly count: number }
  | {
      readonly type: "exposures_omitted";
      readonly detail: string;
      readonly direction: Direction;
      readonly count: number;
      readonly share: number;
      readonly points: number;
    }
  /** What the shares of a direction are shares of. */
  | {
      readonly type: "funds";
      readonly detail: string;
      readonly direction: Direction;
      readonly transfers: number;
      readonly assets: readonly {
        readonly asset: string;
        readonly share: number;
        readonly transfers: number;
        readonly usd: string;
        readonly unvalued: number;
      }[];
    }
  | {
      readonly type: "unattributed";
      readonly detail: string;
      readonly direction: Direction;
      readonly share: number;
      readonly beyondHops: number;
      readonly ended: number;
      readonly unread: number;
    }
  | {
      readonly type: "incomplete";
      readonly detail: string;
      readonly direction: Direction;
      readonly share: number;
    }
  | {
      readonly type: "unrated_categories";
      readonly detail: string;
      readonly categories: readonly string[];
    }
  | {
      readonly type: "clusters_omitted";
      readonly detail: string;
      readonly direction: Direction;
      readonly count: number;
    }
  | { readonly type: "nothing_known"; readonly detail: string };

/**
 * What is named one by one, and its bytes as JSON, of a direction. An event holds 1,000,000 bytes: these twice, the
 * clusters of two roles (clusters.ts), `MAX_LABELS` labels of the address itself, with at most 3,000 bytes each, and
 * `MAX_CATEGORIES`, with 153, are less than 950,000.
 */
const MAX_EXPOSURES = 250;
const MAX_EXPOSURE_BYTES = 250_000;
const MAX_ASSETS = 250;
const MAX_ASSET_BYTES = 50_000;

/** Labels of one address that are named. */
const MAX_LABELS = 20;

/** Categories without a rating that are named. */
const MAX_CATEGORIES = 100;

export const directionOf = (trace: Trace): Direction => (trace.side === "in" ? "incoming" : "outgoing");

/** Of several labels the one that weighs most counts. */
export const countingLabel = (labels: readonly AddressLabel[]): AddressLabel | undefined =>
  [...labels].sort(
    (a, b) =>
      ratingOf(b.category).weight - ratingOf(a.category).weight ||
      ratingOf(b.category).own - ratingOf(a.category).own ||
      (a.label < b.label ? -1 : 1),
  )[0];

/** The labels of the address itself, those that weigh most first. */
export const ownLabelSignals = (labels: readonly AddressLabel[]): Signal[] => {
  const sorted = [...labels].sort(
    (a, b) => ratingOf(b.category).own - ratingOf(a.category).own || (a.label < b.label ? -1 : 1),
  );
  const signals = sorted.slice(0, MAX_LABELS).map(ownLabelSignal);
  const count = labels.length - signals.length;
  if (count === 0) return signals;
  const detail = `${count} more labels of the address itself, of no higher score, are not named.`;
  return [...signals, { type: "own_labels_omitted", detail, count }];
};

const ownLabelSignal = (label: AddressLabel): Signal => ({
  type: "own_label",
  detail: `The address itself is labelled ${label.label} (${label.category || "no category"}${dated(label)}).`,
  direction: "self",
  hops: 0,
  share: 1,
  points: ratingOf(label.category).own,
  ...label,
});

/** The exposures of one direction, those with the most points first, and the exact points of all of them. */
export const exposureSignals = (trace: Trace): { signals: Signal[]; points: Big[] } => {
  const direction = directionOf(trace);
  const all = trace.exposures
    .map((exposure) => exposureSignal(trace, exposure))
    .sort(
      (a, b) =>
        b.points - a.points || b.share - a.share || a.hops - b.hops || (a.address < b.address ? -1 : 1),
    );
  const points = all.map(({ category, share }) => pointsOf(category, share));
  const signals = fitting(all, MAX_EXPOSURES, MAX_EXPOSURE_BYTES);
  const omitted = all.slice(signals.length);
  if (omitted.length === 0) return { signals: all, points };
  const share = sumOf(omitted.map((signal) => signal.share));
  const rest: Signal = {
    type: "exposures_omitted",
    detail: `${omitted.length} more ${direction} exposures, none of more points, count in the score but are not named.`,
    direction,
    count: omitted.length,
    share,
    points: sumOf(omitted.map((signal) => signal.points)),
  };
  return { signals: [...signals, rest], points };
};

const exposureSignal = (
  trace: Trace,
  { address, hops, share: exact }: Trace["exposures"][number],
): ExposureSignal => {
  const labels = trace.labelsOf(address);
  const label = countingLabel(labels);
  if (!label) throw new Error("An exposure to an address without a label.");
  const share = roundShare(exact);
  const others = labels.filter((other) => other !== label).map((other) => other.label);
  const verb = trace.side === "in" ? "came from" : "went to";
  return {
    type: "exposure",
    detail: `${percent(share)} of the funds ${verb} ${label.label} (${label.category || "no category"}${dated(label)}), ${hops === 1 ? "directly" : `${hops} hops away`}.`,
    direction: directionOf(trace),
    hops,
    share,
    weight: ratingOf(label.category).weight,
    points: pointsOf(label.category, share).toNumber(),
    ...label,
    ...(others.length > 0 && { otherLabels: others.slice(0, MAX_LABELS) }),
    ...(others.length > MAX_LABELS && { otherLabelsOmitted: others.length - MAX_LABELS }),
  };
};

/** What the shares are shares of, and what is not known of the rest. */
export const coverageSignals = (trace: Trace, hops: number): Signal[] => {
  const direction = directionOf(trace);
  if (trace.direct.length === 0) return [];
  const { beyond, ended, unread } = trace.unattributed;
  const parts = { beyondHops: roundShare(beyond), ended: roundShare(ended), unread: roundShare(unread) };
  const signals: Signal[] = [fundsSignal(trace)];
  const share = roundShare(beyond + ended + unread);
  if (share > 0) {
    signals.push({
      type: "unattributed",
      detail: `Nothing is known of ${percent(share)} of the ${direction} funds within ${hops} ${hops === 1 ? "hop" : "hops"}.`,
      direction,
      share,
      ...parts,
    });
  }
  if (trace.truncated || trace.skipped > 0) {
    const cut = trace.truncated
      ? `Only the newest ${trace.direct.length} ${direction} transfers of the address were read. `
      : "";
    const skipped = `${trace.skipped} addresses, with ${percent(parts.unread)} of the funds, were not looked behind: they have too many transfers, or there were too many of them.`;
    const detail = `${cut}${trace.skipped > 0 ? skipped : ""}`.trim();
    signals.push({ type: "incomplete", detail, direction, share: parts.unread });
  }
  return signals;
};

const fundsSignal = (trace: Trace): Signal => {
  const direction = directionOf(trace);
  const transfers = trace.direct.length;
  if (trace.funds.length === 0) {
    const detail = `The ${direction} funds are ${transfers} transfers of nothing: there are no shares of them.`;
    return { type: "funds", detail, direction, transfers, assets: [] };
  }
  const byAsset = Map.groupBy(trace.direct, ({ asset }) => asset);
  const assets = trace.funds
    .map(({ asset, share }) => ({ asset, share: roundShare(share), ...totalsOf(byAsset.get(asset) ?? []) }))
    .sort((a, b) => b.share - a.share || (a.asset < b.asset ? -1 : 1));
  const unvalued = assets.reduce((sum, asset) => sum + asset.unvalued, 0);
  const known =
    unvalued === 0 ? "" : ` ${unvalued} have no value in US dollars: their assets weigh too little.`;
  const named = fitting(assets, MAX_ASSETS, MAX_ASSET_BYTES);
  const cut =
    named.length === assets.length
      ? ""
      : ` Of ${assets.length} assets the ${named.length} largest are named.`;
  return {
    type: "funds",
    detail: `The ${direction} funds are ${transfers} transfers.${known}${cut}`,
    direction,
    transfers,
    assets: named,
  };
};

/** How many transfers there are, and what they were worth, to the cent. */
export const totalsOf = (
  transfers: readonly SideTransfer[],
): { readonly transfers: number; readonly usd: string; readonly unvalued: number } => {
  const valued = transfers.flatMap(({ usd }) => (usd === null ? [] : [usd]));
  const usd = valued.reduce((sum, value) => sum.plus(value), Big(0)).toFixed(2);
  return { transfers: transfers.length, usd, unvalued: transfers.length - valued.length };
};

export const unratedSignals = (signals: readonly Signal[]): Signal[] => {
  const categories = new Set<string>();
  for (const signal of signals) {
    if ("category" in signal && !isRated(signal.category)) categories.add(signal.category);
  }
  if (categories.size === 0) return [];
  const sorted = [...categories].sort();
  const count = Math.max(0, sorted.length - MAX_CATEGORIES);
  const more = count === 0 ? "" : ` ${count} more are left out.`;
  const detail = `Labels of these categories are named but count nothing: they have no rating.${more}`;
  return [{ type: "unrated_categories", detail, categories: sorted.slice(0, MAX_CATEGORIES) }];
};

const dated = ({ asOf }: AddressLabel): string => (asOf === "" ? "" : `, as of ${asOf}`);

const percent = (share: number): string => `${Big(share).times(100).toFixed()} %`;

const sumOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum.plus(number), Big(0)).toNumber();
