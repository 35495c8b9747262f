import { describe, expect, it } from "vitest";
import { Tally } from "../../../bench/client/tally.ts";

const BASE = 1_000;

/** Two sockets that are to get four events each; `received` holds the numbers that each got, in that order. */
const tallyOf = (received: readonly (readonly number[])[], ordered?: number): Tally => {
  const tally = new Tally(2, 4, BASE, ordered);
  for (const [socket, events] of received.entries()) {
    for (const event of events) tally.record(socket, BASE + event);
  }
  return tally;
};

const ALL = [0, 1, 2, 3];

describe("what the load client checks", () => {
  it("finds nothing wrong when every socket gets every event once and in order", () => {
    expect(tallyOf([ALL, ALL])).toMatchObject({ complete: true, lost: 0, doubled: 0, reordered: 0 });
  });

  it("finds one event that one socket never got", () => {
    expect(tallyOf([ALL, [0, 1, 3]])).toMatchObject({ complete: false, lost: 1, doubled: 0, reordered: 0 });
  });

  it("is not fooled when another event comes twice in its place", () => {
    expect(tallyOf([ALL, [0, 1, 3, 3]])).toMatchObject({ complete: false, lost: 1, doubled: 1 });
  });

  it("finds an event that comes again, and one of another series", () => {
    expect(tallyOf([[...ALL, 0], ALL])).toMatchObject({ complete: true, doubled: 1 });
    expect(tallyOf([[-1, ...ALL], ALL])).toMatchObject({ complete: true, doubled: 1 });
    expect(tallyOf([[...ALL, 4], ALL])).toMatchObject({ complete: true, doubled: 1 });
  });

  it("finds an event that comes after a later one", () => {
    expect(tallyOf([[0, 2, 1, 3], ALL])).toMatchObject({ complete: true, lost: 0, reordered: 1 });
  });

  it("lets groups overtake each other, but not events of one group", () => {
    expect(tallyOf([[2, 0, 3, 1], ALL], 2)).toMatchObject({ complete: true, reordered: 0 });
    expect(tallyOf([[2, 1, 0, 3], ALL], 2)).toMatchObject({ complete: true, reordered: 1 });
  });
});
