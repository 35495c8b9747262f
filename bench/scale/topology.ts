import type { Costs } from "./costs.ts";
import type { Random } from "./random.ts";

export const REGIONS = ["NA", "EU", "AP", "SA", "ME"] as const;
export type Region = (typeof REGIONS)[number];

export interface Colo {
  readonly name: string;
  readonly region: Region;
  /** Share of all users. */
  readonly share: number;
}

/** Where users are: an assumption, in percent. Gateways run in their users' location. */
const WEIGHTS: Readonly<Record<Region, Readonly<Record<string, number>>>> = {
  NA: { IAD: 7, EWR: 7, ORD: 5, DFW: 4, LAX: 5, SJC: 4, SEA: 3, ATL: 3, MIA: 2, YYZ: 2 },
  EU: { LHR: 6, FRA: 6, AMS: 4, CDG: 4, MAD: 2, MXP: 2, ARN: 1, WAW: 2 },
  AP: { NRT: 4, KIX: 1, SIN: 4, HKG: 3, ICN: 4, SYD: 2, BOM: 3, DEL: 2 },
  SA: { GRU: 3, EZE: 1, BOG: 1 },
  ME: { DXB: 2, JNB: 1 },
};

const ALL = REGIONS.flatMap((region) =>
  Object.entries(WEIGHTS[region]).map(([name, weight]) => ({ name, region, weight })),
);
const TOTAL = ALL.reduce((sum, { weight }) => sum + weight, 0);

export const COLOS: readonly Colo[] = ALL.map(({ name, region, weight }) => ({
  name,
  region,
  share: weight / TOTAL,
}));

/** Backends publish here, so market rooms are here. */
export const HUB: Colo = COLOS[0] ?? { name: "IAD", region: "NA", share: 1 };

/**
 * ms one way between two locations: assumptions. Within a region they are a quarter of lowest and highest round trip
 * that Microsoft published for its own (docs.microsoft.com/azure/networking/azure-network-latency, October 2019).
 */
const ONE_WAY_MS: Readonly<Record<Region, Readonly<Record<Region, number>>>> = {
  NA: { NA: 19, EU: 45, AP: 85, SA: 65, ME: 90 },
  EU: { NA: 45, EU: 8, AP: 85, SA: 100, ME: 55 },
  AP: { NA: 85, EU: 85, AP: 35, SA: 150, ME: 60 },
  SA: { NA: 65, EU: 100, AP: 150, SA: 20, ME: 150 },
  ME: { NA: 90, EU: 55, AP: 60, SA: 150, ME: 40 },
};

/** One way, without jitter, in ms. */
export const oneWayMs = (from: Colo, to: Colo, { localOneWayMs }: Costs): number =>
  from === to ? localOneWayMs : ONE_WAY_MS[from.region][to.region];

export type Delay = (from: Colo, to: Colo) => number;

export const createDelay =
  (costs: Costs, random: Random): Delay =>
  (from, to) =>
    oneWayMs(from, to, costs) * random.logNormal(costs.networkJitter);
