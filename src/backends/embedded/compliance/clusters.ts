/** Groups of the addresses that an analysis met. Pure. */
import type { SideTransfer } from "../dataset/compliance-protocol.ts";
import { fitting } from "./fitting.ts";
import { roundShare } from "./scoring.ts";
import { countingLabel, directionOf, type Signal, totalsOf } from "./signals.ts";
import type { Trace } from "./trace.ts";

/**
 * Addresses with the same label, or direct counterparties without one. It says that their labels are the same, not
 * that one owner has their keys.
 */
export interface Cluster {
  /** Whether funds came from them or went to them. */
  readonly role: "source" | "destination";
  /** Empty for addresses without a label. */
  readonly category: string;
  readonly label: string;
  /** The first of them, by share. */
  readonly addresses: readonly string[];
  readonly addressCount: number;
  /** Of the funds; for addresses without a label: that passed through them. */
  readonly share: number;
  /** How near the nearest is. */
  readonly hops: number;
  /** Transfers with the address itself. */
  readonly direct: { readonly transfers: number; readonly usd: string; readonly unvalued: number };
}

const MAX_ADDRESSES = 20;

/** Clusters of one direction, largest share first, and their bytes as JSON; see signals.ts. */
const MAX_CLUSTERS = 100;
const MAX_CLUSTER_BYTES = 75_000;

interface Group {
  readonly category: string;
  readonly label: string;
  readonly shares: Map<string, number>;
  hops: number;
  share: number;
}

/** The clusters of one direction, and how many are left out. */
export const clustersOf = (trace: Trace): { clusters: Cluster[]; signals: Signal[] } => {
  const groups = new Map<string, Group>();
  const add = (address: string, category: string, label: string, hops: number, share: number): void => {
    const key = JSON.stringify([category, label]);
    const group = groups.get(key) ?? { category, label, shares: new Map(), hops, share: 0 };
    group.shares.set(address, (group.shares.get(address) ?? 0) + share);
    group.hops = Math.min(group.hops, hops);
    group.share += share;
    groups.set(key, group);
  };
  for (const { address, hops, share } of trace.exposures) {
    const label = countingLabel(trace.labelsOf(address));
    add(address, label?.category ?? "", label?.label ?? "", hops, share);
  }
  for (const { address, share } of trace.passedDirectly) add(address, "", "", 1, share);
  const direct = Map.groupBy(trace.direct, ({ counterparty }) => counterparty);
  const all = [...groups.values()]
    .map((group) => cluster(trace, group, direct))
    .sort((a, b) => b.share - a.share || (`${a.category} ${a.label}` < `${b.category} ${b.label}` ? -1 : 1));
  const clusters = fitting(all, MAX_CLUSTERS, MAX_CLUSTER_BYTES);
  const count = all.length - clusters.length;
  if (count === 0) return { clusters, signals: [] };
  const direction = directionOf(trace);
  const detail = `${count} more ${direction} clusters, none of a larger share, are not named.`;
  return { clusters, signals: [{ type: "clusters_omitted", detail, direction, count }] };
};

const cluster = (trace: Trace, group: Group, direct: ReadonlyMap<string, SideTransfer[]>): Cluster => {
  const { category, label, hops } = group;
  const addresses = [...group.shares].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).map(([a]) => a);
  return {
    role: trace.side === "in" ? "source" : "destination",
    category,
    label,
    addresses: addresses.slice(0, MAX_ADDRESSES),
    addressCount: addresses.length,
    share: roundShare(group.share),
    hops,
    direct: totalsOf(addresses.flatMap((address) => direct.get(address) ?? [])),
  };
};
