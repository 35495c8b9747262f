import * as fc from "fast-check";
import { expect, it } from "vitest";
import { EventDecoder } from "../../../../src/backends/http/event-decoder.ts";
import { MAX_EVENT_BYTES } from "../../../../src/events/catalogue.ts";

const encoder = new TextEncoder();

const decode = (chunks: readonly Uint8Array[]): unknown[] => {
  const decoder = new EventDecoder();
  const decoded: unknown[] = [];
  for (const chunk of chunks) {
    for (const item of decoder.push(chunk)) {
      decoded.push(item);
      if (!item.ok) return decoded;
    }
  }
  return decoded;
};

/** The text in pieces that end at these places, which may be within a character. */
const cut = (text: string, places: readonly number[]): Uint8Array[] => {
  const bytes = encoder.encode(text);
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
};

const noise = fc.constantFrom(": ping", ":", "retry: 10", "retry: soon", "id: 7", "unknown: x", "unknown");

const written = fc
  .record({
    event: fc.constantFrom("query_started", "query_response", "chat_message"),
    data: fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
    indent: fc.constantFrom(0, 2),
    space: fc.constantFrom("", " "),
    nameLast: fc.boolean(),
    before: fc.array(noise, { maxLength: 2 }),
  })
  .map(({ event, data, indent, space, nameLast, before }) => {
    const json = JSON.stringify(data, undefined, indent);
    const lines = json.split("\n").map((line) => `data:${space}${line}`);
    const named = nameLast ? [...lines, `event:${space}${event}`] : [`event:${space}${event}`, ...lines];
    return { expected: { event, data: JSON.parse(json) as object }, lines: [...before, ...named, ""] };
  });

const newline = fc.constantFrom("\n", "\r\n");

it("REQ-2 events arrive as they were sent, wherever the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(written, { minLength: 1, maxLength: 5 }),
      newline,
      fc.array(fc.nat(), { maxLength: 20 }),
      (events, end, places) => {
        const text = events.flatMap(({ lines }) => lines.map((line) => `${line}${end}`)).join("");
        const expected = events.map((event) => ({ ok: true, value: event.expected }));
        expect(decode(cut(text, places))).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

it("REQ-2 whatever the bytes and wherever they are cut, the same is read of them, up to the first fault", () => {
  const pieces = fc.constantFrom(
    ...["event: query_started", "event", "data: {}", "data: {", "data", ":", "\n", "\n\n", "\r\n", "é", "€"],
  );
  fc.assert(
    fc.property(
      fc.array(pieces, { maxLength: 30 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (parts, places) => {
        const text = parts.join("");
        expect(decode(cut(text, places))).toEqual(decode(cut(text, [])));
      },
    ),
    { numRuns: 1_000 },
  );
});

it("REQ-2 a byte at a time reads the same as all at once", () => {
  const text = '﻿event: query_started\r\ndata: {"estimatedMs":\r\ndata: 5,"note":"€𝄞"}\r\n\r\n: ping\n\n';
  const bytes = [...encoder.encode(text)].map((byte) => Uint8Array.of(byte));
  const expected = [{ ok: true, value: { event: "query_started", data: { estimatedMs: 5, note: "€𝄞" } } }];
  expect(decode(bytes)).toEqual(expected);
  expect(decode([encoder.encode(text)])).toEqual(expected);
});

/** An event whose data is that long. */
const long = (bytes: number): string =>
  `event: query_response\ndata: {"pad":"${"x".repeat(bytes - 10)}"}\n\n`;

it.each([
  ["at once", []],
  ["in pieces", [10, 500_000, 900_000, 1_000_010]],
])("REQ-2 an event of 1,000,000 bytes is read, a longer one is not, sent %s", (_, places) => {
  expect(decode(cut(long(MAX_EVENT_BYTES), places))).toMatchObject([{ ok: true }]);
  for (const more of [1, 100, 1_000_000]) {
    const [decoded, ...others] = decode(cut(long(MAX_EVENT_BYTES + more), places));
    expect(decoded).toEqual({ ok: false, error: "an event is over 1000000 bytes" });
    expect(others).toEqual([]);
  }
});

it("REQ-2 data of many lines counts as a whole", () => {
  const line = `data: ${"1".repeat(99_999)}\n`;
  const chunks = ["event: query_response\n", ...Array.from({ length: 20 }, () => line)];
  expect(decode(chunks.map((chunk) => encoder.encode(chunk)))).toEqual([
    { ok: false, error: "an event is over 1000000 bytes" },
  ]);
});

it("REQ-2 a fault never tells the data, and of a name only the beginning", () => {
  const secret = "hush".repeat(100);
  const faults = [
    `event: query_started\ndata: ${secret}\n\n`,
    `data: {"a":"${secret}"}\n\n`,
    `event: ${"n".repeat(500)}\ndata: {"a":"${secret}"}\n\n`,
  ].map((text) => decode([encoder.encode(text)]));
  expect(faults).toEqual([
    [{ ok: false, error: "the data of query_started is no JSON object" }],
    [{ ok: false, error: "an event has no name" }],
    [{ ok: false, error: `"${"n".repeat(50)}" is not in the catalogue` }],
  ]);
});
