import { describe, expect, it } from "vitest";
import { formatOf, readItems } from "../../../src/ingest/body.ts";

const unreadable = {
  ok: false,
  error: { code: "VALIDATION_FAILED", message: "The line is not valid JSON." },
};

describe("ING-1 formats", () => {
  it.each([
    ["application/json", "json"],
    ["Application/JSON; charset=utf-8", "json"],
    ["application/x-ndjson", "ndjson"],
    ["application/ndjson ;x=y", "ndjson"],
    ["application/jsonl", "ndjson"],
    ["text/plain", undefined],
    ["application/jsonx", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
    ["toString; charset=utf-8", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("%j: %s", (contentType, format) => {
    expect(formatOf(contentType)).toBe(format);
  });
});

describe("ING-1 bodies", () => {
  it("one event, an array, and lines are items", () => {
    expect(readItems('{"a":1}', "json")).toEqual({ ok: true, value: [{ ok: true, value: { a: 1 } }] });
    const two = { ok: true, value: [1, [2]].map((value) => ({ ok: true, value })) };
    expect(readItems("[1,[2]]", "json")).toEqual(two);
    expect(readItems("1\r\n\n  \n[2]\n", "ndjson")).toEqual(two);
    expect(readItems("[]", "json")).toEqual({ ok: true, value: [] });
    expect(readItems("", "ndjson")).toEqual({ ok: true, value: [] });
  });

  it.each(["", "{", "1\n2"])("ING-2 %j is no JSON", (text) => {
    expect(readItems(text, "json")).toEqual({ ok: false, error: "The body is not valid JSON." });
  });

  it("ING-2 a line that is no JSON blocks no other", () => {
    expect(readItems("1\n{\n2", "ndjson")).toEqual({
      ok: true,
      value: [{ ok: true, value: 1 }, unreadable, { ok: true, value: 2 }],
    });
  });
});
