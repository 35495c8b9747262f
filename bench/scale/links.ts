import { coalescedRate, type GatewayClass, type Load, type MarketPart, roundsPerSecond } from "./load.ts";

/** As in src/rooms/links.ts: calls a second beyond which an object opens links, or takes them. */
const BUSY_PER_SECOND = 10;
/** A call so soon after the one before opens a link. Unused for so long, it is closed when a timer comes, as often. */
const LINK_IDLE_S = 2;
/** No link lasts longer. */
const LINK_S = 60;

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

/** The probability of `turns` or more rounds of a Poisson process, `rate` a second, within `seconds`. */
const probabilityOf = (turns: number, rate: number, seconds: number): number => {
  const mean = rate * seconds;
  let [fewer, term] = [0, Math.exp(-mean)];
  for (let rounds = 0; rounds < turns; rounds++) {
    fewer += term;
    term *= mean / (rounds + 1);
  }
  return Math.max(0, 1 - fewer);
};

/**
 * Calls of one busy object to one busy gateway. `rate` rounds a second come at random, and every `turns`th of them is a
 * call to this gateway: gateways of one lane take turns as relay.
 *
 * Let p be the probability that a call comes within `LINK_IDLE_S` of the one before, and k that it comes before the link is
 * closed, once to twice that time: 1 - exp(-2 rate), and about 1 - exp(-3 rate), if there are no turns. A call that finds
 * no link is a request; if it has come soon it opens one as well, by a request for `link()`, for which it does not wait. So
 * of all calls a part c open none, o = p c open one, l are made over one. Links are closed as often as they are opened:
 * (1 - k) (o + l) = o, and c + o + l = 1. Hence c = (1 - k) / (p + 1 - k), and l = p k / (p + 1 - k). It is open for about
 * l of the time, too, and has been so for `LINK_S` at most l / `LINK_S` times a second: then it is opened anew. But for that
 * a call is c + 2 o requests, less than one if k is above a half: links that are hardly used cost some.
 */
export const linkUseOf = (rate: number, turns = 1): LinkUse => {
  const calls = rate / turns;
  const within = (seconds: number): number => probabilityOf(turns, rate, seconds);
  const soon = within(LINK_IDLE_S);
  // The mean of all times at which the timer may come, by Simpson's rule.
  const kept = (soon + 4 * within(1.5 * LINK_IDLE_S) + within(2 * LINK_IDLE_S)) / 6;
  const closed = 1 - kept;
  const open = (soon * kept) / (soon + closed) || 0;
  const overLinks = Math.max(0, calls * open - open / LINK_S);
  const openings = (calls * soon * closed) / (soon + closed) + open / LINK_S;
  return { calls, overLinks, requests: calls - overLinks + openings, open };
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
const ofRelays = (gateway: GatewayClass, all: number): LinkUse => {
  const { gateways, markets } = gateway;
  const near = markets.reduce((sum, { present, nearCalls }) => sum + present * nearCalls, 0);
  const relayed = markets.reduce((sum, part) => sum + part.present * (part.calls - part.ownCalls), 0);
  // As many as it makes itself, on average.
  if (!isBusy(relayed)) return plain(relayed);
  const from = (peers: number, calls: number): LinkUse =>
    peers < 1 ? plain(calls) : times(peers, linkUseOf(calls / peers));
  return sumOf([from(gateways - 1, near), from(all - gateways, relayed - near)]);
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
