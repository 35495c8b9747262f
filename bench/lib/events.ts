import type { Bar } from "../../scripts/lib/bars.ts";
import type { Publication } from "../servers/target.ts";

export const ROOM = "market:BTC-USD";
export const EVENT = "market_chart_live_update";

/** A bar whose `timestamp` is also the event's number: `base` plus its place. */
export type MarketEvent = Bar;

/**
 * `count` events, numbered through their timestamps from `base` on. Each is a bar of its own, so that a server
 * that lets a newer state of a bar replace an older one has nothing to leave out.
 */
export const createEvents = (base: number, count: number): MarketEvent[] =>
  Array.from({ length: count }, (_, index) => createEvent(base + index));

export const createEvent = (timestamp: number): MarketEvent => ({
  symbol: "BTC-USD",
  open: 61685.99,
  high: 61690.51,
  low: 61680.12,
  close: 61686.25,
  volume: 1.52345,
  timestamp,
});

/** As something to publish into the market of its symbol. */
export const publicationOf = (data: MarketEvent): Publication => ({
  room: `market:${data.symbol}`,
  event: EVENT,
  data,
});

/** The event as a Socket.IO frame in the main namespace: what every server under load sends. */
export const encodeFrame = ({ event, data }: Publication): string => `42${JSON.stringify([event, data])}`;
