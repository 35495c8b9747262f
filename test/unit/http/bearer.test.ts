import { expect, it } from "vitest";

// Imported by a name the compiler does not follow: bearer.ts needs the platform's types, unit tests have Node's.
const { bearerOf } = (await import(new URL("../../../src/http/bearer.ts", import.meta.url).href)) as {
  bearerOf: (header: string | undefined) => string | undefined;
};

it.each([
  ["Bearer abc", "abc"],
  ["bearer abc", "abc"],
  ["BEARER   a.b-c_d=  ", "a.b-c_d="],
  ["Bearer", undefined],
  ["Bearer ", undefined],
  ["Bearerabc", undefined],
  ["Basic abc", undefined],
  ["Bearer a b", undefined],
  [" Bearer abc", undefined],
  ["", undefined],
  [undefined, undefined],
])("ING-1 the bearer token of %j is %j", (header, token) => {
  expect(bearerOf(header)).toBe(token);
});
