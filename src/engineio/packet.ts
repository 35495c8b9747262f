/**
 * Engine.IO v4 packets: <https://socket.io/docs/v4/engine-io-protocol/#packet-encoding>.
 *
 * Pure. Where this codec is stricter than `engine.io-parser`: docs/codec-strictness.md.
 */
import { err, ok, type Result } from "../lib/result.ts";
import { fromBase64, toBase64 } from "./base64.ts";

export type PacketType = "open" | "close" | "ping" | "pong" | "message" | "upgrade" | "noop";

/** One Engine.IO packet. `data` is "" when the packet carries none; only messages can be binary. */
export type Packet =
  | { type: Exclude<PacketType, "message">; data: string }
  | { type: "message"; data: string | Uint8Array };

/**
 * Why a packet is refused:
 * - `empty_packet`: an empty text
 * - `unknown_packet_type`: the first character is neither 0–6 nor `b`
 * - `invalid_base64`: what follows `b` is not canonical base64
 */
export type DecodeError = "empty_packet" | "unknown_packet_type" | "invalid_base64";

/** Wire code of each packet type. */
export const PACKET_CODES = {
  open: "0",
  close: "1",
  ping: "2",
  pong: "3",
  message: "4",
  upgrade: "5",
  noop: "6",
} as const satisfies Record<PacketType, string>;

/** Indexed by the wire code. */
const TYPES: readonly PacketType[] = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

const CHAR_0 = 0x30;
const CHAR_B = 0x62;

/** The WebSocket form: text is `<code><data>`, a binary message is its bytes alone (not copied). */
export function encodePacket(packet: Packet): string | Uint8Array {
  return typeof packet.data === "string" ? PACKET_CODES[packet.type] + packet.data : packet.data;
}

/** The HTTP polling form of an encoded packet: a binary message is `b<base64>` (with no code). */
export function packetAsText(packet: string | Uint8Array): string {
  return typeof packet === "string" ? packet : `b${toBase64(packet)}`;
}

/**
 * Decodes one WebSocket frame, or one element of a polling payload. A binary frame is a message (its bytes are
 * not copied). `b<base64>` is accepted on WebSocket too, as by the reference.
 */
export function decodePacket(raw: string | Uint8Array): Result<Packet, DecodeError> {
  if (typeof raw !== "string") return ok({ type: "message", data: raw });
  if (raw === "") return err("empty_packet");

  const code = raw.charCodeAt(0);
  const type = TYPES[code - CHAR_0];
  if (type !== undefined) return ok({ type, data: raw.slice(1) });
  if (code !== CHAR_B) return err("unknown_packet_type");

  const data = fromBase64(raw, 1);
  return data === undefined ? err("invalid_base64") : ok({ type: "message", data });
}
