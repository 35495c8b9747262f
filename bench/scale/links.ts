import { TURN_MS } from "../../src/rooms/fan-out.ts";
import { BUSY_PER_SECOND, IDLE_MS, LINK_MS, SWEEP_MS } from "../../src/rooms/links.ts";
import { coalescedRate, type GatewayClass, type Load, type MarketPart, roundsPerSecond } from "./load.ts";

const MS = 1_000;
/** A call so soon after the one before opens a link. */
const LINK_IDLE_S = IDLE_MS / MS;
/** Unused for so long, on average, it is closed: by the next look after `LINK_IDLE_S`. */
const LINK_CLOSED_S = (IDLE_MS + SWEEP_MS / 2) / MS;
/** No link lasts longer. */
const LINK_S = LINK_MS / MS;
/** So long the same gateway of a lane relays. */
const TURN_S = TURN_MS / MS;

/** Calls a second, and how they are made. */
export interface LinkUse {
  readonly calls: number;
  readonly overLinks: number;
  /** Paid for: calls that are not made over links, and those that open links. */
  readonly requests: number;
  /** Links that are open at a time. */
  readonly open: number;
}

export interface Links {
  /** Of all market rooms to gateways. */
  readonly ofRooms: LinkUse;
  /** Of gateways that relay to others. */
  readonly ofRelays: LinkUse;
  /** Open at a time at the room and at the gateway that has most; a gateway's are those of both ends. */
  readonly mostOfRoom: number;
  readonly mostOfGateway: number;
}

const NONE: LinkUse = { calls: 0, overLinks: 0, requests: 0, open: 0 };

const times = (factor: number, use: LinkUse): LinkUse => ({
  calls: factor * use.calls,
  overLinks: factor * use.overLinks,
  requests: factor * use.requests,
  open: factor * use.open,
});

const sumOf = (uses: readonly LinkUse[]): LinkUse =>
  uses.reduce(
    (sum, use) => ({
      calls: sum.calls + use.calls,
      overLinks: sum.overLinks + use.overLinks,
      requests: sum.requests + use.requests,
      open: sum.open + use.open,
    }),
    NONE,
  );

const plain = (calls: number): LinkUse => ({ ...NONE, calls, requests: calls });

/** Of a link to one busy gateway that one busy object calls. */
interface Changes {
  /** Openings for each second that it is closed, closings for each that it is open. */
  readonly opening: number;
  readonly closing: number;
  /** The part of the time for which it is open, in the long run. */
  readonly open: number;
}

/**
 * If `rate` calls a second come at random, a link is opened by the first that comes within `LINK_IDLE_S` of the one
 * before, and closed in the first gap of `LINK_CLOSED_S`. Let p be the probability of the former. A link that is closed
 * waits for a call, and then for 1 / p more on average; the mean time to a gap is that of a Poisson process.
 */
const changesOf = (rate: number): Changes => {
  if (rate === 0) return { opening: 0, closing: 1 / LINK_CLOSED_S, open: 0 };
  const soon = 1 - Math.exp(-rate * LINK_IDLE_S);
  const opening = rate / (1 + 1 / soon);
  const closing = rate / Math.expm1(rate * LINK_CLOSED_S);
  return { opening, closing, open: opening / (opening + closing) };
};

/**
 * A call that finds no link is a request; one that opens a link is another, for `link()`, for which it does not wait. A
 * call that finds one is none.
 */
const useOf = (rate: number, open: number): LinkUse => {
  const overLinks = rate * open;
  return { calls: rate, overLinks, requests: rate - overLinks + (1 - open) * changesOf(rate).opening, open };
};

/** `openBefore`: the probability that the turn begins with an open link. Turns are long enough for that to be forgotten. */
const turnOf = (rate: number, openBefore: number): LinkUse => {
  const { opening, closing, open } = changesOf(rate);
  return useOf(rate, open + (openBefore - open) / (opening + closing) / TURN_S);
};

/** A link that lasts for `LINK_S`, as the part `lasting` of the time it does, is closed, and opened anew by the next call. */
const renewing = ({ calls, overLinks, requests, open }: LinkUse, lasting = 1): LinkUse => {
  const renewals = (lasting * open) / LINK_S;
  return { calls, overLinks: Math.max(0, overLinks - renewals), requests: requests + 2 * renewals, open };
};

/**
 * Of a room to one gateway of a lane of `size`, which has `rate` rounds a second: alone it is called in each, with others
 * in its turn, and until the next its link is closed.
 */
export const linkUseOf = (rate: number, size = 1): LinkUse => {
  const { open } = changesOf(rate);
  if (size === 1) return renewing(useOf(rate, open));
  const inTurn = turnOf(rate, 0);
  return times(1 / size, { ...inTurn, open: inTurn.open + (open * LINK_CLOSED_S) / TURN_S });
};

/** What a gateway relays to another in one market. */
interface Relaying {
  /** How many lanes with both of them have the gateway's turn, on average: less than 1, as a market has one at most. */
  readonly lanes: number;
  /** Calls a second while it has. */
  readonly rate: number;
}

