import { ID_LENGTH, randomToken } from "../lib/random.ts";

/** A gateway is named `<colo>-<n>`, and a session id is `<gateway>.<random>`: any Worker can route by it. */
const SESSION_ID = new RegExp(`^(([A-Z]{3}|local)-(0|[1-9]\\d{0,3}))\\.[A-Za-z0-9_-]{${ID_LENGTH}}$`);

/** How many gateways a Cloudflare location has: its own number, or that of all others. */
export interface GatewayCounts {
  readonly byColo: ReadonlyMap<string, number>;
  readonly others: number;
}

const countOf = ({ byColo, others }: GatewayCounts, colo: string): number => byColo.get(colo) ?? others;

/** `request.cf.colo` as gateways are named by it; anything that is none is `local`. */
const coloOf = (colo: unknown): string =>
  typeof colo === "string" && /^[A-Z]{3}$/.test(colo) ? colo : "local";

/** Names the `index`th gateway of a Cloudflare location (`request.cf.colo`). */
export const gatewayName = (colo: unknown, index: number): string => `${coloOf(colo)}-${index}`;

export const createSessionId = (gateway: string): string => `${gateway}.${randomToken(ID_LENGTH)}`;

/**
 * The gateway a session id names, or `undefined` if it is none of those that its location has. A made-up id may wake one
 * of those: it finds no session there, and leaves nothing behind.
 */
export const gatewayOf = (sessionId: string, counts: GatewayCounts): string | undefined => {
  const [, gateway, colo = "", index] = SESSION_ID.exec(sessionId) ?? [];
  return Number(index) < countOf(counts, colo) ? gateway : undefined;
};

/** The gateways of a location, from a random one on: the first to ask, then where to ask next. */
export const gatewayCandidates = (colo: unknown, counts: GatewayCounts, random: () => number): string[] => {
  const count = countOf(counts, coloOf(colo));
  const first = Math.floor(random() * count);
  return Array.from({ length: count }, (_, offset) => gatewayName(colo, (first + offset) % count));
};
