/**
 * Socket.IO v5 decoder: <https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>. No I/O; its only state is
 * the binary packet whose attachments have not all arrived.
 */
import { err, ok, type Result } from "../lib/result.ts";
import { findSlots, type Slot } from "./binary.ts";
import type { Packet } from "./packet.ts";
import { type ParseError, parseText } from "./parse.ts";

/**
 * Why a chunk is refused: a bad text (see ParseError), or
 * - `illegal_placeholder`: a placeholder's number is not an integer below the count, or the placeholders do not name
 *   every attachment exactly once
 * - `payload_too_deep`: a binary packet's data is nested deeper than MAX_DEPTH
 * - `unexpected_text`: a text where an attachment was due
 * - `unexpected_binary`: an attachment where none was due
 */
export type DecodeError =
  | ParseError
  | "illegal_placeholder"
  | "payload_too_deep"
  | "unexpected_text"
  | "unexpected_binary";

type Pending = { packet: Packet; slots: Slot[]; filled: number };

/** As in the reference. */
const DEFAULT_MAX_ATTACHMENTS = 10;

export class Decoder {
  readonly #maxAttachments: number;
  #pending: Pending | undefined;

  /** `maxAttachments`: the most attachments that one packet may announce (default 10; 0 refuses binary packets). */
  constructor(options: { maxAttachments?: number } = {}) {
    this.#maxAttachments = options.maxAttachments ?? DEFAULT_MAX_ATTACHMENTS;
  }

  /** Whether a binary packet has begun whose attachments have not all arrived. */
  get awaitingAttachments(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Takes the next Engine.IO message. The value is a whole packet, or undefined while attachments are due. Attachments
   * are put in the packet as they are, not copied. An error forgets the packet that was begun; the protocol has no way
   * to resynchronize, so the connection should then be closed.
   */
  add(chunk: string | Uint8Array): Result<Packet | undefined, DecodeError> {
    const pending = this.#pending;
    if (typeof chunk === "string") {
      if (pending === undefined) return this.#addText(chunk);
      this.#pending = undefined;
      return err("unexpected_text");
    }
    if (pending === undefined) return err("unexpected_binary");

    pending.slots[pending.filled++]?.(chunk);
    if (pending.filled < pending.slots.length) return ok(undefined);
    this.#pending = undefined;
    return ok(pending.packet);
  }

  #addText(text: string): Result<Packet | undefined, DecodeError> {
    const parsed = parseText(text, this.#maxAttachments);
    if (!parsed.ok) return parsed;
    if (!parsed.value.binary) return ok(parsed.value.packet);
    const { packet, attachments } = parsed.value;

    // Checked before the attachments arrive: nothing is kept for a packet that cannot be completed.
    const slots = findSlots(packet.data, attachments);
    if (!slots.ok) return slots;
    this.#pending = { packet, slots: slots.value, filled: 0 };
    return ok(undefined);
  }
}
