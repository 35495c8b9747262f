import { beforeEach, describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/events/define.ts";
import { Outbox } from "../../../src/rooms/outbox.ts";
import { Deferred, FakeClock, settled } from "../../support/fakes.ts";

let calls: { readonly seqs: number[]; readonly answer: Deferred<void> }[];
let pauses: { readonly ms: number; readonly over: Deferred<void> }[];
/** How often the outbox said that it was idle. */
let idles: number;
let lost: (readonly [number, unknown])[];
let conflated: number[];
let clock: FakeClock;
let outbox: Outbox;

beforeEach(() => {
  calls = [];
  pauses = [];
  idles = 0;
  lost = [];
  conflated = [];
  clock = new FakeClock();
  outbox = new Outbox({
    deliver: (batch) => {
      const answer = new Deferred<void>();
      calls.push({ seqs: batch.map(({ frame }) => frame.seq), answer });
      return answer.promise;
    },
    onIdle: () => void idles++,
    onLost: (frames, error) => void lost.push([frames, error]),
    onConflated: (frames) => void conflated.push(frames),
    clock: clock.read,
    sleep: (ms) => {
      const over = new Deferred<void>();
      pauses.push({ ms, over });
      return over.promise;
    },
  });
});

const add = (seq: number, body = "[]", delivery: Delivery = "transient") =>
  outbox.push({ frame: { seq, body }, delivery });

const push = (from: number, to = from, delivery: Delivery = "transient") => {
  for (let seq = from; seq <= to; seq++) add(seq, "[]", delivery);
  outbox.flush();
};

const answer = async (index: number, afterMs = 0) => {
  clock.now += afterMs;
  calls[index]?.answer.resolve();
  await settled();
};

/** What the platform says of an object that may be back when asked again. */
const broken = Object.assign(new Error("broken"), { retryable: true });
const failure = new Error("unreachable");

/** The latest call fails, and the pause after it passes. */
const fail = async (error: Error) => {
  const before = pauses.length;
  calls.at(-1)?.answer.reject(error);
  await settled();
  expect(pauses.length).toBe(before + 1);
  pauses.at(-1)?.over.resolve();
  await settled();
};

const sent = () => calls.map(({ seqs }) => seqs);

describe("FAN-1 an outbox", () => {
  it("sends at once when idle, and what comes meanwhile together when the answer is there", async () => {
    push(1);
    expect(sent()).toEqual([[1]]);
    push(2);
    push(3, 4);
    await settled();
    expect(sent()).toEqual([[1]]);
    await answer(0);
    expect(sent()).toEqual([[1], [2, 3, 4]]);
    await answer(1);
    expect(sent().length).toBe(2);
    push(5);
    expect(sent()).toEqual([[1], [2, 3, 4], [5]]);
  });

  it("sends nothing when there is nothing", () => {
    outbox.flush();
    expect(sent()).toEqual([]);
  });

  it("sends at most 1,000 frames in one call", async () => {
    for (let seq = 1; seq <= 2_001; seq++) add(seq);
    outbox.flush();
    await answer(0);
    await answer(1);
    expect(sent().map((seqs) => [seqs[0], seqs.at(-1)])).toEqual([
      [1, 1_000],
      [1_001, 2_000],
      [2_001, 2_001],
    ]);
  });

  it("sends at most 1,000,000 characters in one call, but a longer frame alone", async () => {
    const bodies = [400_000, 600_000, 1, 1_000_001, 1, 999_999, 1];
    for (const [index, length] of bodies.entries()) add(index + 1, "x".repeat(length));
    outbox.flush();
    for (let index = 0; index < 4; index++) await answer(index);
    expect(sent()).toEqual([[1, 2], [3], [4], [5, 6], [7]]);
  });

  it("once cleared drops what waits, not what comes after", async () => {
    push(1);
    push(2);
    outbox.clear();
    push(3);
    expect(sent()).toEqual([[1]]);
    await answer(0);
    expect(sent()).toEqual([[1], [3]]);
    outbox.clear();
    await answer(1);
    expect(sent().length).toBe(2);
  });

  it("says once that it is idle, when all is answered", async () => {
    outbox.flush();
    expect(idles).toBe(0);
    push(1);
    push(2);
    await answer(0);
    expect(idles).toBe(0);
    await answer(1);
    expect(idles).toBe(1);
  });

  it("says that it is idle after a loss, though cleared", async () => {
    push(1);
    outbox.clear();
    expect(idles).toBe(0);
    await fail(failure);
    expect(idles).toBe(1);
  });

  it("reports a lost batch and goes on with the next", async () => {
    push(1, 1);
    push(2, 3);
    await fail(failure);
    expect(lost).toEqual([[1, failure]]);
    expect(sent()).toEqual([[1], [2, 3]]);
    await fail(failure);
    expect(lost[1]).toEqual([2, failure]);
    push(4);
    expect(sent().at(-1)).toEqual([4]);
  });

  it("takes what comes during a pause into the next batch", async () => {
    push(1);
    calls[0]?.answer.reject(broken);
    await settled();
    push(2);
    expect(sent()).toEqual([[1]]);
    pauses[0]?.over.resolve();
    await settled();
    expect(sent()).toEqual([[1], [1, 2]]);
  });
});

describe("FAN-1 USER-1 a batch that fails", () => {
  it.each(["volatile", "transient"] as const)("is given up after four attempts when %s", async (delivery) => {
    push(1, 2, delivery);
    for (let attempt = 1; attempt <= 4; attempt++) await fail(broken);
    expect(sent()).toEqual(Array(4).fill([1, 2]));
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 400]);
    expect(lost).toEqual([[2, broken]]);
    expect(idles).toBe(1);
  });

  it.each([
    ["one that asking again does not help", failure],
    ["an overloaded gateway", Object.assign(new Error("busy"), { retryable: true, overloaded: true })],
  ])("is given up at once, but for what is durable, after the error of %s", async (_, error) => {
    add(1, "[]", "volatile");
    add(2, "[]", "durable");
    add(3, "[]", "transient");
    add(4, "[]", "durable");
    outbox.flush();
    await fail(error);
    expect(lost).toEqual([[2, error]]);
    expect(sent()).toEqual([
      [1, 2, 3, 4],
      [2, 4],
    ]);
  });

  it("is repeated until it arrives when durable, in order, and before what came meanwhile", async () => {
    push(1, 2, "durable");
    push(3, 3, "durable");
    for (let attempt = 1; attempt <= 9; attempt++) await fail(attempt % 2 === 0 ? broken : failure);
    expect(sent()).toEqual([[1, 2], ...Array(9).fill([1, 2, 3])]);
    expect(lost).toEqual([]);
    expect(idles).toBe(0);
    await answer(9);
    expect(idles).toBe(1);
    expect(sent().length).toBe(10);
  });

  it("is repeated with pauses that double up to five seconds, and start anew after a success", async () => {
    push(1, 1, "durable");
    for (let attempt = 1; attempt <= 9; attempt++) await fail(broken);
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    await answer(9);
    push(2, 2, "durable");
    await fail(broken);
    expect(pauses.at(-1)?.ms).toBe(50);
  });

  it("has its own four attempts, whatever the batch before it took", async () => {
    push(1);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    push(2);
    await answer(3);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    await answer(7);
    expect(sent()).toEqual([...Array(4).fill([1]), ...Array(4).fill([2])]);
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 50, 100, 200]);
    expect(lost).toEqual([]);
  });

  it("has them also after one that was given up", async () => {
    push(1);
    for (let attempt = 1; attempt <= 4; attempt++) await fail(broken);
    push(2);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    await answer(8);
    expect(sent()).toEqual([...Array(4).fill([1]), ...Array(4).fill([2])]);
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 400, 50, 100, 200]);
    expect(lost).toHaveLength(1);
  });

  it("is not put back when cleared on its way", async () => {
    push(1, 1, "durable");
    push(2, 2, "durable");
    outbox.clear();
    push(3, 3, "durable");
    await fail(broken);
    expect(sent()).toEqual([[1], [3]]);
    expect(lost).toEqual([]);
    expect(outbox.full).toBe(false);
  });

  it("is dropped when cleared during the pause", async () => {
    push(1, 1, "durable");
    calls[0]?.answer.reject(broken);
    await settled();
    outbox.clear();
    pauses[0]?.over.resolve();
    await settled();
    expect(sent()).toEqual([[1]]);
    expect(idles).toBe(1);
  });
});

