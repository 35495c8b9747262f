import { describe, expect, it } from "vitest";
import { costs } from "../../../bench/scale/costs.ts";
import { audiencesOf } from "../../../bench/scale/limits.ts";
import { linksOf, linkUseOf } from "../../../bench/scale/links.ts";
import { loadOf } from "../../../bench/scale/load.ts";
import { createRandom } from "../../../bench/scale/random.ts";
import { workloadOf } from "../../../bench/scale/workload.ts";
import { Links } from "../../../src/rooms/links.ts";
import { FakeClock, FakeTimers, settled } from "../../support/fakes.ts";

/** Calls of src/rooms/links.ts: to one gateway, by turns, and to others so often that the object is busy. */
const make = async (rate: number, turns: number, count: number) => {
  const random = createRandom(3);
  const clock = new FakeClock();
  const timers = new FakeTimers();
  let [overLinks, requests, open] = [0, 0, 0];
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
  for (let filled = 0; filled < 100; filled++) await call("other");
  const STEP_MS = 100;
  const start = clock.now;
  let nextAt = start;
  for (let calls = 0; calls < count; calls++) {
    for (let turn = 0; turn < turns; turn++) nextAt += random.exponential(1_000 / rate);
    while (clock.now < nextAt) {
      const ms = Math.min(STEP_MS, nextAt - clock.now);
      clock.now += ms;
      timers.pass(ms);
      open += links.open * ms;
      await call("other");
    }
    await call("one");
    await settled();
  }
  const seconds = (clock.now - start) / 1_000;
  return { overLinks: overLinks / count, requests: requests / count, open: open / 1_000 / seconds };
};

describe("calls over links", () => {
  it.each([
    [0.35, 1],
    [1, 1],
    [5, 1],
    [6, 7],
    [6, 20],
  ])("are those that src/rooms/links.ts makes: %d rounds a second, %d in turns", async (rate, turns) => {
    const made = await make(rate, turns, 1_000);
    const { calls, overLinks, requests, open } = linkUseOf(rate, turns);
    const off = [overLinks / calls - made.overLinks, requests / calls - made.requests, open - made.open];
    for (const one of off) expect(Math.abs(one)).toBeLessThan(0.05);
  });

  it("save requests if a link is more likely to be used again than not", () => {
    const perCall = (rate: number): number => {
      const { requests, calls } = linkUseOf(rate);
      return requests / calls;
    };
    // About 1 - exp(-3 rate) = 0.5, the mean of 2 to 4 s.
    const even = Math.log(2) / 3;
    expect(perCall(1.2 * even)).toBeLessThan(1);
    expect(perCall(0.8 * even)).toBeGreaterThan(1);
    // A call that opens it anew and the request for that, once a minute.
    expect(linkUseOf(50).requests).toBeCloseTo(2 / 60);
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
  it("is limited by memory, by those who come and go, and by how many join at once", () => {
    const load = loadOf(workloadOf(10_000), { gatewaysPerColo: 1, width: 256, coalesceMs: 0 }, costs);
    const audiences = audiencesOf(load, 5_000, {
      ...costs,
      isolateBytes: 100_000_000,
      isolateBaseBytes: 10_000_000,
      roomSubscriberBytes: 200,
      roomJoinUs: 10,
    });
    // Of the requests 20 a second are events; a session lasts 1,200 s.
    expect(audiences.map(({ subscribers }) => Math.round(subscribers))).toEqual([450_000, 588_000, 500_000]);
    const share = (load.rooms[0]?.market.subscribers ?? 0) / 10_000;
    for (const { subscribers, sockets } of audiences) expect(sockets * share).toBeCloseTo(subscribers);
  });
});
