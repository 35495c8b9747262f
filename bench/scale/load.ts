import type { Costs } from "./costs.ts";
import { type LaneKind, type LaneKinds, laneKindsOf } from "./lane-cycles.ts";
import { COLOS, type Colo, HUB, oneWayMs } from "./topology.ts";
import { type Market, marketsOf, type Workload } from "./workload.ts";

/** What an operator sets. */
export interface Setup {
  readonly gatewaysPerColo: number;
  /** Whether smaller locations have fewer gateways, in proportion. */
  readonly proportional?: boolean;
  /** FANOUT_WIDTH. */
  readonly width: number;
  /** MARKET_COALESCE_MS. */
  readonly coalesceMs: number;
}

/** What one gateway of a location has to do for one market, a second. */
export interface MarketPart {
  readonly market: Market;
  /** Whether a gateway has a subscriber at all, and how many it has then. */
  readonly present: number;
  readonly sockets: number;
  /** deliver calls to a gateway that has some, and events in each. */
  readonly calls: number;
  readonly frames: number;
  /** Of the calls those that the room makes itself, and those that gateways of the same location relay. */
  readonly ownCalls: number;
  readonly nearCalls: number;
  /** Lanes in which a gateway of this location is. */
  readonly kinds: readonly LaneKind[];
  /** Of CPU time for one call, in ms. */
  readonly serviceMs: number;
}

/** All gateways of a location are alike: the Worker picks at random. */
export interface GatewayClass {
  readonly colo: Colo;
  readonly gateways: number;
  /** Of each gateway. */
  readonly sockets: number;
  readonly markets: readonly MarketPart[];
  /** Calls, whether over links or not, requests, messages and alarms of each gateway a second. */
  readonly requests: number;
  /** Share of its time in which its thread works. */
  readonly busy: number;
}

export interface MarketRoom {
  readonly market: Market;
  readonly gateways: number;
  /** Outboxes. */
  readonly lanes: number;
  /** Calls to gateways in all a second, and those of them that the room makes itself. */
  readonly calls: number;
  readonly ownCalls: number;
  readonly requests: number;
  readonly busy: number;
}

export interface Load {
  readonly setup: Setup;
  readonly workload: Workload;
  readonly gateways: number;
  readonly classes: readonly GatewayClass[];
  readonly rooms: readonly MarketRoom[];
  /** Market events and personal events to sockets a second. */
  readonly deliveries: number;
}

const MS = 1_000;
/** ping and silence come once in an interval. */
const ALARMS_A_PING = 2;
/** CONNECT, and a subscribe for each market. */
export const messagesOfConnect = (workload: Workload): number => 1 + workload.markets;

/** How many rounds a second one batch in flight at a time makes, if `rate` arrivals a second find each round `cycleS` long. */
export const roundsPerSecond = (rate: number, cycleS: number): number =>
  rate === 0 ? 0 : 1 / (cycleS + Math.exp(-rate * cycleS) / rate);

/** What of a room's events arrives at its outboxes a second, if they wait for each other. */
export const coalescedRate = (rate: number, coalesceMs: number): number =>
  roundsPerSecond(rate, coalesceMs / MS);

const LARGEST_SHARE = Math.max(...COLOS.map(({ share }) => share));

const gatewaysAt = (colo: Colo, { gatewaysPerColo, proportional = false }: Setup): number =>
  proportional ? Math.ceil((gatewaysPerColo * colo.share) / LARGEST_SHARE) : gatewaysPerColo;

interface Reach {
  readonly market: Market;
  readonly gateways: number;
  readonly lanes: number;
  readonly kindsAt: (colo: Colo) => readonly LaneKind[];
}

const gatewaysIn = (setup: Setup): number => COLOS.reduce((sum, colo) => sum + gatewaysAt(colo, setup), 0);

const knownKinds = new WeakMap<Costs, Map<string, LaneKinds>>();

/** Rooms with about as many gateways have the same kinds of lanes: they are found once. */
const relayedKinds = (gateways: number, setup: Setup, costs: Costs): LaneKinds => {
  const rounded = Number(gateways.toPrecision(2));
  const { width, gatewaysPerColo, proportional = false } = setup;
  const name = [width, rounded, proportional ? gatewaysPerColo : "even"].join(" ");
  const known = knownKinds.get(costs) ?? new Map<string, LaneKinds>();
  knownKinds.set(costs, known);
  const shares = COLOS.map((colo) => gatewaysAt(colo, setup) / gatewaysIn(setup));
  const kinds = known.get(name) ?? laneKindsOf(rounded, width, shares, costs);
  known.set(name, kinds);
  return kinds;
};

const subscribersAt = ({ subscribers }: Market, colo: Colo, setup: Setup): number =>
  (subscribers * colo.share) / gatewaysAt(colo, setup);

