import type { Publication } from "../servers/target.ts";
import { createEvent, publicationOf } from "./events.ts";
import { FIRST_MS, personalEvent } from "./personal-events.ts";
import type { EventClass } from "./stamped.ts";

/** The symbol of the `n`th market. */
export const symbolOf = (n: number): string => `M${n}-USD`;

export interface SeriesOptions {
  readonly eventClass: EventClass;
  /** Markets or users; the events go to one after the other. */
  readonly rooms: number;
  readonly events: number;
  /** Events in one request. */
  readonly batch: number;
  /** Number of the first event in each room; later ones count up from it. `FIRST_MS` more is the event's `timestamp`. */
  readonly first: number;
  /** Whether each event has an id of its own. */
  readonly ids: boolean;
}

const publicationIn = (eventClass: EventClass, room: number, number: number): Publication =>
  eventClass === "personal"
    ? personalEvent(room, number)
    : publicationOf({ ...createEvent(FIRST_MS + number), symbol: symbolOf(room) });

/** The least number of events that is the same in every room, in whole requests. */
export const wholeSeries = ({ rooms, batch }: Pick<SeriesOptions, "rooms" | "batch">): number => {
  let events = Math.max(rooms, batch);
  while (events % rooms !== 0 || events % batch !== 0) events += Math.max(rooms, batch);
  return events;
};

/** The requests of a series, in order. */
export const requestsOf = ({
  eventClass,
  rooms,
  events,
  batch,
  first,
  ids,
}: SeriesOptions): Publication[][] => {
  const series = Array.from({ length: events }, (_, index): Publication => {
    const room = index % rooms;
    const number = first + Math.floor(index / rooms);
    const publication = publicationIn(eventClass, room, number);
    return ids ? { id: `${room}-${number}`, ...publication } : publication;
  });
  return Array.from({ length: Math.ceil(events / batch) }, (_, index) =>
    series.slice(index * batch, (index + 1) * batch),
  );
};
