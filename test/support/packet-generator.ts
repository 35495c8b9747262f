/**
 * Seeded generator of Engine.IO and Socket.IO packets, and of broken ones made from them. The same seed always gives
 * the same packet, so a failure is replayed from its seed alone.
 */
import type { Packet as EnginePacket, PacketType } from "../../src/engineio/packet.ts";
import { encodePacket } from "../../src/socketio/encode.ts";
import type { Packet } from "../../src/socketio/packet.ts";

export type Chunk = string | Uint8Array;

/** mulberry32: small, fast and good enough to choose test cases. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds must not give neighbouring streams.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  }

  /** An integer from 0 to `below` - 1. */
  int(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * below);
  }

  chance(percent: number): boolean {
    return this.int(100) < percent;
  }

  pick<const T extends readonly [unknown, ...unknown[]]>(choices: T): T[number] {
    return choices[this.int(choices.length)] ?? choices[0];
  }
}

const ENGINE_TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"] as const satisfies [
  PacketType,
  ...PacketType[],
];
const FRAGMENTS = [
  "a",
  "hello",
  "0",
  "42",
  " ",
  ",",
  "-",
  "/",
  '"',
  "\\",
  "\n",
  "\0",
  "é",
  "€",
  "日本",
  "😀",
  "\ud800",
  "\u2028",
  "[",
  "{}",
  "_placeholder",
] as const;
const KEYS = ["a", "id", "num", "_placeholder", "toJSON", "constructor", "length", "0", "é", ""] as const;
const NAMESPACES = ["/", "/", "/admin", "/a/b", "/admin?token=1&x=2", "/é", "/-1", "/5"] as const;
const NAMES = ["message", "price", "é", "", "connection", "error", "Connect", 0, 7, -1.5] as const;

export function text(random: Random): string {
  let value = "";
  for (let n = random.int(4); n > 0; n--) value += random.pick(FRAGMENTS);
  return value;
}

export function bytes(random: Random): Uint8Array {
  const value = new Uint8Array(random.int(random.chance(5) ? 300 : 8));
  for (let i = 0; i < value.length; i++) value[i] = random.int(256);
  return value;
}

/** A value that JSON can write, or `undefined`; with `binary`, some of its leaves are binary. */
function value(random: Random, depth: number, binary: boolean): unknown {
  if (depth > 0 && random.chance(30)) {
    const length = random.int(4);
    if (random.chance(50)) return Array.from({ length }, () => value(random, depth - 1, binary));
    const object: Record<string, unknown> = {};
    for (let i = 0; i < length; i++) object[random.pick(KEYS)] = value(random, depth - 1, binary);
    // With attachments a true mark would be a placeholder, which the format cannot tell from data.
    if (binary && object._placeholder === true) object._placeholder = false;
    return object;
  }
  if (binary && random.chance(40)) return binaryValue(random);
  switch (random.int(12)) {
    case 0:
      return null;
    case 1:
      return random.chance(50);
    case 2:
      return random.int(1000) - 500;
    case 3:
      return random.pick([-0, 0.1, 1e21, 5e-324, Number.MAX_SAFE_INTEGER, Number.NaN, -1 / 3]);
    case 4:
      return undefined;
    case 5:
      return new Date(random.int(2 ** 31));
    case 6: {
      // Not a toJSON that gives a toJSON: the reference calls both, but only in binary packets.
      const inner = binary && random.chance(50) ? binaryValue(random) : text(random);
      return { toJSON: () => inner };
    }
    case 7:
      // An own `__proto__`, as JSON.parse makes them. The reference's encoder loses it from binary packets.
      return binary ? {} : JSON.parse('{"__proto__":{"x":1},"y":2}');
    default:
      return text(random);
  }
}

function binaryValue(random: Random): unknown {
  const content = bytes(random);
  switch (random.int(4)) {
    case 0:
      return content.slice().buffer;
    case 1:
      // A view that does not start at the beginning of its memory.
      return new Uint8Array([9, ...content, 9]).subarray(1, content.length + 1);
    case 2:
      return Buffer.from(content);
    default:
      return content;
  }
}

function record(random: Random): Record<string, unknown> {
  const data: Record<string, unknown> = {};
  for (let n = random.int(3); n > 0; n--) data[random.pick(KEYS)] = value(random, 2, false);
  delete data.toJSON;
  return data;
}

const number = (random: Random): number =>
  random.pick([0, 1, random.int(10), random.int(1000), random.int(2 ** 31), Number.MAX_SAFE_INTEGER]);

