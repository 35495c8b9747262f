/** Binary values inside Socket.IO data, and the placeholders that stand for them in JSON. Pure. */
import { err, ok, type Result } from "../lib/result.ts";

/**
 * How many arrays and objects may be nested, the data array itself included, where this codec recurses: looking for
 * binary values (encode) and for placeholders (decode of binary packets).
 */
export const MAX_DEPTH = 512;

/** Puts the bytes of one attachment in its place. */
export type Slot = (bytes: Uint8Array) => void;

/** As in the reference, any view counts; Blob and File do not exist here. */
export function isBinary(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

/** The same memory as a Uint8Array, not a copy. */
export function toBytes(value: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * Whether the JSON form of `value` would hold binary values; the result of a `toJSON` counts, not its owner.
 *
 * @throws RangeError beyond MAX_DEPTH (which every cycle reaches): such data is a bug of the caller
 */
export function hasBinary(value: unknown, depth = 1): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (isBinary(value)) return true;
  if (depth > MAX_DEPTH) throw new RangeError(`data nested deeper than ${MAX_DEPTH} levels`);
  if (!Array.isArray(value) && "toJSON" in value && typeof value.toJSON === "function") {
    // JSON calls toJSON once: the result's own toJSON, if any, is not consulted.
    const json: unknown = value.toJSON();
    return isBinary(json) || membersHaveBinary(json, depth);
  }
  return membersHaveBinary(value, depth);
}

function membersHaveBinary(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  for (const member of Array.isArray(value) ? value : Object.values(value)) {
    if (hasBinary(member, depth + 1)) return true;
  }
  return false;
}

/**
 * Finds where each of `count` attachments goes in `data`, which must come straight from JSON.parse: the slots write
 * into it. They only overwrite own properties that exist, `__proto__` among them, so no prototype can change.
 *
 * Every attachment must be named by exactly one placeholder. Encoders do so; and if one attachment could be named a
 * thousand times, relaying the packet would send it a thousand times.
 *
 * @returns slots in the order of the attachments
 */
export function findSlots(data: unknown[], count: number): Result<Slot[], Problem> {
  const slots: (Slot | undefined)[] = new Array(count).fill(undefined);
  const problem = visit(data, slots, 1);
  if (problem !== undefined) return err(problem);
  const found = slots.filter((slot) => slot !== undefined);
  return found.length === count ? ok(found) : err("illegal_placeholder");
}

type Problem = "illegal_placeholder" | "payload_too_deep";

function visit(container: object, slots: (Slot | undefined)[], depth: number): Problem | undefined {
  if (depth > MAX_DEPTH) return "payload_too_deep";
  if (Array.isArray(container)) {
    for (let i = 0; i < container.length; i++) {
      const problem = visitMember(container, i, slots, depth);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }
  for (const key of Object.keys(container)) {
    const problem = visitMember(container as Record<string, unknown>, key, slots, depth);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function visitMember<K extends string | number>(
  container: Record<K, unknown>,
  key: K,
  slots: (Slot | undefined)[],
  depth: number,
): Problem | undefined {
  const member = container[key];
  if (typeof member !== "object" || member === null) return undefined;
  if (!("_placeholder" in member && member._placeholder === true)) return visit(member, slots, depth + 1);

  const num = "num" in member ? member.num : undefined;
  if (typeof num !== "number" || !Number.isInteger(num) || num < 0 || num >= slots.length)
    return "illegal_placeholder";
  if (slots[num] !== undefined) return "illegal_placeholder";
  slots[num] = (bytes) => {
    container[key] = bytes;
  };
  return undefined;
}
