/**
 * Engine.IO v4 payloads, the bodies of HTTP polling:
 * <https://socket.io/docs/v4/engine-io-protocol/#http-long-polling-1>. Pure.
 */
import { err, ok, type Result } from "../lib/result.ts";
import { type DecodeError, decodePacket, type Packet, packetAsText } from "./packet.ts";

/** Record separator (U+001E) between the packets of a payload. */
export const SEPARATOR = "\x1e";

/** Why a payload is refused, and the position (from 0) of the packet that is to blame. */
export type PayloadError = { reason: DecodeError | "too_many_packets"; index: number };

/**
 * Joins encoded packets into one payload; no packets give "", which is not a valid payload. The format has no escape:
 * text data must not contain SEPARATOR (JSON text never does).
 */
export function encodePayload(packets: readonly (string | Uint8Array)[]): string {
  return packets.map(packetAsText).join(SEPARATOR);
}

/**
 * Decodes a payload, all or nothing, stopping at the first bad packet. Beyond `maxPackets` (no limit when absent)
 * nothing is decoded either, so that a body of separators costs no more than the limit.
 */
export function decodePayload(
  text: string,
  options: { maxPackets?: number } = {},
): Result<Packet[], PayloadError> {
  const maxPackets = options.maxPackets ?? Number.POSITIVE_INFINITY;
  const packets: Packet[] = [];
  let start = 0;
  for (let index = 0; ; index++) {
    if (index >= maxPackets) return err({ reason: "too_many_packets", index });
    const separator = text.indexOf(SEPARATOR, start);
    const end = separator === -1 ? text.length : separator;
    const packet = decodePacket(text.slice(start, end));
    if (!packet.ok) return err({ reason: packet.error, index });
    packets.push(packet.value);
    if (separator === -1) return ok(packets);
    start = separator + 1;
  }
}
