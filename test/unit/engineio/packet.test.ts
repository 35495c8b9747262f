import { describe, expect, it } from "vitest";
import { decodePacket, encodePacket, type Packet, packetAsText } from "../../../src/engineio/packet.ts";
import { err, ok } from "../../../src/lib/result.ts";

describe("engine.io packets", () => {
  const texts: [string, Packet][] = [
    ['0{"sid":"lv_VI97HAXpY6yYWAAAC"}', { type: "open", data: '{"sid":"lv_VI97HAXpY6yYWAAAC"}' }],
    ["1", { type: "close", data: "" }],
    ["2", { type: "ping", data: "" }],
    ["2probe", { type: "ping", data: "probe" }],
    ["3probe", { type: "pong", data: "probe" }],
    ["4hello", { type: "message", data: "hello" }],
    ["4€uro", { type: "message", data: "€uro" }],
    ["4", { type: "message", data: "" }],
    ["5", { type: "upgrade", data: "" }],
    ["6", { type: "noop", data: "" }],
  ];
  for (const [text, packet] of texts) {
    it(`writes and reads ${text}`, () => {
      expect(encodePacket(packet)).toBe(text);
      expect(packetAsText(encodePacket(packet))).toBe(text);
      expect(decodePacket(text)).toEqual(ok(packet));
    });
  }

  it("sends a binary message raw on WebSocket, without a copy", () => {
    const data = new Uint8Array([1, 2, 3, 4]);
    expect(encodePacket({ type: "message", data })).toBe(data);
    const decoded = decodePacket(data);
    expect(decoded.ok && decoded.value.data).toBe(data);
  });

  const base64: [string, number[]][] = [
    ["b", []],
    ["bAA==", [0]],
    ["b/w==", [255]],
    ["bAQI=", [1, 2]],
    ["bAQID", [1, 2, 3]],
    ["bAQIDBA==", [1, 2, 3, 4]],
    ["b+/A=", [251, 240]],
  ];
  for (const [text, bytes] of base64) {
    it(`writes and reads ${text} as ${bytes.length} bytes`, () => {
      const packet: Packet = { type: "message", data: new Uint8Array(bytes) };
      expect(packetAsText(encodePacket(packet))).toBe(text);
      expect(decodePacket(text)).toEqual(ok(packet));
    });
  }

  it("writes only the bytes of a view", () => {
    const data = new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4);
    expect(packetAsText(encodePacket({ type: "message", data }))).toBe("bAQID");
  });

  it("carries binary larger than one slice of the encoder", () => {
    for (const length of [0x1fff, 0x2000, 0x2001, 20_000]) {
      const data = new Uint8Array(length).map((_, i) => i * 7);
      const decoded = decodePacket(packetAsText(encodePacket({ type: "message", data })));
      expect(decoded).toEqual(ok({ type: "message", data }));
    }
  });

  it("refuses an empty text", () => {
    expect(decodePacket("")).toEqual(err("empty_packet"));
  });

  it("refuses types just outside 0 to 6", () => {
    for (const text of ["/", "7", "9", "a", "c", "B", " 4", "\u0660", "abc"]) {
      expect(decodePacket(text)).toEqual(err("unknown_packet_type"));
    }
  });

  const badBase64: [string, string][] = [
    ["bA", "one digit"],
    ["bAQ", "no padding, one byte"],
    ["bAQI", "no padding, two bytes"],
    ["bAQ=", "half of the padding"],
    ["bAQID=", "padding that is not due"],
    ["b=", "padding alone"],
    ["b====", "padding alone, whole"],
    ["bA===", "too much padding"],
    ["bAQ==AQID", "padding inside"],
    ["bAQ ID", "white space"],
    ["bAQID\n", "a line feed at the end"],
    ["b\nQID", "a line feed"],
    ["b-_-_", "the URL alphabet"],
    ["bAQIé", "a char above ASCII"],
    ["bAQI\u0141", "a char whose low byte is a digit"],
    ["bAR==", "unused bits, one byte"],
    ["bAQJ=", "unused bits, two bytes"],
  ];
  for (const [text, why] of badBase64) {
    it(`refuses base64 with ${why}`, () => {
      expect(decodePacket(text)).toEqual(err("invalid_base64"));
    });
  }
});
