import { describe, expect, it } from "vitest";
import { createEventQueue } from "../../../bench/scale/event-queue.ts";
import { Histogram } from "../../../bench/scale/histogram.ts";
import { createRandom } from "../../../bench/scale/random.ts";
import { createServer } from "../../../bench/scale/server.ts";

describe("the event queue", () => {
  it("lets things happen by time, and at one time in the order they were told", () => {
    const queue = createEventQueue();
    const random = createRandom(1);
    const expected = Array.from({ length: 500 }, (_, index) => ({
      index,
      time: Math.floor(random.next() * 50),
    }));
    const happened: number[] = [];
    for (const { index, time } of expected) queue.at(time, () => happened.push(index));
    queue.run(50);
    const sorted = expected.toSorted((a, b) => a.time - b.time).map(({ index }) => index);
    expect(happened).toEqual(sorted);
  });

  it("goes on with what is told meanwhile, and stops at the time it is given", () => {
    const queue = createEventQueue();
    const times: number[] = [];
    const tick = (): void => {
      times.push(queue.now);
      queue.at(queue.now + 10, tick);
    };
    queue.at(5, tick);
    queue.run(30);
    expect(times).toEqual([5, 15, 25]);
    expect(queue.now).toBe(30);
    expect(() => queue.at(29, tick)).toThrow("before");
  });
});

/** What queueing theory says of one server with Poisson arrivals and equal service times (M/D/1), in service times. */
const meanWait = (load: number): number => load / (2 * (1 - load));

describe("a thread", () => {
  it.each([0.3, 0.7])("makes jobs wait as the formula for M/D/1 says, at a load of %d", (load) => {
    const random = createRandom(7);
    const server = createServer();
    const jobs = 100_000;
    let [now, waited] = [0, 0];
    for (let job = 0; job < jobs; job++) {
      now += random.exponential(1 / load);
      waited += server.serve(now, 1) - 1 - now;
    }
    expect(waited / jobs / meanWait(load)).toBeCloseTo(1, 1);
    expect(server.busyMs).toBe(jobs);
  });

  it("makes rare jobs wait for its background work as the same formula says", () => {
    const random = createRandom(3);
    const server = createServer({ rate: 0.5, serviceMs: () => 1 }, random);
    const jobs = 20_000;
    let [now, waited] = [0, 0];
    for (let job = 0; job < jobs; job++) {
      now += random.exponential(20);
      waited += server.serve(now, 0) - now;
    }
    expect(waited / jobs / meanWait(0.5)).toBeCloseTo(1, 1);
  });
});

describe("the histogram", () => {
  it("tells percentiles to a hundredth of their size, by weight", () => {
    const histogram = new Histogram();
    for (let ms = 1; ms <= 1_000; ms++) histogram.add(ms);
    histogram.add(5_000, 1_000);
    expect(histogram.percentile(0.25) / 500).toBeCloseTo(1, 1);
    expect(histogram.percentile(0.75)).toBeCloseTo(5_000, -2);
    expect(histogram.percentiles().max).toBe(5_000);
  });
});
