import { beforeEach, describe, expect, it } from "vitest";
import type { Delivery } from "../../../src/events/define.ts";
import { Outbox } from "../../../src/rooms/outbox.ts";
import { Deferred, settled } from "../../support/fakes.ts";

let calls: { readonly seqs: number[]; readonly answer: Deferred<boolean> }[];
let pauses: { readonly ms: number; readonly over: Deferred<void> }[];
let empties: number;
/** Whether the outbox said it was idle, at each call of `onIdle`. */
let idles: boolean[];
let lost: (readonly [number, unknown])[];
let outbox: Outbox;

beforeEach(() => {
  calls = [];
  pauses = [];
  empties = 0;
  idles = [];
  lost = [];
  outbox = new Outbox({
    deliver: (frames) => {
      const answer = new Deferred<boolean>();
      calls.push({ seqs: frames.map(({ seq }) => seq), answer });
      return answer.promise;
    },
    onEmpty: () => void empties++,
    onIdle: () => void idles.push(outbox.idle),
    onLost: (frames, error) => void lost.push([frames, error]),
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

const answer = async (index: number, held: boolean) => {
  calls[index]?.answer.resolve(held);
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
    await answer(0, true);
    expect(sent()).toEqual([[1], [2, 3, 4]]);
    await answer(1, true);
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
    await answer(0, true);
    await answer(1, true);
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
    for (let index = 0; index < 4; index++) await answer(index, true);
    expect(sent()).toEqual([[1, 2], [3], [4], [5, 6], [7]]);
  });

  it("says that the gateway holds no socket", async () => {
    push(1);
    await answer(0, false);
    expect(empties).toBe(1);
  });

  it("believes no answer from before a change", async () => {
    push(1);
    outbox.changed();
    await answer(0, false);
    expect(empties).toBe(0);
  });

  it("believes the answer to a batch taken after the change", async () => {
    push(1);
    outbox.changed();
    push(2);
    await answer(0, false);
    expect(empties).toBe(0);
    await answer(1, false);
    expect(empties).toBe(1);
  });

  it("once cleared drops what waits, not what comes after", async () => {
    push(1);
    push(2);
    outbox.clear();
    push(3);
    expect(sent()).toEqual([[1]]);
    await answer(0, true);
    expect(sent()).toEqual([[1], [3]]);
    outbox.clear();
    await answer(1, true);
    expect(sent().length).toBe(2);
  });

  it("is idle until it sends, and again, saying so once, when all is answered", async () => {
    expect(outbox.idle).toBe(true);
    outbox.flush();
    expect([outbox.idle, idles]).toEqual([true, []]);
    push(1);
    push(2);
    expect(outbox.idle).toBe(false);
    await answer(0, true);
    expect([outbox.idle, idles]).toEqual([false, []]);
    await answer(1, true);
    expect([outbox.idle, idles]).toEqual([true, [true]]);
  });

  it("with a batch on its way is not idle though cleared, and is idle after a loss", async () => {
    push(1);
    outbox.clear();
    expect([outbox.idle, idles]).toEqual([false, []]);
    await fail(failure);
    expect([outbox.idle, idles]).toEqual([true, [true]]);
  });

  it("reports a lost batch and goes on with the next", async () => {
    push(1, 1);
    push(2, 3);
    await fail(failure);
    expect(lost).toEqual([[1, failure]]);
    expect(sent()).toEqual([[1], [2, 3]]);
    await fail(failure);
    expect(lost[1]).toEqual([2, failure]);
    expect(empties).toBe(0);
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
    expect(outbox.idle).toBe(true);
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
    expect(outbox.idle).toBe(false);
    await answer(9, true);
    expect(outbox.idle).toBe(true);
    expect(sent().length).toBe(10);
  });

  it("is repeated with pauses that double up to five seconds, and start anew after a success", async () => {
    push(1, 1, "durable");
    for (let attempt = 1; attempt <= 9; attempt++) await fail(broken);
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    await answer(9, true);
    push(2, 2, "durable");
    await fail(broken);
    expect(pauses.at(-1)?.ms).toBe(50);
  });

  it("has its own four attempts, whatever the batch before it took", async () => {
    push(1);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    push(2);
    await answer(3, true);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    await answer(7, true);
    expect(sent()).toEqual([...Array(4).fill([1]), ...Array(4).fill([2])]);
    expect(pauses.map(({ ms }) => ms)).toEqual([50, 100, 200, 50, 100, 200]);
    expect(lost).toEqual([]);
  });

  it("has them also after one that was given up", async () => {
    push(1);
    for (let attempt = 1; attempt <= 4; attempt++) await fail(broken);
    push(2);
    for (let attempt = 1; attempt <= 3; attempt++) await fail(broken);
    await answer(8, true);
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
    expect([outbox.idle, idles]).toEqual([true, [true]]);
  });
});

describe("FAN-1 USER-1 when too much waits", () => {
  /** Makes the gateway busy, so that what is added waits. */
  beforeEach(() => push(0));

  /** What is sent once the gateway answers again. */
  const rest = async () => {
    for (let index = 0; !outbox.idle; index++) await answer(index, true);
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
    await answer(0, true);
    expect(outbox.full).toBe(false);
  });

  it("with them put back after a failure", async () => {
    push(1, 10_000, "durable");
    await answer(0, true);
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
