import { describe, expect, it } from "vitest";
import { formatOf, readItems, readValues } from "../../../src/ingest/body.ts";

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

describe("ING-4 values", () => {
  const noJson = { ok: false, error: { code: "VALIDATION_FAILED", message: "The event is no JSON value." } };
  const looped: { self?: object } = {};
  looped.self = looped;

  it("one event and an array are items", () => {
    expect(readValues({ a: 1 })).toEqual([{ ok: true, value: { a: 1 } }]);
    expect(readValues([{ a: 1 }, "x", null, [2]])).toEqual(
      [{ a: 1 }, "x", null, [2]].map((value) => ({ ok: true, value })),
    );
    expect(readValues([])).toEqual([]);
  });

  it("are what JSON makes of them", () => {
    const [item] = readValues({ a: undefined, at: new Date(0), toJSON: undefined, b: Number.NaN });
    expect(item).toEqual({ ok: true, value: { at: "1970-01-01T00:00:00.000Z", b: null } });
    expect(readValues([{ data: { toJSON: () => "text" } }])).toEqual([{ ok: true, value: { data: "text" } }]);
  });

  it.each([
    ["undefined", undefined],
    ["a BigInt", { big: 1n }],
    ["a loop", looped],
    ["bytes", new ArrayBuffer(2)],
    ["a map", new Map([["event", "x"]])],
    ["a function", () => 1],
    ["an object that throws", { toJSON: () => BigInt("x") }],
  ])("ING-2 %s is no JSON, and blocks no other", (_, value) => {
    expect(readValues([value, 1])).toEqual([noJson, { ok: true, value: 1 }]);
  });

  it("a hole is no JSON", () => {
    const holed = new Array<unknown>(2);
    holed[1] = 1;
    expect(readValues(holed)).toEqual([noJson, { ok: true, value: 1 }]);
  });
});
