/**
 * The grammar of room names. Pure. A name becomes the name of a Durable Object,
 * so nothing outside this grammar may get that far.
 */

export type UserRoom = `user:${string}`;
export type MarketRoom = `market:${string}`;
export type RoomName = UserRoom | MarketRoom;

export type Room =
  | { readonly kind: "user"; readonly userId: string }
  | { readonly kind: "market"; readonly symbol: string };

/** Two or three parts: `BTC-USD`, `BTC-USD-PERP`. */
export const symbolPattern = /^[A-Z0-9]{1,20}(?:-[A-Z0-9]{1,20}){1,2}$/;

export const userIdPattern = /^[A-Za-z0-9_.:|@+-]{1,128}$/;

export function isSymbol(value: unknown): value is string {
  return typeof value === "string" && symbolPattern.test(value);
}

export function isUserId(value: unknown): value is string {
  return typeof value === "string" && userIdPattern.test(value);
}

/** The personal room of a user whose id passed `isUserId`. */
export function userRoom(userId: string): UserRoom {
  return `user:${userId}`;
}

/** The room of a market whose symbol passed `isSymbol`. */
export function marketRoom(symbol: string): MarketRoom {
  return `market:${symbol}`;
}

/** Reads a room name; undefined when it is of no known kind or its id is malformed. */
export function parseRoom(name: string): Room | undefined {
  const colon = name.indexOf(":");
  if (colon === -1) return undefined;
  const kind = name.slice(0, colon);
  const id = name.slice(colon + 1);
  if (kind === "user" && isUserId(id)) return { kind, userId: id };
  if (kind === "market" && isSymbol(id)) return { kind, symbol: id };
  return undefined;
}
