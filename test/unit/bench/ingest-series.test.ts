import { expect, it } from "vitest";
import { requestsOf, wholeSeries } from "../../../bench/lib/ingest-series.ts";
import { FIRST_MS } from "../../../bench/lib/personal-events.ts";

it("gives every room the same number of events in whole requests", () => {
  expect(wholeSeries({ rooms: 1, batch: 100 })).toBe(100);
  expect(wholeSeries({ rooms: 50, batch: 100 })).toBe(100);
  expect(wholeSeries({ rooms: 50, batch: 1 })).toBe(50);
  expect(wholeSeries({ rooms: 4, batch: 6 })).toBe(12);
});

it("numbers the events of each room, and names each once", () => {
  const requests = requestsOf({ eventClass: "market", rooms: 2, events: 6, batch: 4, first: 7, ids: true });
  expect(requests.map(({ length }) => length)).toEqual([4, 2]);
  const events = requests.flat();
  expect(events.map(({ room }) => room)).toEqual([0, 1, 0, 1, 0, 1].map((n) => `market:M${n}-USD`));
  const numbers = events.map(({ data }) => (data as { timestamp: number }).timestamp - FIRST_MS);
  expect(numbers).toEqual([7, 7, 8, 8, 9, 9]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(6);
});

it("publishes personal events to users, without ids unless told", () => {
  const [[event] = []] = requestsOf({
    eventClass: "personal",
    rooms: 1,
    events: 1,
    batch: 1,
    first: 0,
    ids: false,
  });
  expect(event).toMatchObject({
    room: "user:bench-0",
    event: "credits_granted",
    data: { timestamp: FIRST_MS },
  });
  expect(event).not.toHaveProperty("id");
});