describe("FAN-1 USER-1 when too much waits", () => {
  /** Makes the gateway busy, so that what is added waits. */
  beforeEach(() => push(0));

  /** What is sent once the gateway answers again. */
  const rest = async () => {
    for (let index = 0; idles === 0; index++) await answer(index);
    return sent().slice(1).flat();
  };

  const losses = () => lost.map(([frames]) => frames);

  it("nothing is shed up to 10,000 frames", async () => {
    push(1, 10_000, "volatile");
    expect(lost).toEqual([]);
    expect((await rest()).length).toBe(10_000);
  });

  it("the older half of what is volatile goes, though newer than the rest", async () => {
    push(1, 3_000, "durable");
    push(3_001, 6_000, "transient");
    push(6_001, 10_001, "volatile");
    expect(losses()).toEqual([2_001]);
    const kept = await rest();
    expect(kept.length).toBe(8_000);
    expect(kept.slice(0, 6_000)).toEqual(Array.from({ length: 6_000 }, (_, n) => n + 1));
    expect(kept.slice(6_000)).toEqual(Array.from({ length: 2_000 }, (_, n) => n + 8_002));
  });

  it("what is transient goes where nothing is volatile", async () => {
    push(1, 9_000, "durable");
    push(9_001, 10_001, "transient");
    expect(losses()).toEqual([501]);
    expect((await rest()).at(9_000)).toBe(9_502);
  });

  it("what is durable never goes, and nothing is reported lost", async () => {
    push(1, 12_000, "durable");
    expect(lost).toEqual([]);
    expect(await rest()).toEqual(Array.from({ length: 12_000 }, (_, n) => n + 1));
  });

  it("characters count as well", async () => {
    for (let seq = 1; seq <= 9; seq++) add(seq, "x".repeat(1_000_000), "volatile");
    outbox.flush();
    expect(losses()).toEqual([5]);
    expect(await rest()).toEqual([6, 7, 8, 9]);
  });
});

