import { expect, it } from "vitest";
import { ID_LENGTH, randomToken } from "../../../src/lib/random.ts";

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
