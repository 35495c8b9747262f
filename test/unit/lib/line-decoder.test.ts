import * as fc from "fast-check";
import { expect, it } from "vitest";
import { LineDecoder } from "../../../src/lib/line-decoder.ts";

const encoder = new TextEncoder();

it("lines come as they were written, however the bytes are cut, each once it is complete", () => {
  const line = fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\n", " "));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(line), line, sizes, (lines, rest, cuts) => {
      const bytes = encoder.encode(lines.map((text) => `${text}\n`).join("") + rest);
      const decoder = new LineDecoder();
      const got: string[] = [];
      for (let at = 0, cut = 0; at < bytes.length; cut++) {
        const end = at + (cuts[cut % cuts.length] ?? 1);
        got.push(...decoder.push(bytes.subarray(at, end)));
        at = end;
      }
      expect(got).toEqual(lines);
    }),
  );
});
