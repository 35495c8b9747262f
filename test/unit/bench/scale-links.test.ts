import { describe, expect, it } from "vitest";
import { costs } from "../../../bench/scale/costs.ts";
import { audiencesOf } from "../../../bench/scale/limits.ts";
import { type LinkUse, linksOf, linkUseOf, relayUseOf } from "../../../bench/scale/links.ts";
import { loadOf } from "../../../bench/scale/load.ts";
import { createRandom } from "../../../bench/scale/random.ts";
import { workloadOf } from "../../../bench/scale/workload.ts";
import { Links } from "../../../src/rooms/links.ts";
import { FakeClock, FakeTimers, settled } from "../../support/fakes.ts";

const TURN_MS = 60_000;
const STEP_MS = 200;

/** Calls of src/rooms/links.ts: to one gateway, at each turn's rate, and to others so often that the object is busy. */
const make = async (turns: number, rateOf: (turn: number) => number) => {
  const random = createRandom(3);
  const clock = new FakeClock();
  clock.now = 0;
  const timers = new FakeTimers();
  let [calls, overLinks, requests, open] = [0, 0, 0, 0];
  const rpc = (onCall: () => void) => ({
    deliver: async () => {
      onCall();
      return true;
    },
    relay: async () => ({ empty: [], unreached: [] }),
  });
  const session = { ...rpc(() => overLinks++), [Symbol.dispose]: () => {} };
  const links = new Links({
    gateway: (name) => ({
      ...rpc(() => name === "one" && requests++),
      link: async () => {
        if (name !== "one") return undefined;
        requests++;
        return session;
      },
    }),
    clock: clock.read,
    after: timers.after,
  });
  const call = async (gateway: string): Promise<boolean> =>
    links.call(gateway, (to) => to.deliver("market:A-USD", 1, []));
  const passTo = (time: number): void => {
    const ms = time - clock.now;
    open += links.open * ms;
    clock.now = time;
    timers.pass(ms);
  };
  for (let filled = 0; filled < 100; filled++) await call("other");
  for (let stepAt = 0; stepAt < turns * TURN_MS; stepAt += STEP_MS) {
    const rate = rateOf(Math.floor(stepAt / TURN_MS));
    for (let at = stepAt; rate > 0; ) {
      at += random.exponential(1_000 / rate);
      if (at > stepAt + STEP_MS) break;
      passTo(at);
      calls++;
      await call("one");
      await settled();
    }
    passTo(stepAt + STEP_MS);
    for (let others = 0; others < 3; others++) await call("other");
  }
  const seconds = (turns * TURN_MS) / 1_000;
  return { overLinks: overLinks / calls, requests: requests / calls, open: open / 1_000 / seconds };
};

type Made = Awaited<ReturnType<typeof make>>;

const expectLike = ({ calls, overLinks, requests, open }: LinkUse, made: Made): void => {
  const off = [overLinks / calls - made.overLinks, requests / calls - made.requests, open - made.open];
  for (const one of off) expect(Math.abs(one)).toBeLessThan(0.04);
};

describe("calls over links", () => {
  it.each([
    [0.15, 1],
    [1, 1],
    [0.5, 3],
    [3, 8],
  ])("are those that src/rooms/links.ts makes: %d rounds a second, %d in turns", async (rate, size) => {
    const made = await make(size === 1 ? 30 : 60, (turn) => (turn % size === 0 ? rate : 0));
    expectLike(linkUseOf(rate, size), made);
  });

  it("are those of relays that have the turns of several markets, or of none", async () => {
    const random = createRandom(8);
    const relaying = Array.from({ length: 30 }, (_, market) => ({
      lanes: 0.02,
      rate: market < 20 ? 0.3 : 2,
    }));
    const rates = Array.from({ length: 200 }, () =>
      relaying.reduce((sum, { lanes, rate }) => sum + (random.next() < lanes ? rate : 0), 0),
    );
    expectLike(relayUseOf(relaying), await make(rates.length, (turn) => rates[turn] ?? 0));
  });

  it("save requests if a link is more likely to be used again than not", () => {
    const perCall = (rate: number): number => {
      const { requests, calls } = linkUseOf(rate);
      return requests / calls;
    };
    // 1 - exp(-5.5 rate) = 0.5.
    const even = Math.log(2) / 5.5;
    expect(perCall(1.2 * even)).toBeLessThan(1);
    expect(perCall(0.8 * even)).toBeGreaterThan(1);
    // A call that opens it anew and the request for that: every 5 minutes, or two such calls and one that is none in a turn.
    expect(linkUseOf(50).requests).toBeCloseTo(2 / 300);
    expect(linkUseOf(50, 7).requests).toBeCloseTo(3 / 60 / 7);
    expect(linkUseOf(0)).toEqual({ calls: 0, overLinks: 0, requests: 0, open: 0 });
  });

  it.each([
    ["rooms that call each gateway themselves", 200_000, 256],
    ["gateways that relay", 200_000, 16],
    ["rooms that are called for too little", 200, 256],
  ])("add up to all calls: %s", (_, sockets, width) => {
    const load = loadOf(workloadOf(sockets), { gatewaysPerColo: 4, width, coalesceMs: 0 }, costs);
    const { ofRooms, ofRelays } = linksOf(load);
    const total = (of: "calls" | "ownCalls"): number => load.rooms.reduce((sum, room) => sum + room[of], 0);
    expect(ofRooms.calls).toBeCloseTo(total("ownCalls"), 3);
    expect(ofRooms.calls + ofRelays.calls).toBeCloseTo(total("calls"), 3);
    expect(ofRooms.overLinks).toBeLessThanOrEqual(ofRooms.calls);
  });
});

describe("a room's audience", () => {
  it("is limited by memory, and by those who come and go", () => {
    const load = loadOf(workloadOf(10_000), { gatewaysPerColo: 1, width: 256, coalesceMs: 0 }, costs);
    const audiences = audiencesOf(load, {
      ...costs,
      isolateBytes: 100_000_000,
      isolateBaseBytes: 10_000_000,
      roomSubscriberBytes: 200,
    });
    // Of the requests 20 a second are events; a session lasts 1,200 s.
    expect(audiences.map(({ subscribers }) => Math.round(subscribers))).toEqual([450_000, 588_000]);
    const share = (load.rooms[0]?.market.subscribers ?? 0) / 10_000;
    for (const { subscribers, sockets } of audiences) expect(sockets * share).toBeCloseTo(subscribers);
  });
});
