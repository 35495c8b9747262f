import * as fc from "fast-check";
import { expect, it } from "vitest";
import {
  MAX_HELD_BYTES,
  MAX_USER_BYTES,
  MAX_USER_WAITING,
  MAX_WAIT,
  MAX_WAITING,
  ResultMemory,
} from "../../../../../src/backends/embedded/query/result-memory.ts";
import { MAX_RESULT_BYTES } from "../../../../../src/backends/embedded/query/result-rows.ts";
import { FakeTimers, settled } from "../../../../support/fakes.ts";

const createMemory = () => {
  const timers = new FakeTimers();
  const memory = new ResultMemory(timers.after);
  const claims: { readonly user: string; answer?: boolean; readonly leave: () => void }[] = [];
  const claim = (user = "ann") => {
    const left = new AbortController();
    const made: (typeof claims)[number] = { user, leave: () => left.abort() };
    claims.push(made);
    void memory.claim(user, left.signal).then((admitted) => {
      made.answer = admitted;
    });
    return made;
  };
  return { timers, memory, claims, claim, answers: () => claims.map(({ answer }) => answer) };
};

it("REQ-3 many small results are in memory at a time", async () => {
  const { memory, answers, claim } = createMemory();
  for (let n = 0; n < 100; n++) {
    claim();
    await settled();
    expect(memory.hold("ann", 1_000)).toBe(true);
  }
  expect(answers()).toEqual(Array(100).fill(true));
  expect(memory.held).toBe(100_000);
});

it("REQ-3 queries wait while others run, users taking turns", async () => {
  const { memory, answers, claim } = createMemory();
  for (const user of ["ann", "ann", "ann", "ann", "bob"]) claim(user);
  await settled();
  expect(answers()).toEqual([true, true, undefined, undefined, undefined]);
  const turns = [];
  for (const user of ["ann", "ann", "ann"]) {
    memory.hold(user, 0);
    await settled();
    turns.push(answers().map((answer) => answer === true));
  }
  expect(turns).toEqual([
    [true, true, true, false, false],
    [true, true, true, false, true],
    [true, true, true, true, true],
  ]);
});

it("REQ-3 what a user holds without reading it makes no other user wait", async () => {
  const { memory, answers, claim } = createMemory();
  claim();
  await settled();
  expect(memory.hold("ann", MAX_USER_BYTES)).toBe(true);
  claim();
  await settled();
  expect(memory.hold("ann", 1)).toBe(false);
  expect(memory.held).toBe(MAX_USER_BYTES);
  claim("bob");
  await settled();
  expect(answers()).toEqual([true, true, true]);
  expect(memory.hold("bob", 1_000)).toBe(true);
});

it("REQ-3 a query that waits too long, or with too many others, is refused", async () => {
  const { timers, memory, claims, answers, claim } = createMemory();
  claim("first");
  claim("second");
  for (let n = 0; n < MAX_USER_WAITING + 1; n++) claim("ann");
  for (let n = 0; n < MAX_WAITING; n++) claim(`user ${n}`);
  await settled();
  const refused = claims.filter(({ answer }) => answer === false).map(({ user }) => user);
  expect(refused).toEqual(["ann", ...Array.from({ length: 100 }, (_, n) => `user ${n + 900}`)]);
  timers.pass(MAX_WAIT);
  await settled();
  expect(answers().slice(2)).toEqual(Array(MAX_USER_WAITING + 1 + MAX_WAITING).fill(false));
  memory.hold("first", 0);
  memory.hold("second", 0);
  expect([memory.held, timers.pending]).toEqual([0, []]);
});

it("REQ-3 a claim that is left is not granted", async () => {
  const { timers, memory, answers, claim } = createMemory();
  claim();
  claim();
  const third = claim();
  const fourth = claim();
  await settled();
  third.leave();
  memory.hold("ann", 0);
  await settled();
  expect(answers()).toEqual([true, true, false, true]);
  fourth.leave();
  expect([memory.held, timers.pending]).toEqual([2 * MAX_RESULT_BYTES, []]);
});

it("REQ-3 whatever comes and goes, no more is held than there is, and nobody waits while there is room", async () => {
  const user = fc.constantFrom("ann", "bob", "cy");
  const bytes = fc.oneof(fc.constant(MAX_RESULT_BYTES), fc.integer({ min: 0, max: MAX_RESULT_BYTES }));
  const step = fc.record({
    kind: fc.constantFrom("claim", "leave", "hold", "free"),
    user,
    bytes,
    pick: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { memory, claims, claim } = createMemory();
      const results = new Map<string, number>();
      const held = new Set<object>();
      for (const { kind, user, bytes, pick } of steps) {
        const running = claims.filter((one) => one.answer === true && !held.has(one));
        const waiting = claims.filter(({ answer }) => answer === undefined);
        const ended = running[pick % Math.max(1, running.length)];
        const had = results.get(user) ?? 0;
        if (kind === "claim") claim(user);
        else if (kind === "leave") waiting[pick % Math.max(1, waiting.length)]?.leave();
        else if (kind === "hold" && ended !== undefined) {
          held.add(ended);
          const before = results.get(ended.user) ?? 0;
          const fits = memory.hold(ended.user, bytes);
          expect(fits).toBe(before + bytes <= MAX_USER_BYTES);
          if (fits) results.set(ended.user, before + bytes);
        } else if (kind === "free") {
          memory.free(user, Math.min(bytes, had));
          results.set(user, had - Math.min(bytes, had));
        }
        await settled();
        const runs = claims.filter((one) => one.answer === true && !held.has(one)).length;
        const inMemory = [...results.values()].reduce((sum, one) => sum + one, 0);
        expect(memory.held).toBe(inMemory + runs * MAX_RESULT_BYTES);
        expect(memory.held).toBeLessThanOrEqual(MAX_HELD_BYTES);
        const waits = claims.some(({ answer }) => answer === undefined);
        if (waits) expect(memory.held + MAX_RESULT_BYTES).toBeGreaterThan(MAX_HELD_BYTES);
        // Who waits though nothing runs waits for the results of two users at least.
        const holders = [...results.values()].filter((one) => one > 0).length;
        if (waits && runs === 0) expect(holders).toBeGreaterThan(1);
      }
    }),
    { numRuns: 50 },
  );
});
