import { expect, it } from "vitest";
import { ID_LENGTH, randomInteger, randomToken } from "../../../src/lib/random.ts";

it("ids have at least 120 random bits of 6 a character", () => {
  expect(ID_LENGTH * 6).toBeGreaterThanOrEqual(120);
});

it.each([0, 1, 22, 43])("a token of %i characters is URL-safe", (length) => {
  expect(randomToken(length)).toMatch(new RegExp(`^[A-Za-z0-9_-]{${length}}$`));
});

it("tokens use all 64 characters, and are never the same", () => {
  const tokens = Array.from({ length: 200 }, () => randomToken(ID_LENGTH));
  expect(new Set(tokens).size).toBe(200);
  // 4,400 characters miss one of 64 with a probability of about 1e-28.
  expect(new Set(tokens.join("")).size).toBe(64);
});

it("random integers are whole, have 30 bits, and use each", () => {
  const integers = Array.from({ length: 200 }, randomInteger);
  for (const integer of integers) expect(Number.isInteger(integer)).toBe(true);
  expect(Math.min(...integers)).toBeGreaterThanOrEqual(0);
  // A bit is 0, or 1, in all of them with a probability of about 1e-60.
  expect(integers.reduce((all, integer) => all | integer)).toBe(2 ** 30 - 1);
  expect(integers.reduce((all, integer) => all & integer)).toBe(0);
});
