import { type Bill, billOf, useOf } from "./bill.ts";
import type { Costs } from "./costs.ts";
import { type Fleet, fleetOf } from "./fleet.ts";
import { type Audience, audiencesOf, type LimitUse, limitsOf, planSetup } from "./limits.ts";
import { type Links, linksOf } from "./links.ts";
import { type Load, loadOf, type Setup } from "./load.ts";
import { type Simulated, simulateMarkets } from "./market-simulation.ts";
import { type Storm, simulateStorm } from "./storm.ts";
import { workloadOf } from "./workload.ts";

export const SCALES = [10_000, 100_000, 1_000_000, 10_000_000] as const;
export const DIRECT = Number.POSITIVE_INFINITY;
export const WIDTHS = [DIRECT, 1_000, 256, 64] as const;
export const COALESCE_MS = [0, 50, 100, 250] as const;
const DEFAULTS = { width: 256, coalesceMs: 0 } as const;
/** Times the gateways that `planSetup` chooses. */
export const GATEWAY_FACTORS = [0.5, 1, 2, 4] as const;

/** Where variants are compared. */
const COMPARED = 1_000_000;
const COALESCED = [100_000, COMPARED] as const;
const SEED = 1;
const HOT_ROOMS = 3;
const PERSONAL_RATE = 1_000;
const STORM = { clients: 200_000, seconds: 300, seed: SEED, connectTimeoutMs: 5_000 } as const;

export interface Variant {
  readonly setup: Setup;
  readonly load: Load;
  readonly simulated: Simulated;
  readonly links: Links;
  readonly bill: Bill;
}

export interface ScaleResult extends Variant {
  readonly sockets: number;
  readonly limits: readonly LimitUse[];
  readonly fleet: Fleet;
  /** The bill if every call to a gateway were a request. */
  readonly withoutLinksUsd: number;
  readonly storm: Storm;
  /** By FANOUT_WIDTH. */
  readonly widths: readonly Variant[];
  /** Bills with other MARKET_COALESCE_MS, each with the fewest gateways that do. */
  readonly coalesced: readonly { readonly coalesceMs: number; readonly usd: number }[];
}

export interface Study {
  readonly scales: readonly ScaleResult[];
  /** Of one market. */
  readonly audiences: readonly Audience[];
  /** At `COMPARED` sockets. */
  readonly gateways: readonly Variant[];
  readonly proportional: Variant;
  /** By MARKET_COALESCE_MS, at each of `COALESCED`. */
  readonly coalescing: readonly { readonly sockets: number; readonly variants: readonly Variant[] }[];
}

/** Of simulated time: less where there is more to follow. */
const secondsOf = (sockets: number): number => {
  if (sockets <= 100_000) return 40;
  return sockets <= 1_000_000 ? 15 : 6;
};

const variantOf = (sockets: number, setup: Setup, costs: Costs): Variant => {
  const load = loadOf(workloadOf(sockets), setup, costs);
  const seconds = secondsOf(sockets);
  const options = { seconds, rooms: HOT_ROOMS, personalRate: PERSONAL_RATE, seed: SEED };
  const links = linksOf(load);
  return {
    ...{ setup, load, links },
    simulated: simulateMarkets(load, options, costs),
    bill: billOf(useOf(load, costs, links), costs),
  };
};

const studyScale = (sockets: number, costs: Costs): ScaleResult => {
  const workload = workloadOf(sockets);
  const setup = planSetup(workload, DEFAULTS, costs);
  const widths = WIDTHS.map((width) => variantOf(sockets, { ...setup, width }, costs));
  const chosen = widths[WIDTHS.indexOf(DEFAULTS.width)] ?? variantOf(sockets, setup, costs);
  const { load } = chosen;
  return {
    ...chosen,
    ...{ sockets, widths },
    limits: limitsOf(load, costs),
    fleet: fleetOf(load, costs),
    withoutLinksUsd: billOf(useOf(load, costs), costs).usd,
    storm: simulateStorm(load, STORM, costs),
    coalesced: COALESCE_MS.map((coalesceMs) => {
      const own = loadOf(workload, planSetup(workload, { ...DEFAULTS, coalesceMs }, costs), costs);
      return { coalesceMs, usd: billOf(useOf(own, costs, linksOf(own)), costs).usd };
    }),
  };
};

/** Simulates everything that docs/scale.md shows. The same costs give the same study. */
export const study = (costs: Costs, progress: (line: string) => void): Study => {
  const scales = SCALES.map((sockets) => {
    progress(`${sockets} sockets`);
    return studyScale(sockets, costs);
  });
  const largest = scales.at(-1);
  if (largest === undefined) throw new Error("There is no scale.");
  progress(`variants at ${COMPARED} sockets`);
  const setup = planSetup(workloadOf(COMPARED), DEFAULTS, costs);
  const withGateways = (factor: number): Setup => ({
    ...setup,
    gatewaysPerColo: Math.max(1, Math.round(setup.gatewaysPerColo * factor)),
  });
  return {
    scales,
    audiences: audiencesOf(largest.load, costs),
    gateways: GATEWAY_FACTORS.map((factor) => variantOf(COMPARED, withGateways(factor), costs)),
    proportional: variantOf(COMPARED, { ...setup, proportional: true }, costs),
    coalescing: COALESCED.map((sockets) => {
      const own = planSetup(workloadOf(sockets), DEFAULTS, costs);
      return {
        sockets,
        variants: COALESCE_MS.map((coalesceMs) => variantOf(sockets, { ...own, coalesceMs }, costs)),
      };
    }),
  };
};