const reachOf = (market: Market, setup: Setup, costs: Costs): Reach => {
  const gateways = COLOS.reduce(
    (sum, colo) => sum + gatewaysAt(colo, setup) * (1 - Math.exp(-subscribersAt(market, colo, setup))),
    0,
  );
  const lanes = Math.min(setup.width, gateways);
  const relayed = gateways > lanes ? relayedKinds(gateways, setup, costs) : undefined;
  return {
    market,
    gateways,
    lanes,
    kindsAt: (colo) =>
      relayed?.get(colo) ?? [{ share: 1, size: 1, near: 0, cycleS: (2 * oneWayMs(HUB, colo, costs)) / MS }],
  };
};

const classOf = (
  colo: Colo,
  reaches: readonly Reach[],
  workload: Workload,
  setup: Setup,
  costs: Costs,
): GatewayClass => {
  const sockets = (workload.sockets * colo.share) / gatewaysAt(colo, setup);
  const { socketTurnUs, socketFrameUs, deliverCallUs, callerShare, connectUs, joinUs } = costs;
  const toSocketMs = (socketTurnUs + socketFrameUs) / MS;
  const callMs = deliverCallUs / MS;
  const markets = reaches.map(({ market, kindsAt }): MarketPart => {
    const mean = subscribersAt(market, colo, setup);
    const present = 1 - Math.exp(-mean);
    const rate = coalescedRate(market.rate, setup.coalesceMs);
    const kinds = kindsAt(colo);
    let [calls, ownCalls, nearCalls] = [0, 0, 0];
    for (const { share, size, near, cycleS } of kinds) {
      const rounds = share * roundsPerSecond(rate, cycleS);
      calls += rounds;
      ownCalls += rounds / size;
      nearCalls += (rounds * near) / size;
    }
    const frames = market.rate / calls;
    // A relay's calls are made by all gateways of its lane in turns.
    const relayed = 1 - ownCalls / calls;
    const serviceMs =
      callMs * (1 - callerShare + relayed * callerShare) +
      ((mean / present) * (frames * socketFrameUs + socketTurnUs)) / MS;
    const sockets = mean / present;
    return { market, present, sockets, calls, frames, ownCalls, nearCalls, kinds, serviceMs };
  });
  const { personalRate, requestRate, sessionS, pingIntervalS } = workload;
  const marketCalls = markets.reduce((sum, { present, calls }) => sum + present * calls, 0);
  const connects = sockets / sessionS;
  const busyMs =
    markets.reduce((sum, { present, calls, serviceMs }) => sum + present * calls * serviceMs, 0) +
    sockets * personalRate * (callMs * (1 - callerShare) + toSocketMs) +
    sockets * requestRate * (costs.requestGatewayUs / MS) +
    connects *
      ((connectUs * costs.connectGatewayShare + workload.markets * (joinUs - costs.roomJoinUs)) / MS) +
    (sockets / pingIntervalS) * toSocketMs;
  const requests =
    marketCalls +
    sockets * (personalRate + requestRate) +
    connects * (1 + messagesOfConnect(workload)) +
    ALARMS_A_PING / pingIntervalS;
  return { colo, gateways: gatewaysAt(colo, setup), sockets, markets, requests, busy: busyMs / MS };
};

const roomOf = (
  { market, gateways, lanes }: Reach,
  index: number,
  classes: readonly GatewayClass[],
  workload: Workload,
  costs: Costs,
): MarketRoom => {
  const sumOf = (of: (part: MarketPart) => number): number =>
    classes.reduce((sum, { gateways, markets }) => {
      const part = markets[index];
      return part === undefined ? sum : sum + gateways * part.present * of(part);
    }, 0);
  const calls = sumOf((part) => part.calls);
  const ownCalls = sumOf((part) => part.ownCalls);
  const changes = (2 * market.subscribers) / workload.sessionS;
  const busyUs =
    market.rate * (costs.publishRequestUs + costs.publishEventUs) * costs.publishRoomShare +
    ownCalls * costs.deliverCallUs * costs.callerShare +
    changes * costs.roomJoinUs;
  // Changes of one gateway that wait go together: at most one call for each change.
  return { market, gateways, lanes, calls, ownCalls, requests: market.rate + changes, busy: busyUs / 1e6 };
};

/** The rates at which everything happens, on average, with this setup. */
export const loadOf = (workload: Workload, setup: Setup, costs: Costs): Load => {
  const markets = marketsOf(workload);
  const reaches = markets.map((market) => reachOf(market, setup, costs));
  const classes = COLOS.map((colo) => classOf(colo, reaches, workload, setup, costs));
  const rooms = reaches.map((reach, index) => roomOf(reach, index, classes, workload, costs));
  return {
    setup,
    workload,
    gateways: gatewaysIn(setup),
    classes,
    rooms,
    deliveries:
      markets.reduce((sum, { subscribers, rate }) => sum + subscribers * rate, 0) +
      workload.sockets * workload.personalRate,
  };
};

/** Those that have most to do. */
export const busiest = <T extends { readonly busy: number }>(all: readonly T[]): T => {
  const [first, ...others] = all;
  if (first === undefined) throw new Error("There is none.");
  return others.reduce((most, one) => (one.busy > most.busy ? one : most), first);
};