const lanesOf = (relaying: readonly Relaying[]): number =>
  relaying.reduce((sum, { lanes }) => sum + lanes, 0);

/** With more there is something to relay in every turn. */
const MANY_LANES = 50;
const RATE_STEP = 0.05;
const NEARLY_ALL = 1 - 1e-6;

/**
 * The probabilities of 0, 1, 2, ... times `RATE_STEP` calls a second in a turn. Whose turn it is in one market says nothing
 * of another, so lanes come as in a Poisson process; their rates are added up by Panjer's recursion.
 */
const ratesOf = (relaying: readonly Relaying[]): readonly number[] => {
  const steps = new Map<number, number>();
  for (const { lanes, rate } of relaying) {
    const step = Math.max(1, Math.round(rate / RATE_STEP));
    steps.set(step, (steps.get(step) ?? 0) + lanes);
  }
  const atOnce = lanesOf(relaying);
  const rates = [Math.exp(-atOnce)];
  for (let found = 0; found < NEARLY_ALL * -Math.expm1(-atOnce); ) {
    let sum = 0;
    for (const [step, lanes] of steps) sum += step * lanes * (rates[rates.length - step] ?? 0);
    const probability = sum / rates.length;
    rates.push(probability);
    found += probability;
  }
  return rates;
};

/** Of a gateway to one that it relays to, in all markets: what there is to relay is another in each turn. */
export const relayUseOf = (relaying: readonly Relaying[]): LinkUse => {
  const calls = relaying.reduce((sum, { lanes, rate }) => sum + lanes * rate, 0);
  if (calls === 0) return NONE;
  if (lanesOf(relaying) > MANY_LANES) return linkUseOf(calls);
  const turns = ratesOf(relaying).map((probability, step) => ({ probability, rate: step * RATE_STEP }));
  const openBefore = turns.reduce(
    (sum, { probability, rate }) => sum + probability * changesOf(rate).open,
    0,
  );
  const use = sumOf(turns.map(({ probability, rate }) => times(probability, turnOf(rate, openBefore))));
  return renewing(times(calls / use.calls, use), openBefore ** (LINK_S / TURN_S));
};

/** Whether an object that makes, or takes, so many calls a second has links. */
export const isBusy = (calls: number): boolean => calls > BUSY_PER_SECOND;

/** Market calls that a gateway takes a second. */
export const callsTo = ({ markets }: GatewayClass): number =>
  markets.reduce((sum, { present, calls }) => sum + present * calls, 0);

/** Of a room to one gateway that has subscribers. */
const ofRoom = ({ market, kinds }: MarketPart, coalesceMs: number): LinkUse => {
  const rate = coalescedRate(market.rate, coalesceMs);
  return sumOf(
    kinds.map(({ share, size, cycleS }) => times(share, linkUseOf(roundsPerSecond(rate, cycleS), size))),
  );
};

/** Of others that relay to one gateway: links are for all markets, and those near it relay to it most. */
const ofRelays = ({ gateways, markets }: GatewayClass, all: number): LinkUse => {
  const relayed = markets.reduce((sum, part) => sum + part.present * (part.calls - part.ownCalls), 0);
  // As many as it makes itself, on average.
  if (!isBusy(relayed)) return plain(relayed);
  /** Of so many others to this one: each has the same part of the calls. */
  const ofPeers = (peers: number, callsOf: (part: MarketPart) => number): LinkUse => {
    const relaying = markets.map((part) => ({
      // Rounding may leave a little less than none.
      lanes: Math.max(0, (part.present * callsOf(part)) / part.calls / peers),
      rate: part.calls,
    }));
    return peers < 1 ? NONE : times(peers, relayUseOf(relaying));
  };
  return sumOf([
    ofPeers(gateways - 1, ({ nearCalls }) => nearCalls),
    ofPeers(all - gateways, ({ calls, ownCalls, nearCalls }) => calls - ownCalls - nearCalls),
  ]);
};

/** What part of all calls is made over links. */
export const linksOf = ({ setup, classes, rooms, gateways }: Load): Links => {
  const ofClasses = classes.map((gateway) => {
    const granted = isBusy(callsTo(gateway));
    return {
      gateways: gateway.gateways,
      /** By market, of each gateway. */
      rooms: gateway.markets.map((part, index) => {
        const isLinked = granted && isBusy(rooms[index]?.ownCalls ?? 0);
        return times(part.present, isLinked ? ofRoom(part, setup.coalesceMs) : plain(part.ownCalls));
      }),
      relays: ofRelays(gateway, gateways),
    };
  });
  const ofRooms = rooms.map((_, index) =>
    sumOf(ofClasses.map(({ gateways, rooms }) => times(gateways, rooms[index] ?? NONE))),
  );
  return {
    ofRooms: sumOf(ofRooms),
    ofRelays: sumOf(ofClasses.map(({ gateways, relays }) => times(gateways, relays))),
    mostOfRoom: Math.max(...ofRooms.map(({ open }) => open)),
    mostOfGateway: Math.max(...ofClasses.map(({ rooms, relays }) => sumOf(rooms).open + 2 * relays.open)),
  };
};
