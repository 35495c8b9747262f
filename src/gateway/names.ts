import { ID_LENGTH, randomToken } from "../lib/random.ts";

/** A gateway is named `<colo>-<n>`, and a session id is `<gateway>.<random>`: any Worker can route by it. */
const SESSION_ID = new RegExp(`^((?:[A-Z]{3}|local)-(0|[1-9]\\d{0,3}))\\.[A-Za-z0-9_-]{${ID_LENGTH}}$`);

/** Names the `index`th gateway of a Cloudflare location (`request.cf.colo`; anything else is `local`). */
export const gatewayName = (colo: unknown, index: number): string =>
  `${typeof colo === "string" && /^[A-Z]{3}$/.test(colo) ? colo : "local"}-${index}`;

export const createSessionId = (gateway: string): string => `${gateway}.${randomToken(ID_LENGTH)}`;

/**
 * The gateway a session id names, or `undefined` if it is none of the `count` that each location has. A made-up id may
 * wake one of those: it finds no session there, and leaves nothing behind.
 */
export const gatewayOf = (sessionId: string, count: number): string | undefined => {
  const [, gateway, index] = SESSION_ID.exec(sessionId) ?? [];
  return Number(index) < count ? gateway : undefined;
};

/** The `count` gateways of a location, from a random one on: the first to ask, then where to ask next. */
export const gatewayCandidates = (colo: unknown, count: number, random: () => number): string[] => {
  const first = Math.floor(random() * count);
  return Array.from({ length: count }, (_, offset) => gatewayName(colo, (first + offset) % count));
};
