import { describe, expect, it } from "vitest";
import { costs } from "../../../bench/scale/costs.ts";
import { createEventQueue } from "../../../bench/scale/event-queue.ts";
import { Histogram } from "../../../bench/scale/histogram.ts";
import { lanesOf } from "../../../bench/scale/lanes.ts";
import { loadOf, roundsPerSecond } from "../../../bench/scale/load.ts";
import { simulateMarkets } from "../../../bench/scale/market-simulation.ts";
import { OutboxModel } from "../../../bench/scale/outbox-model.ts";
import { createRandom } from "../../../bench/scale/random.ts";
import { createRoomModel } from "../../../bench/scale/room-model.ts";
import { createServer } from "../../../bench/scale/server.ts";
import { backoffMs, simulateStorm } from "../../../bench/scale/storm.ts";
import { COLOS, HUB } from "../../../bench/scale/topology.ts";
import { workloadOf } from "../../../bench/scale/workload.ts";

describe("an outbox", () => {
  it("has one batch on its way, and conflates only after one that took over 50 ms more than twice the quickest", () => {
    let now = 0;
    const batches: number[][] = [];
    const answers: (() => void)[] = [];
    const outbox = new OutboxModel({
      now: () => now,
      conflates: true,
      send: (batch, done) => {
        batches.push([...batch]);
        answers.push(done);
      },
    });
    const answerAfter = (ms: number): void => {
      now += ms;
      answers.shift()?.();
    };
    outbox.push([1]);
    outbox.push([2]);
    outbox.push([3]);
    answerAfter(10);
    outbox.push([4]);
    outbox.push([5]);
    answerAfter(70);
    outbox.push([6]);
    outbox.push([7]);
    answerAfter(71);
    expect(batches).toEqual([[1], [2, 3], [4, 5], [7]]);
    expect(outbox.conflated).toBe(1);
  });
});

const GATEWAYS = 10;
const roomOf = (width: number, coalesceMs = 0) => {
  const queue = createEventQueue();
  const latencies = new Histogram();
  const room = createRoomModel({
    queue,
    costs,
    delay: () => 5,
    server: createServer(),
    colo: HUB,
    gateways: Array.from({ length: GATEWAYS }, () => ({ server: createServer(), colo: HUB, sockets: 3 })),
    ...{ width, coalesceMs, latencies },
    conflates: false,
  });
  return { queue, latencies, room };
};

describe("a room", () => {
  it.each([GATEWAYS, 4, 1])(
    "reaches each socket once with one call for each gateway, at a width of %d",
    (width) => {
      const { queue, latencies, room } = roomOf(width);
      room.publish([0]);
      queue.run(1_000);
      expect(latencies.count).toBeCloseTo(3 * GATEWAYS);
      expect(room.stats).toMatchObject({ calls: GATEWAYS, roomCalls: width });
    },
  );

  it("sends at once after a quiet time, and then what has come while it gathered", () => {
    const { queue, latencies, room } = roomOf(GATEWAYS, 100);
    for (const time of [0, 20, 40, 60]) queue.at(time, () => room.publish([queue.now]));
    queue.run(1_000);
    expect(room.stats.calls).toBe(2 * GATEWAYS);
    expect(latencies.count).toBeCloseTo(4 * 3 * GATEWAYS);
    expect(latencies.percentiles().max).toBeGreaterThan(80);
  });
});

describe("lanes", () => {
  it("are those that src/rooms/fan-out.ts makes", () => {
    const [a, b, c] = COLOS;
    const named = { a, b, c };
    const lanesFor = (order: string): string[] => {
      const gateways = [...order].flatMap((name) => {
        const colo = named[name as keyof typeof named];
        return colo === undefined ? [] : [{ name, colo }];
      });
      return lanesOf(gateways, 2).map((lane) => lane.map(({ name }) => name).join(""));
    };
    // Near as long as that lane has at most twice as many as the smallest.
    expect(lanesFor("abaaa")).toEqual(["aaa", "ba"]);
    expect(lanesFor("ababcc")).toEqual(["aac", "bbc"]);
    expect(lanesFor("aabb")).toEqual(["ab", "ab"]);
  });
});

describe("rates", () => {
  it("tell how often one batch at a time is sent", () => {
    // Rarely anything: each event has a batch of its own. Much: one batch after the other.
    expect(roundsPerSecond(0.1, 0.01)).toBeCloseTo(0.1, 3);
    expect(roundsPerSecond(1_000, 0.1)).toBeCloseTo(10, 3);
    expect(roundsPerSecond(0, 0.1)).toBe(0);
  });

  it.each([256, 40])("are those that the simulation comes to, at a width of %d", (width) => {
    const load = loadOf(
      { ...workloadOf(10_000), symbols: 20 },
      { gatewaysPerColo: 4, width, coalesceMs: 0 },
      costs,
    );
    const [hottest] = load.rooms;
    const options = { seconds: 15, rooms: 1, personalRate: 10, seed: 1 };
    const simulated = simulateMarkets(load, options, costs);
    for (const ratio of [
      simulated.calls / 15 / (hottest?.calls ?? 0),
      simulated.roomCalls / 15 / (hottest?.ownCalls ?? 0),
    ]) {
      expect(ratio).toBeGreaterThan(0.85);
      expect(ratio).toBeLessThan(1.15);
    }
  });
});

describe("the simulation", () => {
  const load = loadOf(
    { ...workloadOf(3_000), symbols: 20 },
    { gatewaysPerColo: 1, width: 16, coalesceMs: 0 },
    costs,
  );
  const markets = (seed: number) =>
    simulateMarkets(load, { seconds: 3, rooms: 2, personalRate: 50, seed }, costs);
  const storm = (seed: number) =>
    simulateStorm(load, { clients: 3_000, connectTimeoutMs: 5_000, seconds: 60, seed }, costs);

  it("comes out the same each time, and otherwise with another seed", () => {
    expect(markets(1)).toEqual(markets(1));
    expect(markets(1).market.percentiles()).not.toEqual(markets(2).market.percentiles());
    expect(storm(1)).toEqual(storm(1));
  });

  it("brings every socket back after a storm that nothing stands in the way of", () => {
    const { share, attempts, back } = storm(1);
    expect(share).toBe(1);
    expect(attempts).toBe(1);
    expect(back.percentile(0.001)).toBeGreaterThan(500);
  });
});

describe("a client", () => {
  it("comes back after the times of socket.io-client", () => {
    const random = createRandom(5);
    const range = (attempt: number): number[] => {
      const delays = Array.from({ length: 500 }, () => backoffMs(attempt, random));
      return [Math.min(...delays), Math.max(...delays)].map((ms) => Math.round(ms / 100) / 10);
    };
    expect([0, 1, 2, 9].map(range)).toEqual([
      [0.5, 1.5],
      [1, 3],
      [2, 5],
      [5, 5],
    ]);
  });
});
