import { describe, expect, it } from "vitest";
import type { Packet } from "../../../src/engineio/packet.ts";
import { encodePacket } from "../../../src/engineio/packet.ts";
import { decodePayload, encodePayload, SEPARATOR } from "../../../src/engineio/payload.ts";
import { err, ok } from "../../../src/lib/result.ts";

const packets: Packet[] = [
  { type: "message", data: "hello" },
  { type: "ping", data: "" },
  { type: "message", data: "world" },
  { type: "message", data: new Uint8Array([1, 2, 3, 4]) },
];
const payload = "4hello\x1e2\x1e4world\x1ebAQIDBA==";

describe("engine.io payloads", () => {
  it("joins packets with the record separator, binary as base64", () => {
    expect(encodePayload(packets.map(encodePacket))).toBe(payload);
    expect(decodePayload(payload)).toEqual(ok(packets));
  });

  it("writes and reads a single packet", () => {
    expect(encodePayload(["6"])).toBe("6");
    expect(decodePayload("6")).toEqual(ok([{ type: "noop", data: "" }]));
  });

  it("accepts exactly maxPackets packets", () => {
    expect(decodePayload(payload, { maxPackets: 4 })).toEqual(ok(packets));
    expect(decodePayload(payload, { maxPackets: 3 })).toEqual(err({ reason: "too_many_packets", index: 3 }));
    expect(decodePayload(payload, { maxPackets: 0 })).toEqual(err({ reason: "too_many_packets", index: 0 }));
  });

  it("stops at the first bad packet and says which it is", () => {
    expect(decodePayload("4a\x1e2\x1e9\x1e")).toEqual(err({ reason: "unknown_packet_type", index: 2 }));
    expect(decodePayload("bA\x1e4a")).toEqual(err({ reason: "invalid_base64", index: 0 }));
    expect(decodePayload("9\x1e4a", { maxPackets: 1 })).toEqual(
      err({ reason: "unknown_packet_type", index: 0 }),
    );
  });

  it("refuses empty packets: no text, or a separator at an end or twice", () => {
    expect(decodePayload("")).toEqual(err({ reason: "empty_packet", index: 0 }));
    expect(decodePayload(`${SEPARATOR}4a`)).toEqual(err({ reason: "empty_packet", index: 0 }));
    expect(decodePayload(`4a${SEPARATOR}`)).toEqual(err({ reason: "empty_packet", index: 1 }));
    expect(decodePayload("4a\x1e\x1e4b")).toEqual(err({ reason: "empty_packet", index: 1 }));
  });
});
