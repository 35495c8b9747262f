import type { Costs } from "./costs.ts";
import { lanesOf } from "./lanes.ts";
import { createRandom, shuffle } from "./random.ts";
import { COLOS, type Colo, HUB, oneWayMs } from "./topology.ts";

/** Of a location's gateways those in lanes of one kind, for as long as relays of one kind have their turns. */
export interface LaneKind {
  /** Of the location's gateways, and of their time. */
  readonly share: number;
  /** Gateways of each lane, of all locations. */
  readonly size: number;
  /** Of the other gateways of the lane those of this location, on average. */
  readonly near: number;
  /** From the room to all of them and back, in s. */
  readonly cycleS: number;
}

export type LaneKinds = ReadonlyMap<Colo, readonly LaneKind[]>;

const MS = 1_000;
const SEED = 1;
/** Gateways dealt to lanes, so that each location has some and chance evens out. */
const DEALT = 1_000;

interface Dealt {
  readonly size: number;
  readonly cycleS: number;
  /** Gateways, each by the part of the time, and of all of them together the others of the same location. */
  readonly count: number;
  readonly near: number;
}

/** To a relay and from it to the farthest, and back, in s. */
const cycleSOf = (relay: Colo, places: readonly Colo[], size: number, costs: Costs): number => {
  const farthest = size === 1 ? 0 : Math.max(...places.map((to) => oneWayMs(relay, to, costs)));
  return (2 * (oneWayMs(HUB, relay, costs) + farthest)) / MS;
};

/** As many as `gateways`, by the locations' shares; the fractions go to others at another `offset`, 0 to 1. */
const placesOf = (gateways: number, shares: readonly number[], offset: number): { colo: Colo }[] => {
  let sum = 0;
  return COLOS.flatMap((colo, index) => {
    const before = Math.floor(sum * gateways + offset);
    sum += shares[index] ?? 0;
    return new Array<{ colo: Colo }>(Math.floor(sum * gateways + offset) - before).fill({ colo });
  });
};

/** In which lanes a room has its gateways, if they come in any order; `shares`: of the gateways, by location. */
export const laneKindsOf = (
  gateways: number,
  width: number,
  shares: readonly number[],
  costs: Costs,
): LaneKinds => {
  const random = createRandom(SEED);
  const found = new Map<Colo, Map<string, Dealt>>();
  const rounds = Math.ceil(DEALT / gateways);
  for (let round = 0; round < rounds; round++) {
    const dealt = shuffle(placesOf(gateways, shares, round / rounds), random);
    for (const lane of lanesOf(dealt, width)) {
      const size = lane.length;
      const here = Map.groupBy(lane, ({ colo }) => colo);
      const places = [...here.keys()];
      // Each of them relays for as long.
      for (const [relay, { length: relays }] of here) {
        const cycleS = cycleSOf(relay, places, size, costs);
        for (const [colo, { length }] of here) {
          const kinds = found.get(colo) ?? new Map<string, Dealt>();
          found.set(colo, kinds);
          const name = `${size} ${cycleS}`;
          const { count, near } = kinds.get(name) ?? { count: 0, near: 0 };
          const more = (length * relays) / size;
          kinds.set(name, { size, cycleS, count: count + more, near: near + more * (length - 1) });
        }
      }
    }
  }
  return new Map(
    [...found].map(([colo, kinds]) => {
      const total = [...kinds.values()].reduce((sum, { count }) => sum + count, 0);
      return [
        colo,
        [...kinds.values()].map(({ size, cycleS, count, near }) => ({
          ...{ size, cycleS },
          near: near / count,
          share: count / total,
        })),
      ];
    }),
  );
};
