/** Events that carry when they were due, so that whoever receives one knows at once how old it is. */
import type { Bar } from "../../scripts/lib/bars.ts";
import type { Publication } from "../servers/target.ts";
import { EVENT, publicationOf } from "./events.ts";
import { PERSONAL_EVENT, personalEvent } from "./personal-events.ts";

export const CLASSES = ["market", "personal"] as const;
export type EventClass = (typeof CLASSES)[number];

/** By class: the event, and the field that has the stamp: µs of the monotonic clock, a whole number. */
export const STAMPED: Readonly<Record<EventClass, { readonly event: string; readonly field: string }>> = {
  market: { event: EVENT, field: "volume" },
  personal: { event: PERSONAL_EVENT, field: "amount" },
};

/** Turns times when events are due, in ms, into stamps. Each is above the last: it also numbers its event. */
export const createStamper = (): ((dueMs: number) => number) => {
  let last = 0;
  return (dueMs) => {
    last = Math.max(last + 1, Math.round(dueMs * 1_000));
    return last;
  };
};

/** A state of a bar. */
export const stampedBar = (bar: Bar, stamp: number): Publication =>
  publicationOf({ ...bar, [STAMPED.market.field]: stamp });

/** For all sockets of a user; personal events have their number where the stamp goes. */
export const stampedGrant = personalEvent;
