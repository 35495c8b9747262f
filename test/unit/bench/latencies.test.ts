import { expect, it } from "vitest";
import { Latencies } from "../../../bench/lib/latencies.ts";

it("percentiles are those of what was recorded, to a thousandth", () => {
  const latencies = new Latencies();
  for (let us = 1_000; us <= 1_000_000; us += 1_000) latencies.add(us);
  const { count, p50, p99, max } = latencies.summary();
  expect(count).toBe(1_000);
  expect(Math.abs(p50 / 500 - 1)).toBeLessThan(0.001);
  expect(Math.abs(p99 / 990 - 1)).toBeLessThan(0.001);
  expect(Math.abs(max / 1_000 - 1)).toBeLessThan(0.001);
});

it("a time that cannot be is the shortest, one above an hour an hour", () => {
  const latencies = new Latencies();
  latencies.add(-5);
  expect(latencies.summary()).toEqual({ count: 1, p50: 0.001, p99: 0.001, max: 0.001 });
  latencies.add(1e12);
  expect(latencies.summary().max).toBeGreaterThan(3_590_000);
});

it("nothing recorded is no time at all", () => {
  expect(new Latencies().summary()).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
});
