import { beforeEach, describe, expect, it } from "vitest";
import { FanOut } from "../../../src/rooms/fan-out.ts";
import type { Relayed } from "../../../src/rooms/protocol.ts";
import { Subscribers } from "../../../src/rooms/subscribers.ts";
import { Deferred, FakeClock, FakeTimers, settled } from "../../support/fakes.ts";

/** A call to a gateway: with others, they are those it relays to. */
interface Call {
  readonly to: string;
  readonly seqs: readonly number[];
  readonly others: readonly string[];
  readonly answer: Deferred<Relayed>;
}

const ALL: Relayed = { empty: [], unreached: [] };

let calls: Call[];
let empties: string[];
let timers: FakeTimers;
let clock: FakeClock;
let fanOut: FanOut;

const call = (to: string, seqs: readonly number[], others: readonly string[]): Promise<Relayed> => {
  const answer = new Deferred<Relayed>();
  calls.push({ to, seqs, others, answer });
  return answer.promise;
};

const create = (width: number, gateways: readonly string[]): void => {
  const subscribers = new Subscribers({ all: () => [], put: () => {}, delete: () => {} });
  fanOut = new FanOut({
    subscribers,
    width,
    turnOffsetMs: 0,
    deliver: async (to, frames) => {
      const seqs = frames.map(({ seq }) => seq);
      return (await call(to, seqs, [])).empty.length === 0;
    },
    relay: (to, frames, others) => {
      const seqs = frames.map(({ seq }) => seq);
      return call(to, seqs, others);
    },
    onEmpty: (gateway) => void empties.push(gateway),
    onLost: () => {
      throw new Error("Nothing is lost here.");
    },
    onConflated: () => {},
    clock: clock.read,
    sleep: async () => {},
    after: timers.after,
  });
  for (const gateway of gateways) fanOut.came(gateway);
};

beforeEach(() => {
  calls = [];
  empties = [];
  timers = new FakeTimers();
  // The first minute: the first of a lane's gateways relays.
  clock = new FakeClock(0);
});

const publish = (): void => {
  fanOut.push({ body: "[]" }, { delivery: "volatile" });
  fanOut.flush();
};

/** The calls since the last look, answered: who was sent what, and to whom that was to be passed on. */
const take = async (answer: Relayed = ALL): Promise<string[]> => {
  const taken: string[] = [];
  for (let next = calls.shift(); next !== undefined; next = calls.shift()) {
    taken.push([next.to, ...next.seqs].join(" ") + next.others.map((other) => ` >${other}`).join(""));
    next.answer.resolve(answer);
    await settled();
  }
  return taken;
};

/** Time passes, too little for a relay to be late. */
const pass = async (ms: number): Promise<void> => {
  clock.now += ms;
  timers.pass(ms);
  await settled();
};

const names = (count: number): string[] => Array.from({ length: count }, (_, n) => `g${n}`);

describe("FAN-3 a room", () => {
  it.each([
    [256, 256, 1],
    [257, 256, 2],
    [1_000, 256, 4],
    [100, 10, 10],
  ])("of %i gateways sends %i calls, and no relay has more than %i gateways", async (count, width, size) => {
    create(Math.min(width, 256), names(count));
    publish();
    expect(calls.length).toBe(width);
    const reached = calls.flatMap(({ to, others }) => [to, ...others]);
    // Each gateway gets one call for an event, from the room or from a relay.
    expect(reached.toSorted()).toEqual(names(count).toSorted());
    expect(Math.max(...calls.map(({ others }) => others.length + 1))).toBe(size);
  });

  it("has relays pass on to gateways of their own location, where that leaves none with many more", () => {
    create(4, ["ams-0", "fra-0", "sin-0", "syd-0", "ams-1", "sin-1", "fra-1", "sin-2", "lhr-0", "sin-3"]);
    publish();
    const lanes = calls.map(({ to, others }) => [to, ...others].sort().join(" "));
    expect(lanes.sort()).toEqual(["ams-0 ams-1", "fra-0 fra-1", "lhr-0 syd-0", "sin-0 sin-1 sin-2 sin-3"]);
  });

  it("has its gateways relay in turns of a minute", async () => {
    create(1, ["a", "b", "c"]);
    for (let event = 0; event < 4; event++) publish();
    expect(await take()).toEqual(["a 1 >b >c", "a 2 3 4 >b >c"]);
    for (const relay of ["b 5 >a >c", "c 6 >a >b", "a 7 >b >c"]) {
      await pass(60_000);
      publish();
      expect(await take()).toEqual([relay]);
    }
  });

  it("drops gateways that say by a relay that they hold no socket, unless they have some since", async () => {
    create(1, ["a", "b", "c"]);
    publish();
    fanOut.changing("b");
    await take({ empty: ["b", "c"], unreached: [] });
    expect(empties).toEqual(["c"]);
  });

  it("whose gateways have become few sends to each directly", async () => {
    create(2, ["a", "b", "c"]);
    publish();
    expect(await take()).toEqual(["a 1 >c", "b 1"]);
    fanOut.left("b");
    publish();
    expect(await take()).toEqual(["a 2 >c"]);
    publish();
    expect((await take()).toSorted()).toEqual(["a 3", "c 3"]);
  });
});