describe("USER-1 an outbox is full", () => {
  beforeEach(() => push(0));

  it("at 10,000 durable frames, until some are sent", async () => {
    push(1, 9_999, "durable");
    expect(outbox.full).toBe(false);
    push(10_000, 10_000, "durable");
    expect(outbox.full).toBe(true);
    await answer(0);
    expect(outbox.full).toBe(false);
  });

  it("with them put back after a failure", async () => {
    push(1, 10_000, "durable");
    await answer(0);
    expect(outbox.full).toBe(false);
    await fail(failure);
    // The next batch has been taken again.
    expect(outbox.full).toBe(false);
    expect(sent().at(-1)?.length).toBe(1_000);
    calls.at(-1)?.answer.reject(failure);
    await settled();
    expect(outbox.full).toBe(true);
  });

  it("above 8,000,000 characters with something durable among them", () => {
    for (let seq = 1; seq <= 8; seq++) add(seq, "x".repeat(1_000_000), "durable");
    expect(outbox.full).toBe(false);
    add(9, "x", "durable");
    expect(outbox.full).toBe(true);
    outbox.clear();
    expect(outbox.full).toBe(false);
  });

  it("never with what may be shed", () => {
    push(1, 30_000, "volatile");
    push(30_001, 60_000, "transient");
    expect(outbox.full).toBe(false);
  });
});

describe("MKT-3 states of the market that wait", () => {
  const state = (seq: number, conflationKey: string) => {
    outbox.push({ frame: { seq, body: "[]" }, delivery: "volatile", conflationKey });
    outbox.flush();
  };

  it("all arrive while the gateway takes no longer than it can, near or far", async () => {
    for (const [index, tookMs] of [200, 250, 200].entries()) {
      state(3 * index, "a");
      state(3 * index + 1, "a");
      state(3 * index + 2, "a");
      await answer(2 * index, tookMs);
      await answer(2 * index + 1, tookMs);
    }
    expect(sent().flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(conflated).toEqual([]);
  });

  it("give way to the newest of the same bar in a backlog, in order, and are counted", async () => {
    state(1, "a");
    await answer(0, 10);
    state(2, "a");
    for (const [seq, key] of [
      [3, "a"],
      [4, "b"],
      [5, "a"],
      [6, "b"],
      [7, "a"],
    ] as const) {
      state(seq, key);
    }
    await answer(1, 71);
    expect(sent()).toEqual([[1], [2], [6, 7]]);
    expect(conflated).toEqual([3]);
    state(8, "a");
    state(9, "a");
    await answer(2, 70);
    expect(sent().at(-1)).toEqual([8, 9]);
    expect(conflated).toEqual([3]);
    expect(lost).toEqual([]);
  });

  it("leave alone what says something of its own", async () => {
    state(1, "a");
    await answer(0);
    push(2);
    state(3, "a");
    push(4, 4, "durable");
    push(5, 5, "volatile");
    state(6, "a");
    push(7, 7, "volatile");
    await answer(1, 51);
    expect(sent().at(-1)).toEqual([4, 5, 6, 7]);
  });

  it("give way also to what came while they were sent in vain", async () => {
    state(1, "a");
    state(2, "a");
    await fail(broken);
    expect(sent()).toEqual([[1], [2]]);
    expect(conflated).toEqual([1]);
  });

  it("give way before anything is shed", async () => {
    push(0);
    for (let seq = 1; seq <= 10_001; seq++) state(seq, `bar ${seq % 100}`);
    expect(conflated).toEqual([9_901]);
    expect(lost).toEqual([]);
  });
});

describe("FAN-4 what is pushed and not flushed", () => {
  it("waits, also when the gateway has answered", async () => {
    push(1);
    push(2);
    add(3);
    await answer(0);
    expect(sent()).toEqual([[1], [2, 3]]);
    add(4);
    await answer(1);
    expect([sent().length, idles]).toEqual([2, 1]);
    outbox.flush();
    expect(sent().at(-1)).toEqual([4]);
  });
});
