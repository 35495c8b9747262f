import { expect, it } from "vitest";
import { parseJson } from "../../../src/lib/json.ts";

it.each([
  ['{"a":[1]}', { a: [1] }],
  ["null", null],
  ["0", 0],
  [' "" ', ""],
])("%s is JSON", (text, value) => {
  expect(parseJson(text)).toEqual(value);
});

it.each(["", "undefined", "{", "{}{}", "{'a':1}", "[".repeat(1_000_000)])("%.20s is not", (text) => {
  expect(parseJson(text)).toBeUndefined();
});
