import { describe, expect, it } from "vitest";
import { err, ok } from "../../../src/lib/result.ts";
import { type DecodeError, Decoder } from "../../../src/socketio/decode.ts";
import type { Packet } from "../../../src/socketio/packet.ts";

const decode = (text: string) => new Decoder().add(text);
const bytes = new Uint8Array([1, 2, 3]);
const more = new Uint8Array([4]);
const mark = (num: unknown) => `{"_placeholder":true,"num":${num}}`;
const nested = (levels: number, leaf = "") => "[".repeat(levels) + leaf + "]".repeat(levels);

describe("socket.io decoder: packets without attachments", () => {
  const texts: [string, Packet][] = [
    ["0", { type: "connect", nsp: "/" }],
    ['0{"token":"123"}', { type: "connect", nsp: "/", data: { token: "123" } }],
    ["0{}", { type: "connect", nsp: "/", data: {} }],
    ["0/admin,", { type: "connect", nsp: "/admin" }],
    ["0/admin", { type: "connect", nsp: "/admin" }],
    ["0/,{}", { type: "connect", nsp: "/", data: {} }],
    ['0/admin?token=1&x=,{"a":1}', { type: "connect", nsp: "/admin?token=1&x=", data: { a: 1 } }],
    ["1", { type: "disconnect", nsp: "/" }],
    ["1/admin,", { type: "disconnect", nsp: "/admin" }],
    ["1/admin", { type: "disconnect", nsp: "/admin" }],
    ['2["foo"]', { type: "event", nsp: "/", data: ["foo"] }],
    ['2[""] ', { type: "event", nsp: "/", data: [""] }],
    ['2[7,"a"]', { type: "event", nsp: "/", data: [7, "a"] }],
    ['2/admin,["bar"]', { type: "event", nsp: "/admin", data: ["bar"] }],
    ['2/5,["bar"]', { type: "event", nsp: "/5", data: ["bar"] }],
    ['212["foo"]', { type: "event", nsp: "/", id: 12, data: ["foo"] }],
    ['2/admin,0["foo"]', { type: "event", nsp: "/admin", id: 0, data: ["foo"] }],
    ['3/admin,13["bar"]', { type: "ack", nsp: "/admin", id: 13, data: ["bar"] }],
    ["39007199254740991[]", { type: "ack", nsp: "/", id: 9007199254740991, data: [] }],
    ['4"no"', { type: "connect_error", nsp: "/", data: "no" }],
    ['4{"message":"no"}', { type: "connect_error", nsp: "/", data: { message: "no" } }],
    [
      '2["a",{"_placeholder":true,"num":9}]',
      { type: "event", nsp: "/", data: ["a", { _placeholder: true, num: 9 }] },
    ],
  ];
  for (const [text, packet] of texts) {
    it(`reads ${text}`, () => expect(decode(text)).toStrictEqual(ok(packet)));
  }

  const refused: [DecodeError, string[]][] = [
    ["unknown_packet_type", ["", " ", "/", "7", "a", "\u0662[]", '"2"']],
    ["invalid_namespace", ["2/admin", '2/admin["a"]', "3/admin", "4/admin", "51-/admin"]],
    [
      "invalid_ack_id",
      [
        '200["a"]',
        '2007["a"]',
        '29007199254740992["a"]',
        '210000000000000000["a"]',
        '299999999999999999["a"]',
      ].concat(["3[]", '3["a"]', "3/admin,[]", "301[]", "05", "05{}", "15", '45"no"', '0/admin,1{"a":1}']),
    ],
    [
      "invalid_payload",
      ["0[]", "0null", '0"a"', "0{", "0{}x", "0true", "0admin", "1{}", "1[]", "1/admin,{}", "1 "]
        .concat([
          "2",
          "2/admin,",
          "27",
          "2{}",
          "2[]",
          "2[null]",
          '2[["a"]]',
          "2[{}]",
          '2["a"',
          '2["a"]x',
          "2-1[]",
        ])
        .concat([
          "31",
          "31{}",
          "31null",
          "31[",
          "4",
          "4/admin,",
          "4[]",
          "4null",
          "41.5".slice(0, 1),
          '4"a',
          "4{",
        ])
        .concat(['2 ["a"]', '2\n["a"]', "0 {}", '4 "a"', '2\u00a0["a"]', '21 ["a"]', "2١[]"]),
    ],
    [
      "reserved_event",
      ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map(
        (name) => `2["${name}",1]`,
      ),
    ],
    [
      "illegal_attachments",
      [
        "5",
        "5-",
        '5["a"]',
        '50-["a"]',
        '51["a"]',
        "51",
        '501-["a"]',
        '51.0-["a"]',
        '51e0-["a"]',
        '5 1-["a"]',
      ].concat(['5+1-["a"]', '5-1-["a"]', '50x1-["a"]', '5١-["a"]', '599999999999999999999-["a"]', "6-1[]"]),
    ],
  ];
  for (const [error, list] of refused) {
    for (const text of list) {
      it(`refuses ${JSON.stringify(text)}: ${error}`, () => expect(decode(text)).toEqual(err(error)));
    }
  }

  it("keeps own __proto__ keys as data", () => {
    const result = decode('2["a",{"__proto__":{"polluted":1}}]');
    expect(JSON.stringify(result)).toContain('{"__proto__":{"polluted":1}}');
    expect(Object.hasOwn({}, "polluted")).toBe(false);
  });

  it("survives any nesting where it does not recurse", () => {
    expect(decode(`2["a",${nested(200_000)}]`).ok).toBe(true);
    expect(decode(`2["a",${"[".repeat(200_000)}`)).toEqual(err("invalid_payload"));
  });
});