describe("FAN-3 a gateway that a relay has not reached", () => {
  it("is sent the batch and all after it directly, and holds up no other", async () => {
    create(1, ["a", "b", "c"]);
    publish();
    publish();
    calls.shift()?.answer.resolve({ empty: [], unreached: ["c"] });
    await settled();
    const direct = calls.find(({ to }) => to === "c");
    expect(direct?.seqs).toEqual([1, 2]);
    calls.splice(0, calls.length, ...calls.filter((one) => one !== direct));
    publish();
    expect(await take()).toEqual(["a 2 >b", "a 3 >b"]);
    direct?.answer.resolve(ALL);
    await settled();
    expect(await take()).toEqual(["c 3"]);
  });

  it("is reached by a relay again after a minute", async () => {
    create(1, ["a", "b"]);
    publish();
    await take({ empty: [], unreached: ["b"] });
    await pass(59_999);
    publish();
    expect((await take()).toSorted()).toEqual(["a 2", "b 2"]);
    await pass(1);
    publish();
    expect((await take()).toSorted()).toEqual(["a 3", "b 3"]);
    publish();
    expect(await take()).toHaveLength(1);
  });

  it("changes lanes only when it has all: not while it waits for more", async () => {
    create(1, ["a", "b"]);
    publish();
    await take({ empty: [], unreached: ["b"] });
    await pass(60_000);
    publish();
    // Gathered, and not yet to be sent.
    fanOut.push({ body: "[]" }, { delivery: "volatile" });
    expect((await take()).toSorted()).toEqual(["a 2", "b 2"]);
    fanOut.flush();
    expect((await take()).toSorted()).toEqual(["a 3", "b 3"]);
  });
});

describe("FAN-3 a relay that is lost", () => {
  it("is replaced by another, and sent to directly", async () => {
    create(1, ["a", "b", "c"]);
    publish();
    calls.shift()?.answer.reject(new Error("gone"));
    await settled();
    expect((await take()).toSorted()).toEqual(["a 1", "b 1 >c"]);
  });

  it("or too slow is given up after a second", async () => {
    create(1, ["a", "b", "c"]);
    publish();
    const late = calls.shift();
    await pass(999);
    expect(calls).toEqual([]);
    await pass(1);
    expect((await take()).toSorted()).toEqual(["a 1", "b 1 >c"]);
    late?.answer.resolve(ALL);
    await settled();
    expect(timers.pending).toEqual([]);
  });

  it("twice in a row leaves every gateway to the room", async () => {
    create(1, ["a", "b", "c", "d"]);
    publish();
    calls.shift()?.answer.reject(new Error("gone"));
    await settled();
    const second = calls.findIndex(({ others }) => others.length > 0);
    calls.splice(second, 1)[0]?.answer.reject(new Error("gone"));
    await settled();
    expect((await take()).toSorted()).toEqual(["a 1", "b 1", "c 1", "d 1"]);
  });

  it("that has left meanwhile is not sent to", async () => {
    create(1, ["a", "b"]);
    publish();
    fanOut.left("a");
    calls.shift()?.answer.reject(new Error("gone"));
    await settled();
    expect(await take()).toEqual(["b 1"]);
  });
});
