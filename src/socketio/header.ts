/** The head of a Socket.IO v5 packet, `<type>[<attachments>-][<namespace>,][<ack id>]`. Pure. */
import { err, ok, type Result } from "../lib/result.ts";

/** What precedes the payload, which starts at `end` (the text's length when there is none). */
export type Header = {
  readonly code: number;
  /** 0 unless the code is BINARY_EVENT's or BINARY_ACK's. */
  readonly attachments: number;
  readonly nsp: string;
  readonly id: number | undefined;
  readonly end: number;
};

/**
 * Why a head is refused:
 * - `unknown_packet_type`: the first character is not 0–6
 * - `illegal_attachments`: the count is not a canonical positive number followed by `-`
 * - `too_many_attachments`: the count exceeds the limit
 * - `invalid_namespace`: a namespace without its comma before a payload that must be there
 * - `invalid_ack_id`: present where none may be, not canonical or not a safe integer
 */
export type HeaderError =
  | "unknown_packet_type"
  | "illegal_attachments"
  | "too_many_attachments"
  | "invalid_namespace"
  | "invalid_ack_id";

/** Packet type codes. */
export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;
export const BINARY_EVENT = 5;
export const BINARY_ACK = 6;

/** The head of nearly all that comes, `2`: an event of the main namespace that wants no ack. */
const PLAIN_EVENT: Header = { code: EVENT, attachments: 0, nsp: "/", id: undefined, end: 1 };

const CHAR_DASH = 0x2d;
const CHAR_SLASH = 0x2f;
const CHAR_0 = 0x30;
const CHAR_9 = 0x39;
const CHAR_BRACKET = 0x5b;

/** Digits of Number.MAX_SAFE_INTEGER: longer runs need not be converted to be refused. */
const MAX_SAFE_DIGITS = 16;

export function parseHeader(text: string, maxAttachments: number): Result<Header, HeaderError> {
  const code = text.charCodeAt(0) - CHAR_0;
  // Written so that the NaN of an empty text is refused.
  if (!(code >= CONNECT && code <= BINARY_ACK)) return err("unknown_packet_type");
  if (code === EVENT && text.charCodeAt(1) === CHAR_BRACKET) return ok(PLAIN_EVENT);
  let at = 1;

  let attachments = 0;
  if (code === BINARY_EVENT || code === BINARY_ACK) {
    const end = endOfDigits(text, at);
    const count = canonicalInteger(text, at, end);
    if (count === undefined || count === 0 || text.charCodeAt(end) !== CHAR_DASH)
      return err("illegal_attachments");
    if (count > maxAttachments) return err("too_many_attachments");
    attachments = count;
    at = end + 1;
  }

  let nsp = "/";
  if (text.charCodeAt(at) === CHAR_SLASH) {
    const comma = text.indexOf(",", at);
    // Some clients leave out the comma when nothing follows, which the reference accepts.
    if (comma === -1 && code !== CONNECT && code !== DISCONNECT) return err("invalid_namespace");
    const end = comma === -1 ? text.length : comma;
    nsp = text.slice(at, end);
    at = comma === -1 ? end : end + 1;
  }

  const end = endOfDigits(text, at);
  const id = end === at ? undefined : canonicalInteger(text, at, end);
  const idAllowed = code !== CONNECT && code !== DISCONNECT && code !== CONNECT_ERROR;
  if (end > at && (id === undefined || !idAllowed)) return err("invalid_ack_id");
  return ok({ code, attachments, nsp, id, end });
}

function endOfDigits(text: string, start: number): number {
  let end = start;
  for (let char = text.charCodeAt(end); char >= CHAR_0 && char <= CHAR_9; char = text.charCodeAt(end)) end++;
  return end;
}

/** The number that the digits write, when they write it in its one shortest form and it is exact. */
function canonicalInteger(text: string, start: number, end: number): number | undefined {
  const length = end - start;
  if (length === 0 || length > MAX_SAFE_DIGITS) return undefined;
  if (length > 1 && text.charCodeAt(start) === CHAR_0) return undefined;
  // Exact as long as it is safe, and needs no text of its own as Number does.
  let value = 0;
  for (let at = start; at < end; at++) value = value * 10 + (text.charCodeAt(at) - CHAR_0);
  return Number.isSafeInteger(value) ? value : undefined;
}