describe("socket.io decoder: attachments", () => {
  it("reads a binary event when its attachments have come, and keeps no state", () => {
    const decoder = new Decoder();
    for (let round = 0; round < 2; round++) {
      expect(decoder.add(`52-/admin,7["baz",${mark(1)},{"a":[${mark(0)}]}]`)).toEqual(ok(undefined));
      expect(decoder.awaitingAttachments).toBe(true);
      expect(decoder.add(bytes)).toEqual(ok(undefined));
      expect(decoder.awaitingAttachments).toBe(true);
      expect(decoder.add(more)).toStrictEqual(
        ok({ type: "event", nsp: "/admin", id: 7, data: ["baz", more, { a: [bytes] }] }),
      );
      expect(decoder.awaitingAttachments).toBe(false);
      expect(decoder.add(bytes)).toEqual(err("unexpected_binary"));
      expect(decoder.add('2["a"]').ok).toBe(true);
    }
  });

  it("reads a binary ack, and does not copy the bytes", () => {
    const decoder = new Decoder();
    decoder.add(`61-15[${mark(0)}]`);
    const result = decoder.add(bytes);
    expect(result).toStrictEqual(ok({ type: "ack", nsp: "/", id: 15, data: [bytes] }));
    expect(result.ok && result.value?.type === "ack" && result.value.data[0]).toBe(bytes);
  });

  it("reads numbers that JSON writes in another way", () => {
    const decoder = new Decoder();
    decoder.add(`52-["a",${mark("-0")},${mark("1e0")}]`);
    decoder.add(bytes);
    expect(decoder.add(more)).toStrictEqual(ok({ type: "event", nsp: "/", data: ["a", bytes, more] }));
  });

  it("takes up to maxAttachments, 10 by default", () => {
    const header = (count: number) => `5${count}-["a",${Array.from({ length: count }, (_, i) => mark(i))}]`;
    expect(decode(header(10))).toEqual(ok(undefined));
    expect(decode(header(11))).toEqual(err("too_many_attachments"));
    expect(new Decoder({ maxAttachments: 11 }).add(header(11))).toEqual(ok(undefined));
    expect(new Decoder({ maxAttachments: 0 }).add(header(1))).toEqual(err("too_many_attachments"));
    expect(decode('59007199254740991-["a"]')).toEqual(err("too_many_attachments"));
  });

  const illegal: [string, string][] = [
    ["no placeholder", '51-["a"]'],
    ["fewer placeholders than attachments", `52-["a",${mark(0)}]`],
    ["two for the same attachment", `51-["a",${mark(0)},${mark(0)}]`],
    ["a number equal to the count", `51-["a",${mark(1)}]`],
    ["a negative number", `51-["a",${mark(-1)}]`],
    ["a fraction", `51-["a",${mark(0.5)}]`],
    ["a fraction too many", `51-["a",${mark(0)},${mark(0.5)}]`],
    ["a string", `51-["a",${mark('"0"')}]`],
    ["the name of an array's method", `51-["a",${mark('"splice"')}]`],
    ["null", `51-["a",${mark("null")}]`],
    ["no number", '51-["a",{"_placeholder":true}]'],
    ["a mark that is not true", '51-["a",{"_placeholder":1,"num":0}]'],
    ["a placeholder inside a placeholder", `52-["a",{"_placeholder":true,"num":0,"x":${mark(1)}}]`],
  ];
  for (const [why, text] of illegal) {
    it(`refuses ${why} at once`, () => {
      const decoder = new Decoder();
      expect(decoder.add(text)).toEqual(err("illegal_placeholder"));
      expect(decoder.awaitingAttachments).toBe(false);
    });
  }

  it("refuses the other faults of a text before any attachment", () => {
    expect(decode(`51-[${mark(0)}]`)).toEqual(err("invalid_payload"));
    expect(decode(`51-["connect",${mark(0)}]`)).toEqual(err("reserved_event"));
    expect(decode(`61-[${mark(0)}]`)).toEqual(err("invalid_ack_id"));
    expect(decode("51-")).toEqual(err("invalid_payload"));
    expect(decode(`51-01["a",${mark(0)}]`)).toEqual(err("invalid_ack_id"));
  });

  it("refuses text where an attachment is due, and forgets the packet", () => {
    const decoder = new Decoder();
    decoder.add(`51-["a",${mark(0)}]`);
    expect(decoder.add('2["a"]')).toEqual(err("unexpected_text"));
    expect(decoder.awaitingAttachments).toBe(false);
    expect(decoder.add(bytes)).toEqual(err("unexpected_binary"));
  });

  it("accepts 512 levels in a binary packet, not 513", () => {
    expect(decode(`51-["a",${nested(511, mark(0))}]`)).toEqual(ok(undefined));
    expect(decode(`51-["a",${mark(0)},${nested(512)}]`)).toEqual(err("payload_too_deep"));
    expect(decode(`51-["a",${'{"a":'.repeat(511)}${mark(0)}${"}".repeat(511)}]`)).toEqual(ok(undefined));
    expect(decode(`51-["a",${nested(200_000, mark(0))}]`)).toEqual(err("payload_too_deep"));
  });

  it("puts attachments under __proto__ without changing a prototype", () => {
    const decoder = new Decoder();
    decoder.add(`52-["a",{"__proto__":${mark(0)}},{"__proto__":{"polluted":${mark(1)}}}]`);
    decoder.add(bytes);
    const result = decoder.add(more);
    const data = result.ok && result.value?.type === "event" ? result.value.data : [];
    expect(Object.getPrototypeOf(data[1])).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(data[1], "__proto__")?.value).toBe(bytes);
    expect(Object.getPrototypeOf(data[2])).toBe(Object.prototype);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});
