import { expect, it } from "vitest";
import { Coalescing } from "../../../src/rooms/coalescing.ts";
import { FakeClock, FakeTimers } from "../../support/fakes.ts";

const create = (ms: number) => {
  const clock = new FakeClock();
  const timers = new FakeTimers();
  const sent: number[] = [];
  const start = clock.now;
  const coalescing = new Coalescing(ms, { clock: clock.read, after: timers.after }, () =>
    sent.push(clock.now - start),
  );
  const pass = (by: number) => {
    for (let step = 0; step < by; step++) {
      clock.now++;
      timers.pass(1);
    }
  };
  return { coalescing, pass, sent };
};

it("FAN-4 delays nothing after a quiet time, and then sends once in the time that was set", () => {
  const { coalescing, pass, sent } = create(100);
  coalescing.flush();
  expect(sent).toEqual([0]);
  for (let event = 0; event < 25; event++) {
    pass(10);
    coalescing.flush();
  }
  pass(100);
  expect(sent).toEqual([0, 100, 200, 300]);
  pass(50);
  coalescing.flush();
  expect(sent.at(-1)).toBe(400);
});

it("FAN-4 sends nothing when nothing has come", () => {
  const { coalescing, pass, sent } = create(100);
  coalescing.flush();
  pass(1_000);
  expect(sent).toEqual([0]);
});

it("FAN-4 delays nothing by default", () => {
  const { coalescing, sent } = create(0);
  coalescing.flush();
  coalescing.flush();
  expect(sent).toEqual([0, 0]);
});
