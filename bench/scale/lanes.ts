import type { Colo } from "./topology.ts";

interface Placed {
  readonly colo: Colo;
}

const smallestOf = <T>(lanes: readonly T[][]): T[] | undefined => {
  let smallest = lanes[0];
  for (const lane of lanes) if (lane.length < (smallest?.length ?? 0)) smallest = lane;
  return smallest;
};

/** The lanes of a room to which these gateways come one after the other, as src/rooms/fan-out.ts has them. */
export const lanesOf = <T extends Placed>(gateways: readonly T[], width: number): readonly T[][] => {
  const lanes: T[][] = [];
  const byColo = new Map<Colo, T[][]>();
  for (const gateway of gateways) {
    const near = byColo.get(gateway.colo) ?? [];
    if (lanes.length < width) {
      const lane = [gateway];
      lanes.push(lane);
      byColo.set(gateway.colo, [...near, lane]);
      continue;
    }
    const roomiest = smallestOf(lanes);
    const nearest = smallestOf(near);
    const isNear = nearest !== undefined && nearest.length <= 2 * (roomiest?.length ?? 0);
    (isNear ? nearest : roomiest)?.push(gateway);
  }
  return lanes;
};