/** A packet as the application gives it: data may hold any binary value, Dates, `toJSON` and `undefined`. */
export function socketPacket(random: Random): Packet {
  const nsp = random.pick(NAMESPACES);
  const binary = random.chance(35);
  const args = () => Array.from({ length: random.int(4) }, () => value(random, 3, binary));
  switch (random.int(10)) {
    case 0:
      return random.chance(50) ? { type: "connect", nsp } : { type: "connect", nsp, data: record(random) };
    case 1:
      return { type: "disconnect", nsp };
    case 2:
      return { type: "connect_error", nsp, data: random.chance(40) ? text(random) : record(random) };
    case 3:
    case 4:
      return { type: "ack", nsp, id: number(random), data: args() };
    default: {
      const data: [string | number, ...unknown[]] = [random.pick(NAMES), ...args()];
      return random.chance(40)
        ? { type: "event", nsp, id: number(random), data }
        : { type: "event", nsp, data };
    }
  }
}

export function enginePacket(random: Random): EnginePacket {
  const type = random.pick(ENGINE_TYPES);
  if (type !== "message") return { type, data: random.chance(50) ? "" : text(random) };
  return { type, data: random.chance(50) ? bytes(random) : text(random) };
}

const NOISE = [
  ..."0123456789",
  ..."0123456789",
  ...' -,/[]{}":.+eExbB=_\\',
  "\t",
  "\n",
  "\u00a0",
  "\ufeff",
  "\u2028",
  "٣",
  "\x1e",
  "é",
] as unknown as readonly [string, ...string[]];

/** One to three random edits, most of them near the start where the structure is. */
export function breakText(random: Random, original: string): string {
  let broken = original;
  for (let n = 1 + random.int(3); n > 0; n--) {
    const at = random.int(Math.min(broken.length, random.chance(60) ? 10 : broken.length) + 1);
    const before = broken.slice(0, at);
    switch (random.int(6)) {
      case 0:
        broken = before + random.pick(NOISE) + broken.slice(at + 1);
        break;
      case 1:
        broken = before + random.pick(NOISE) + broken.slice(at);
        break;
      case 2:
        broken = before + broken.slice(at + 1);
        break;
      case 3:
        if (random.chance(50)) broken = before;
        break;
      case 4:
        broken = before + broken.slice(at, at + 3) + broken.slice(at);
        break;
      default:
        broken =
          before + random.pick(["00", "99999999999999999999", "1e0", "0x1", "  ", "-1"]) + broken.slice(at);
    }
  }
  return broken;
}

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

const mark = (num: unknown): string => `{"_placeholder":true,"num":${num}}`;

/** What a placeholder's number is changed to, as JSON. */
const NUMS = ["0", "1", "0.5", "-1", "9", '"0"', "null", "1e0", "-0"] as const;

/** Edits that keep the structure but give it a wrong meaning; plain random edits seldom find them. */
function breakMeaning(random: Random, header: string): string {
  switch (random.int(8)) {
    case 0:
      return header.replace(/"num":\d+/, `"num":${random.pick(NUMS)}`);
    case 1:
      return header.replace(
        /^([56])\d+/,
        `$1${random.pick(["0", "1", "2", "3", "01", "1.0", "1e0", " 1", "10", "11", "", "+1"])}`,
      );
    case 2:
      return header.replace(/^./, String(random.int(8)));
    case 3:
      return header.replace(/\d*([[{"].*)?$/s, "");
    case 4:
      return header.replace(/[[{"].*$/s, "");
    case 5:
      return header.replace(
        /\[("(?:[^"\\]|\\.)*")?/,
        `["${random.pick(["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])}"`,
      );
    case 6:
      return header.replace(/\]$/, `,${mark(random.pick(NUMS))}]`);
    default:
      return header.replace(/\]$/, `,${nested(random.pick([1, 100, 509, 511, 512, 600]))}]`);
  }
}

/** A binary event with as many attachments as are announced, at the decoder's limit of 10 or beside it; or none. */
function countedChunks(random: Random): Chunk[] {
  const count = random.pick([0, 1, 9, 10, 11]);
  const marks = Array.from({ length: count }, (_, num) => `,${mark(num)}`);
  return [`5${count}-["a"${marks.join("")}]`, ...marks.map(() => bytes(random))];
}

/** The chunks of a valid packet, damaged: mostly its text, sometimes the sequence of attachments. */
export function brokenSocketChunks(random: Random): Chunk[] {
  const [header, ...attachments] = encodePacket(socketPacket(random));
  const chunks: Chunk[] = [...attachments];
  const start = typeof header === "string" ? header : "";
  switch (random.int(11)) {
    case 0:
      chunks.splice(random.int(chunks.length + 1), 0, bytes(random));
      return [start, ...chunks];
    case 1:
      chunks.splice(random.int(chunks.length + 1), 1);
      return [start, ...chunks];
    case 2:
      chunks.splice(random.int(chunks.length + 1), 0, random.pick([start, "2", "", '2["a"]']));
      return [start, ...chunks];
    case 3:
    case 4:
    case 5:
    case 6:
      return [breakMeaning(random, start), ...chunks];
    case 7:
      return countedChunks(random);
    default:
      return [breakText(random, start), ...chunks];
  }
}
