import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  MAX_HELD_BYTES,
  MAX_WAIT,
  MAX_WAITING,
  ResultMemory,
} from "../../../../../src/backends/embedded/query/result-memory.ts";
import { MAX_RESULT_BYTES } from "../../../../../src/backends/embedded/query/result-rows.ts";
import { FakeTimers, settled } from "../../../../support/fakes.ts";

const createMemory = () => {
  const timers = new FakeTimers();
  const memory = new ResultMemory(timers.after);
  const answers: (boolean | undefined)[] = [];
  const claim = () => {
    const at = answers.push(undefined) - 1;
    void memory.claim().then((admitted) => {
      answers[at] = admitted;
    });
  };
  return { timers, memory, answers, claim };
};

it("REQ-3 many small results are in memory at a time", async () => {
  const { memory, answers, claim } = createMemory();
  for (let n = 0; n < 100; n++) {
    claim();
    await settled();
    memory.free(MAX_RESULT_BYTES - 1_000);
  }
  expect(answers).toEqual(Array(100).fill(true));
  expect(memory.held).toBe(100_000);
});

it("REQ-3 queries wait while large results are read, and are admitted in order", async () => {
  const { memory, answers, claim } = createMemory();
  for (let n = 0; n < 4; n++) claim();
  await settled();
  expect(answers).toEqual([true, true, undefined, undefined]);
  memory.free(1_000);
  await settled();
  expect(answers[2]).toBe(undefined);
  memory.free(MAX_RESULT_BYTES - 1_000);
  await settled();
  expect(answers).toEqual([true, true, true, undefined]);
});

it("REQ-3 a query that waits too long, or with too many others, is refused", async () => {
  const { timers, memory, answers, claim } = createMemory();
  for (let n = 0; n < 2 + MAX_WAITING + 1; n++) claim();
  await settled();
  expect(answers.slice(0, 3)).toEqual([true, true, undefined]);
  expect(answers.at(-1)).toBe(false);
  timers.pass(MAX_WAIT);
  await settled();
  expect(answers.slice(2)).toEqual(Array(MAX_WAITING + 1).fill(false));
  memory.free(2 * MAX_RESULT_BYTES);
  expect([memory.held, timers.pending]).toEqual([0, []]);
});

it("REQ-3 whatever comes and goes, no more is held than there is, and nobody waits while there is room", async () => {
  const step = fc.oneof(
    fc.constant("claim" as const),
    fc.record({ pick: fc.nat(), bytes: fc.integer({ min: 0, max: MAX_RESULT_BYTES }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { memory, answers, claim } = createMemory();
      const held: number[] = [];
      let taken = 0;
      for (const one of steps) {
        if (one === "claim") claim();
        else if (held.length > 0) {
          const at = one.pick % held.length;
          const bytes = Math.min(one.bytes, held[at] ?? 0);
          held[at] = (held[at] ?? 0) - bytes;
          memory.free(bytes);
        }
        await settled();
        for (; answers[taken] === true; taken++) held.push(MAX_RESULT_BYTES);
        expect(memory.held).toBe(held.reduce((sum, bytes) => sum + bytes, 0));
        expect(memory.held).toBeLessThanOrEqual(MAX_HELD_BYTES);
        if (taken < answers.length) expect(memory.held + MAX_RESULT_BYTES).toBeGreaterThan(MAX_HELD_BYTES);
      }
    }),
    { numRuns: 50 },
  );
});
