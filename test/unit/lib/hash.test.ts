import { expect, it } from "vitest";
import { hashOf } from "../../../src/lib/hash.ts";

// http://www.isthe.com/chongo/tech/comp/fnv/, test vectors of FNV-1a, 32 bit
it.each([
  ["", 0x811c9dc5],
  ["a", 0xe40c292c],
  ["foobar", 0xbf9cf968],
])("FNV-1a of %j", (text, hash) => expect(hashOf(text)).toBe(hash));
