import { expect, it } from "vitest";
import { TokenBucket } from "../../../src/lib/token-bucket.ts";

it("a full bucket lets its burst pass at once, then its rate", () => {
  let now = 1_000;
  const bucket = new TokenBucket(10, 3, () => now);
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false]);
  now += 99;
  expect(bucket.take()).toBe(false);
  now += 1;
  expect([bucket.take(), bucket.take()]).toEqual([true, false]);
});

it("a long quiet time fills it no further than its burst", () => {
  let now = 0;
  const bucket = new TokenBucket(10, 3, () => now);
  now = 1_000_000;
  expect([bucket.take(), bucket.take(), bucket.take(), bucket.take()]).toEqual([true, true, true, false]);
});
