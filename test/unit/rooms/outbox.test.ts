import { beforeEach, describe, expect, it } from "vitest";
import { Outbox } from "../../../src/rooms/outbox.ts";
import type { Frame } from "../../../src/rooms/protocol.ts";
import { Deferred, settled } from "../../support/fakes.ts";

let calls: { readonly seqs: number[]; readonly answer: Deferred<boolean> }[];
let empties: number;
/** Whether the outbox said it was idle, at each call of `onIdle`. */
let idles: boolean[];
let lost: (readonly [number, unknown])[];
let outbox: Outbox;

beforeEach(() => {
  calls = [];
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
  });
});

const push = (from: number, to = from, body = "[]") => {
  for (let seq = from; seq <= to; seq++) outbox.push({ seq, body } satisfies Frame);
  outbox.flush();
};

const answer = async (index: number, held: boolean) => {
  calls[index]?.answer.resolve(held);
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
    for (let seq = 1; seq <= 2_001; seq++) outbox.push({ seq, body: "[]" });
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
    for (const [index, length] of bodies.entries()) outbox.push({ seq: index + 1, body: "x".repeat(length) });
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
    calls[0]?.answer.reject(new Error("unreachable"));
    await settled();
    expect([outbox.idle, idles]).toEqual([true, [true]]);
  });

  it("reports a lost batch and goes on with the next", async () => {
    const failure = new Error("unreachable");
    push(1, 1);
    push(2, 3);
    calls[0]?.answer.reject(failure);
    await settled();
    expect(lost).toEqual([[1, failure]]);
    expect(sent()).toEqual([[1], [2, 3]]);
    calls[1]?.answer.reject(failure);
    await settled();
    expect(lost[1]).toEqual([2, failure]);
    expect(empties).toBe(0);
    push(4);
    expect(sent().at(-1)).toEqual([4]);
  });
});
