import { describe, expect, it } from "vitest";
import { encodeEventBody, encodePacket, eventPrefix } from "../../../src/socketio/encode.ts";
import type { Packet } from "../../../src/socketio/packet.ts";

const bytes = new Uint8Array([1, 2, 3]);
const placeholder = (num: number) => `{"_placeholder":true,"num":${num}}`;

/** Arrays inside arrays, `levels` deep in all, with `leaf` at the bottom. */
function nest(levels: number, leaf: unknown): unknown {
  let value = leaf;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

describe("socket.io encoder", () => {
  const texts: [string, Packet][] = [
    ["0", { type: "connect", nsp: "/" }],
    ["0", { type: "connect", nsp: "" }],
    ['0{"token":"123"}', { type: "connect", nsp: "/", data: { token: "123" } }],
    ["0/admin,", { type: "connect", nsp: "/admin" }],
    ['0/admin?a=1,{"sid":"x"}', { type: "connect", nsp: "/admin?a=1", data: { sid: "x" } }],
    ["1", { type: "disconnect", nsp: "/" }],
    ["1/admin,", { type: "disconnect", nsp: "/admin" }],
    ['2["foo"]', { type: "event", nsp: "/", data: ["foo"] }],
    ['2/admin,["bar",1,null]', { type: "event", nsp: "/admin", data: ["bar", 1, undefined] }],
    ['212["foo"]', { type: "event", nsp: "/", id: 12, data: ["foo"] }],
    ['2/admin,0["foo"]', { type: "event", nsp: "/admin", id: 0, data: ["foo"] }],
    ["2[7]", { type: "event", nsp: "/", data: [7] }],
    ['3/admin,13["bar"]', { type: "ack", nsp: "/admin", id: 13, data: ["bar"] }],
    ["30[]", { type: "ack", nsp: "/", id: 0, data: [] }],
    ['4"no"', { type: "connect_error", nsp: "/", data: "no" }],
    [
      '4/admin,{"message":"Not authorized"}',
      { type: "connect_error", nsp: "/admin", data: { message: "Not authorized" } },
    ],
  ];
  for (const [text, packet] of texts) {
    it(`writes ${text}`, () => expect(encodePacket(packet)).toEqual([text]));
  }

  it("writes binary events and acks with placeholders, then the attachments", () => {
    expect(encodePacket({ type: "event", nsp: "/", data: ["baz", bytes] })).toEqual([
      `51-["baz",${placeholder(0)}]`,
      bytes,
    ]);
    const second = new Uint8Array([4]);
    expect(encodePacket({ type: "ack", nsp: "/admin", id: 15, data: [bytes, { a: [second] }] })).toEqual([
      `62-/admin,15[${placeholder(0)},{"a":[${placeholder(1)}]}]`,
      bytes,
      second,
    ]);
  });

  it("counts ArrayBuffers, other views and Node's Buffers as binary, within their bounds", () => {
    const view = new DataView(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3);
    const data: [string, ...unknown[]] = ["a", bytes.slice().buffer, view, Buffer.from(bytes)];
    const [text, ...attachments] = encodePacket({ type: "event", nsp: "/", data });
    expect(text).toBe(`53-["a",${placeholder(0)},${placeholder(1)},${placeholder(2)}]`);
    expect(attachments.map((item) => Array.from(item as Uint8Array))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
  });

  it("does not copy attachments, and gives one to each place that holds the same value", () => {
    const chunks = encodePacket({ type: "event", nsp: "/", data: ["a", bytes, bytes] });
    expect(chunks).toHaveLength(3);
    expect(chunks[1]).toBe(bytes);
    expect(chunks[2]).toBe(bytes);
  });

  it("honours toJSON once, binary results included, and keeps Dates as text", () => {
    const date = new Date(0);
    const data: [string, ...unknown[]] = [
      "a",
      { toJSON: () => bytes },
      { toJSON: () => ({ b: bytes }) },
      date,
    ];
    expect(encodePacket({ type: "event", nsp: "/", data })[0]).toBe(
      `52-["a",${placeholder(0)},{"b":${placeholder(1)}},"1970-01-01T00:00:00.000Z"]`,
    );
    const hidden = { secret: bytes, toJSON: () => "shown" };
    expect(encodePacket({ type: "event", nsp: "/", data: ["a", hidden] })).toEqual(['2["a","shown"]']);
  });

  it("keeps an own __proto__ key beside attachments, which the reference loses", () => {
    const value = JSON.parse('{"__proto__":{"x":1}}');
    expect(encodePacket({ type: "event", nsp: "/", data: ["a", value, bytes] })[0]).toBe(
      `51-["a",{"__proto__":{"x":1}},${placeholder(0)}]`,
    );
  });

  it("does not change its input", () => {
    const inner = Object.freeze({ list: Object.freeze([bytes]) });
    const data: [string, unknown] = ["a", inner];
    const packet: Packet = Object.freeze({ type: "event", nsp: "/", data });
    Object.freeze(data);
    encodePacket(packet);
    expect(data).toEqual(["a", { list: [bytes] }]);
    expect(inner.list[0]).toBe(bytes);
  });

  it("accepts 512 levels, and throws beyond and for cycles and BigInts", () => {
    const packet = (value: unknown): Packet => ({ type: "event", nsp: "/", data: ["a", value] });
    expect(encodePacket(packet(nest(511, bytes)))).toHaveLength(2);
    expect(encodePacket(packet(nest(511, 1)))).toHaveLength(1);
    expect(() => encodePacket(packet(nest(512, 1)))).toThrow(RangeError);
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => encodePacket(packet(cycle))).toThrow(RangeError);
    expect(() => encodePacket(packet(1n))).toThrow(TypeError);
  });

  it("writes the parts of a broadcast as encodePacket writes the whole", () => {
    const args = [{ a: "é\u2028" }, undefined, [1]];
    const body = encodeEventBody("price", args);
    expect(body).toBe('["price",{"a":"é\u2028"},null,[1]]');
    expect(encodeEventBody("price", [])).toBe('["price"]');
    expect(eventPrefix("/")).toBe("2");
    expect(eventPrefix("/admin")).toBe("2/admin,");
    expect(eventPrefix("/admin", 0)).toBe("2/admin,0");
    for (const nsp of ["/", "/admin"]) {
      expect([eventPrefix(nsp, 7) + body]).toEqual(
        encodePacket({ type: "event", nsp, id: 7, data: ["price", ...args] }),
      );
    }
  });
});
