import { durableEvents, type ServerEvents } from "./events.ts";

export type ServerEventName = keyof ServerEvents;
/** Events that are logged for their user (USER-1). */
export type DurableEventName = (typeof durableEvents)[number];
export type UserRoom = `user:${string}`;
export type MarketRoom = `market:${string}`;

/** To a user's personal room, and there to one socket if it is named. */
interface ToUser {
  readonly userId: string;
  readonly room?: UserRoom;
  readonly socketId?: string;
}

interface ToRoom<R extends UserRoom | MarketRoom> {
  readonly room: R;
  readonly userId?: undefined;
  readonly socketId?: undefined;
}

/** Market events say in their data where they belong. */
type ToSymbol<N extends ServerEventName> = ServerEvents[N] extends { symbol: string }
  ? { readonly room?: undefined; readonly userId?: undefined; readonly socketId?: undefined }
  : never;

type Target<N extends ServerEventName> =
  | ToUser
  | ToRoom<UserRoom>
  | (N extends DurableEventName ? never : ToRoom<MarketRoom> | ToSymbol<N>);

interface Content<N extends ServerEventName> {
  readonly event: N;
  readonly data: ServerEvents[N];
  /** Makes publishing it idempotent in its room (ING-3): 1 to 200 characters. */
  readonly id?: string;
}

/** An event and where it goes: one named event's with `Publication<"credits_granted">`. */
export type Publication<N extends ServerEventName = ServerEventName> = {
  [E in N]: Content<E> & Target<E>;
}[N];

/** For which events the publisher makes an `id` where none is given. */
export type IdPolicy = "durable" | "all";

export interface Encoded {
  readonly json: string;
  readonly bytes: number;
  /** Events of one room are never published out of order. */
  readonly room: string;
}

const durable: ReadonlySet<string> = new Set(durableEvents);

const encoder = new TextEncoder();

/** Throws what JSON.stringify throws. */
export const encode = (publication: Publication, policy: IdPolicy, newId: () => string): Encoded => {
  const needsId = policy === "all" || durable.has(publication.event);
  const item = publication.id === undefined && needsId ? { ...publication, id: newId() } : publication;
  const json = JSON.stringify(item);
  return { json, bytes: encoder.encode(json).byteLength, room: roomOf(publication) };
};

/**
 * The room that the service will find. Where it will find none, it refuses the event whatever the order.
 * Callers without types may have put anything into `data`.
 */
const roomOf = ({ userId, room, data }: Publication): string => {
  if (userId !== undefined) return `user:${userId}`;
  if (room !== undefined) return room;
  return typeof data === "object" && data !== null && "symbol" in data ? `market:${data.symbol}` : "";
};
