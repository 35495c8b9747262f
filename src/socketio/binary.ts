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
 * What to give to JSON instead of `value`: its binary values are added to `attachments`, and placeholders stand in their
 * places. Only what holds one is copied: with none, the result is `value` itself. The result of a `toJSON` counts, not
 * its owner.
 *
 * @throws RangeError beyond MAX_DEPTH (which every cycle reaches): such data is a bug of the caller
 */
export function extractBinary(
  value: unknown,
  attachments: Uint8Array[],
  key: string | number = "",
  depth = 1,
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return extractFromArray(value, attachments, depth);
  if (isBinary(value)) return placeholderFor(value, attachments);
  if (!("toJSON" in value && typeof value.toJSON === "function"))
    return extractFromObject(value, attachments, depth);
  const json: unknown = value.toJSON(String(key));
  if (typeof json !== "object" || json === null) return value;
  if (isBinary(json)) return placeholderFor(json, attachments);
  // JSON calls toJSON once: the result's own toJSON, if any, is not consulted.
  const extracted = Array.isArray(json)
    ? extractFromArray(json, attachments, depth)
    : extractFromObject(json, attachments, depth);
  return extracted === json ? value : extracted;
}

const placeholderFor = (value: ArrayBuffer | ArrayBufferView, attachments: Uint8Array[]) => ({
  _placeholder: true,
  num: attachments.push(toBytes(value)) - 1,
});

// Every packet that is sent comes through here. Most members are no objects: those cost no call.

function extractFromArray(array: unknown[], attachments: Uint8Array[], depth: number): unknown[] {
  checkDepth(depth);
  let copy: unknown[] | undefined;
  for (let i = 0; i < array.length; i++) {
    const member = array[i];
    if (typeof member !== "object") continue;
    const extracted = extractBinary(member, attachments, i, depth + 1);
    if (extracted === member) continue;
    copy ??= array.slice();
    copy[i] = extracted;
  }
  return copy ?? array;
}

function extractFromObject(object: object, attachments: Uint8Array[], depth: number): object {
  checkDepth(depth);
  const members = object as Record<string, unknown>;
  let copy: Record<string, unknown> | undefined;
  for (const key in members) {
    const member = members[key];
    if (typeof member !== "object" || !Object.hasOwn(members, key)) continue;
    const extracted = extractBinary(member, attachments, key, depth + 1);
    if (extracted === member) continue;
    copy ??= copyForJson(members);
    // An own property by now, `__proto__` among them: no prototype can change.
    copy[key] = extracted;
  }
  return copy ?? object;
}

function checkDepth(depth: number): void {
  if (depth > MAX_DEPTH) throw new RangeError(`data nested deeper than ${MAX_DEPTH} levels`);
}

/** JSON would call the `toJSON` of a copy, though it calls none of what a `toJSON` has returned. */
function copyForJson(members: Record<string, unknown>): Record<string, unknown> {
  if (!Object.hasOwn(members, "toJSON")) return { ...members };
  const { toJSON, ...others } = members;
  return typeof toJSON === "function" ? others : { ...members };
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
