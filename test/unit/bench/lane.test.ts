import { beforeEach, expect, it } from "vitest";
import { createEvents, publicationOf } from "../../../bench/lib/events.ts";
import { Lane, Lanes, SendLog } from "../../../bench/lib/lane.ts";
import type { Publication } from "../../../bench/servers/target.ts";

const events = createEvents(0, 1_200).map(publicationOf);

let log: SendLog;
beforeEach(() => {
  log = new SendLog();
});

/** A server that answers when told to. */
const createServer = () => {
  const requests: {
    readonly publications: readonly Publication[];
    readonly answer: (error?: Error) => void;
  }[] = [];
  return {
    requests,
    publish: (publications: readonly Publication[]) =>
      new Promise<void>((resolve, reject) => {
        requests.push({
          publications,
          answer: (error) => (error === undefined ? resolve() : reject(error)),
        });
      }),
  };
};

it("sends at once, and what came meanwhile in one request when that is answered", async () => {
  const { requests, publish } = createServer();
  const lane = new Lane(publish, log, () => 100);
  lane.offer(events.slice(0, 1), 99);
  lane.offer(events.slice(1, 3), 98);
  lane.offer(events.slice(3, 4), 100);
  expect(requests.map(({ publications }) => publications)).toEqual([events.slice(0, 1)]);
  requests[0]?.answer();
  await Promise.resolve();
  expect(requests[1]?.publications).toEqual(events.slice(1, 4));
  requests[1]?.answer();
  await lane.empty();
  const { requests: count, offeredLate } = log.report();
  expect([count, offeredLate.count]).toEqual([2, 4]);
  expect(offeredLate.max).toBeCloseTo(2, 2);
});

it("puts no more into a request than servers take", async () => {
  const { requests, publish } = createServer();
  const lane = new Lane(publish, log);
  lane.offer(events, 0);
  for (let request = 0; request < 3; request++) {
    requests[request]?.answer();
    await Promise.resolve();
  }
  await lane.empty();
  expect(requests.flatMap(({ publications }) => publications)).toEqual(events);
  expect(requests.map(({ publications }) => publications.length)).toEqual([500, 500, 200]);
});

it("says how long events waited for the server, apart from being offered late", async () => {
  let now = 100;
  const { requests, publish } = createServer();
  const lane = new Lane(publish, log, () => now);
  lane.offer(events.slice(0, 1), 100);
  lane.offer(events.slice(1, 2), 100);
  now = 150;
  requests[0]?.answer();
  await Promise.resolve();
  requests[1]?.answer();
  await lane.empty();
  const { offeredLate, sentLate } = log.report();
  expect(offeredLate.max).toBeLessThan(0.01);
  expect(sentLate.max).toBeCloseTo(50, 0);
});

it("a refused request is told to whoever waits for the end", async () => {
  const { requests, publish } = createServer();
  const lane = new Lane(publish, log);
  lane.offer(events.slice(0, 1), 0);
  requests[0]?.answer(new Error("Refused."));
  await expect(lane.empty()).rejects.toThrow("Refused.");
});

it("rooms are shared out among lanes, each always to the same", async () => {
  const { requests, publish } = createServer();
  const lanes = new Lanes(2, () => new Lane(publish, log));
  const of = (room: string, count: number): Publication[] =>
    events.slice(0, count).map((publication) => ({ ...publication, room }));
  lanes.offer([...of("a", 2), ...of("b", 1), ...of("c", 1)], 0);
  lanes.offer(of("b", 1), 0);
  expect(requests.map(({ publications }) => publications.map(({ room }) => room))).toEqual([
    ["a", "a", "c"],
    ["b"],
  ]);
  requests[1]?.answer();
  await Promise.resolve();
  expect(requests[2]?.publications).toEqual(of("b", 1));
  for (const { answer } of requests) answer();
  await lanes.empty();
  expect(log.report().requests).toBe(3);
});
