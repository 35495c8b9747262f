/**
 * The text of a Socket.IO v5 packet: its head, then JSON
 * (<https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>). Pure.
 *
 * Where this is stricter than `socket.io-parser`: docs/codec-strictness.md.
 */
import { err, ok, type Result } from "../lib/result.ts";
import {
  ACK,
  BINARY_ACK,
  CONNECT,
  CONNECT_ERROR,
  DISCONNECT,
  type Header,
  type HeaderError,
  parseHeader,
} from "./header.ts";
import { type EventData, type Packet, RESERVED_EVENTS } from "./packet.ts";

/**
 * Why a text is refused: its head is bad (see HeaderError), or
 * - `invalid_ack_id`: also when an ACK has none
 * - `invalid_payload`: missing, not JSON, or not the shape of this packet type
 * - `reserved_event`: the event's name is one of RESERVED_EVENTS
 */
export type ParseError = HeaderError | "invalid_payload" | "reserved_event";

export type DataPacket = Extract<Packet, { type: "event" | "ack" }>;

/** A packet with no attachments, or one whose data holds placeholders for `attachments` (at least 1) of them. */
export type Parsed =
  | { binary: false; packet: Packet }
  | { binary: true; packet: DataPacket; attachments: number };

const CHAR_QUOTE = 0x22;
const CHAR_BRACKET = 0x5b;
const CHAR_BRACE = 0x7b;

export function parseText(text: string, maxAttachments: number): Result<Parsed, ParseError> {
  const header = parseHeader(text, maxAttachments);
  if (!header.ok) return header;
  const { code, attachments } = header.value;
  if (code === CONNECT || code === DISCONNECT || code === CONNECT_ERROR) {
    const packet = parseControl(text, header.value);
    return packet.ok ? ok({ binary: false, packet: packet.value }) : packet;
  }
  const packet = parseData(text, header.value);
  if (!packet.ok) return packet;
  return ok(
    attachments === 0
      ? { binary: false, packet: packet.value }
      : { binary: true, packet: packet.value, attachments },
  );
}

function parseControl(text: string, { code, nsp, end }: Header): Result<Packet, ParseError> {
  const empty = end === text.length;
  if (code === DISCONNECT) return empty ? ok({ type: "disconnect", nsp }) : err("invalid_payload");
  if (code === CONNECT && empty) return ok({ type: "connect", nsp });

  const data = parseObject(text, end);
  if (code === CONNECT)
    return data === undefined ? err("invalid_payload") : ok({ type: "connect", nsp, data });
  const reason = data ?? parseString(text, end);
  return reason === undefined ? err("invalid_payload") : ok({ type: "connect_error", nsp, data: reason });
}

function parseData(text: string, { code, nsp, id, end }: Header): Result<DataPacket, ParseError> {
  const data = parseArray(text, end);
  if (code === ACK || code === BINARY_ACK) {
    if (id === undefined) return err("invalid_ack_id");
    return data === undefined ? err("invalid_payload") : ok({ type: "ack", nsp, id, data });
  }
  if (data === undefined || !isEventData(data)) return err("invalid_payload");
  if (isReserved(data[0])) return err("reserved_event");
  return ok(id === undefined ? { type: "event", nsp, data } : { type: "event", nsp, id, data });
}

const LONGEST_RESERVED = Math.max(...[...RESERVED_EVENTS].map((name) => String(name).length));

/** Most names are longer, and looking up a text that is new costs a pass over it. */
const isReserved = (name: string | number): boolean =>
  String(name).length <= LONGEST_RESERVED && RESERVED_EVENTS.has(name);

function isEventData(data: unknown[]): data is EventData {
  const name = data[0];
  return typeof name === "string" || typeof name === "number";
}

// The first character decides the shape, which makes the casts true. It also refuses white space before the payload:
// the reference would read it as digits of the ack id.

const parseArray = (text: string, start: number): unknown[] | undefined =>
  text.charCodeAt(start) === CHAR_BRACKET ? (parseJson(text, start) as unknown[] | undefined) : undefined;

const parseObject = (text: string, start: number): Record<string, unknown> | undefined =>
  text.charCodeAt(start) === CHAR_BRACE
    ? (parseJson(text, start) as Record<string, unknown> | undefined)
    : undefined;

const parseString = (text: string, start: number): string | undefined =>
  text.charCodeAt(start) === CHAR_QUOTE ? (parseJson(text, start) as string | undefined) : undefined;

/** The value, or undefined (which JSON cannot write) when the text is not JSON. */
function parseJson(text: string, start: number): unknown {
  try {
    return JSON.parse(text.slice(start));
  } catch {
    return undefined;
  }
}
