import type { Costs } from "./costs.ts";
import { busiest, type Load, loadOf, type Setup } from "./load.ts";
import type { Workload } from "./workload.ts";

/** How much of a limit is used. */
export interface LimitUse {
  readonly limit: string;
  readonly share: number;
  /** Whether more gateways in a location help. */
  readonly eased: boolean;
}

/** Utilisation of the busiest gateway beyond which peaks make ticks wait: the same as the fleet's. */
const targetOf = (costs: Costs): number => costs.instanceTarget;
/** Of an isolate's memory. */
const MEMORY_TARGET = 0.7;
/** MAX_SESSIONS_PER_GATEWAY goes no higher. */
const MAX_SESSIONS = 32_000;
const MAX_GATEWAYS_PER_COLO = 1_000;

export const limitsOf = (load: Load, costs: Costs): readonly LimitUse[] => {
  const gateway = busiest(load.classes);
  const room = busiest(load.rooms);
  const [hottest = room] = load.rooms;
  const { isolateBytes, isolateBaseBytes, objectRequestsPerSecond } = costs;
  const memory = (bytes: number): number => (isolateBaseBytes + bytes) / isolateBytes;
  const events = load.rooms.reduce((sum, { market }) => sum + market.rate, 0);
  return [
    { limit: "gateway: CPU", share: gateway.busy, eased: true },
    { limit: "gateway: memory", share: memory(gateway.sockets * costs.gatewaySocketBytes), eased: true },
    { limit: "gateway: sockets", share: gateway.sockets / costs.objectSockets, eased: true },
    // Calls over links are counted: whether the platform does is not published.
    { limit: "gateway: requests/s", share: gateway.requests / objectRequestsPerSecond, eased: false },
    { limit: "hottest room: CPU", share: room.busy, eased: false },
    {
      limit: "hottest room: memory",
      share: memory(hottest.market.subscribers * costs.roomSubscriberBytes),
      eased: false,
    },
    { limit: "hottest room: requests/s", share: hottest.requests / objectRequestsPerSecond, eased: false },
    { limit: "hottest room: calls an event", share: hottest.lanes / costs.subrequests, eased: false },
    {
      limit: "ingest: events/s",
      share: (events + load.workload.sockets * load.workload.personalRate) / costs.ingestEventsPerSecond,
      eased: false,
    },
  ];
};

/** How many subscribers one market room can have. */
export interface Audience {
  readonly limit: string;
  readonly subscribers: number;
  /** Of all, if the most popular market has so many subscribers. */
  readonly sockets: number;
}

/** What a room's subscribers are limited by, however many gateways there are. */
export const audiencesOf = ({ workload, rooms }: Load, costs: Costs): readonly Audience[] => {
  const { market } = busiest(rooms.slice(0, 1));
  const { isolateBytes, isolateBaseBytes, objectRequestsPerSecond, roomSubscriberBytes } = costs;
  const subscribersBy = {
    memory: (isolateBytes - isolateBaseBytes) / roomSubscriberBytes,
    // One comes and one goes in each session.
    "requests/s": ((objectRequestsPerSecond - market.rate) * workload.sessionS) / 2,
  };
  return Object.entries(subscribersBy).map(([limit, subscribers]) => ({
    ...{ limit, subscribers },
    sockets: (subscribers * workload.sockets) / market.subscribers,
  }));
};

/** The use that is nearest to its limit. */
export const tightest = (uses: readonly LimitUse[]): LimitUse => {
  const [first, ...others] = uses;
  if (first === undefined) throw new Error("There is no limit.");
  return others.reduce((most, one) => (one.share > most.share ? one : most), first);
};

/** The fewest gateways in each location that leave the busiest of them room. */
export const planSetup = (workload: Workload, rest: Omit<Setup, "gatewaysPerColo">, costs: Costs): Setup => {
  const fits = (gatewaysPerColo: number): boolean => {
    const load = loadOf(workload, { gatewaysPerColo, ...rest }, costs);
    const { busy, sockets } = busiest(load.classes);
    const bytes = costs.isolateBaseBytes + sockets * costs.gatewaySocketBytes;
    return busy <= targetOf(costs) && bytes <= MEMORY_TARGET * costs.isolateBytes && sockets <= MAX_SESSIONS;
  };
  let [low, high] = [1, MAX_GATEWAYS_PER_COLO];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(middle)) high = middle;
    else low = middle + 1;
  }
  return { gatewaysPerColo: low, ...rest };
};
