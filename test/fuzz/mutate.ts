/**
 * Seeded generator of hostile Engine.IO traffic: packets of this service, mutated. The same `Random` gives the same
 * packets.
 */
import { packetAsText } from "../../src/engineio/packet.ts";
import { SEPARATOR } from "../../src/engineio/payload.ts";
import { catalogue } from "../../src/events/catalogue.ts";
import { encodePacket } from "../../src/socketio/encode.ts";
import {
  breakText,
  brokenSocketChunks,
  bytes,
  type Chunk,
  enginePacket,
  Random,
  socketPacket,
  text,
} from "../support/packet-generator.ts";

export { Random };

/** What a WebSocket carries: text, bytes, or a text frame whose bytes may be no UTF-8. */
export type Frame = Chunk | { readonly utf8: Uint8Array };

/** One hostile packet: a frame, and those of its attachments. */
export type Hostile = readonly Frame[];

/** Largest message that the service under test takes. */
export const MAX_PAYLOAD = 100_000;

/** Attackers share few rooms: a room costs an object, whoever asks for it. */
const ROOMS = [
  "market:FUZZ-USD",
  "market:FUZZ-EUR",
  "market:FUZZ-USD-PERP",
  "user:fuzz_1",
  "user:neighbour",
  "market:fuzz",
  "market:__proto__",
  "__proto__",
  "constructor",
  "user:",
] as const;

const NAMES = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "connected",
  "market_chart_live_update",
  "message",
  "",
  "\ud800",
  "\0",
  "é😀",
] as const;

const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener"] as const;

const nested = (depth: number, open = "[", close = "]"): string => open.repeat(depth) + close.repeat(depth);

/** JSON that finds weak validators. */
const hostileJson = (random: Random): string => {
  switch (random.int(14)) {
    case 0:
      return random.pick(["1e999", "-1e999", "1e308", "-0", "5e-324", "9007199254740993", "9".repeat(400)]);
    case 1:
      return nested(random.pick([1, 2, 30, 100, 511, 512, 513]));
    case 2:
      return random.chance(2) ? nested(30_000) : nested(random.pick([1, 2, 50, 300]), '{"a":[', "]}");
    case 3:
      return '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    case 4:
      return '{"_placeholder":true,"num":0}';
    case 5:
      return JSON.stringify("\ud800".repeat(1 + random.int(3)));
    case 6:
      return JSON.stringify(random.pick(["x", "é", "😀", "\u2028"]).repeat(random.chance(2) ? 20_000 : 250));
    case 7:
      return '{"toJSON":"x","then":"y","length":-1,"valueOf":null}';
    case 8:
      return `[${Array.from({ length: random.int(150) }, (_, index) => index).join()}]`;
    case 9:
      return `{${Array.from({ length: random.int(120) }, (_, index) => `"k${index}":null`).join()}}`;
    default:
      return random.pick(["null", "true", "0", "-1", '""', "[]", "{}", '"\\u0000"', "[null]", "1.5"]);
  }
};

/** Stands for hostile JSON while the rest is written. */
const HOLE = "\ue000";

/** A copy of `value` with one of its nodes, or a new key, replaced by HOLE. */
const holed = (random: Random, value: unknown): unknown => {
  if (typeof value !== "object" || value === null || random.chance(20)) return HOLE;
  if (Array.isArray(value)) {
    if (value.length === 0) return [HOLE];
    const at = random.int(value.length);
    return value.map((item, index) => (index === at ? holed(random, item) : item));
  }
  const keys = Object.keys(value);
  const key = keys[random.int(keys.length + 1)];
  if (key !== undefined) return { ...value, [key]: holed(random, (value as Record<string, unknown>)[key]) };
  // Own, as JSON.parse would make it.
  const added = random.pick(["__proto__", "constructor", "extra", "toJSON", "0"]);
  return Object.defineProperty({ ...value }, added, { value: HOLE, enumerable: true });
};

const mutatedJson = (random: Random, value: unknown): string =>
  (JSON.stringify(holed(random, value)) ?? HOLE).replace(`"${HOLE}"`, () => hostileJson(random));

const CLIENT_EVENTS = Object.values(catalogue).filter(({ direction }) => direction === "client-to-server");

/** A valid event of a client, as name and payload. */
const clientEvent = (random: Random): { name: string; payload: unknown } => {
  if (random.chance(15)) {
    return { name: random.pick(["subscribe", "unsubscribe"]), payload: { room: random.pick(ROOMS) } };
  }
  const event = CLIENT_EVENTS[random.int(CLIENT_EVENTS.length)] ?? CLIENT_EVENTS[0];
  if (event === undefined) throw new Error("The catalogue has client events.");
  // The example's room would be an object of its own.
  if (event.name === "subscribe" || event.name === "unsubscribe") {
    return { name: event.name, payload: { room: "market:FUZZ-USD" } };
  }
  return { name: event.name, payload: event.example };
};

const head = (type: string, nsp: string, id = ""): string => `4${type}${nsp === "/" ? "" : `${nsp},`}${id}`;

const ackId = (random: Random): string =>
  random.pick(["", "", "0", String(random.int(1_000)), "4294967296", "9007199254740991"]);

/** A packet without a mutation: it lets a session live into deeper states. */
export const valid = (random: Random, nsp: string): string => {
  const { name, payload } = clientEvent(random);
  const args = payload === undefined ? [name] : [name, payload];
  return head("2", nsp, ackId(random)) + JSON.stringify(args);
};

/** A hostile packet that its session survives, if it is connected to `nsp`: the service refuses or ignores it. */
export const survivable = (random: Random, nsp: string): Hostile => {
  switch (random.int(20)) {
    case 0:
    case 1: {
      const name = random.chance(30) ? text(random) : random.pick(NAMES);
      return [`${head("2", nsp, ackId(random))}[${JSON.stringify(name)},${hostileJson(random)}]`];
    }
    case 2:
    case 3:
    case 4:
      return [`${head("3", nsp, ackId(random) || "7")}[${hostileJson(random)}]`];
    case 5:
    case 6:
    case 7:
    case 8:
      return [random.pick(["6", "5", "3", "6probe", "5probe", "3probe", `6${text(random)}`, "3\ud800"])];
    case 9: {
      const { name } = clientEvent(random);
      const marks = Array.from(
        { length: 1 + random.int(10) },
        (_, num) => `{"_placeholder":true,"num":${num}}`,
      );
      const [first, ...rest] = marks;
      const type = `5${marks.length}-`;
      const payload = random.chance(50) ? `{"room":${first}}` : `{"__proto__":${first}}`;
      const args = [JSON.stringify(name), payload, ...rest].join();
      return [`${head(type, nsp, ackId(random))}[${args}]`, ...marks.map(() => bytes(random))];
    }
    case 10:
    case 11: {
      const made = socketPacket(random);
      if (made.type !== "event" && made.type !== "ack") return [`${head("2", nsp)}[${random.int(9)}]`];
      return encodePacket({ ...made, nsp }).map(message);
    }
    case 12:
      return [
        `${head("2", nsp, ackId(random))}[${random.int(2 ** 31) - 5}]${random.pick(["", " ", "\n\t"])}`,
      ];
    case 13: {
      const { name, payload } = clientEvent(random);
      const args = [name, payload ?? null, ...Array.from({ length: random.int(40) }, () => null)];
      return [head("2", nsp, ackId(random)) + JSON.stringify(args)];
    }
    default: {
      const { name, payload } = clientEvent(random);
      return [
        `${head("2", nsp, ackId(random))}[${JSON.stringify(name)},${mutatedJson(random, payload ?? {})}]`,
      ];
    }
  }
};

/** A CONNECT that is refused: to a namespace that is none, or with a token that is none. */
export const refusedConnect = (random: Random): string => {
  const nsp = random.pick(["/__proto__", "/admin", "/ws/", "//", "/é", "/constructor?a=1", "/\ud800"]);
  return `40${nsp},${random.chance(50) ? `{"token":${JSON.stringify(text(random))}}` : ""}`;
};

/** CONNECTs that the application has to look at. */
export const badCredentials = (random: Random, nsp: string, token: string): string => {
  const auth = random.pick([
    mutatedJson(random, { token: "x" }),
    JSON.stringify({ token: breakText(random, token) }),
    JSON.stringify({ token: `Bearer ${token.slice(0, random.int(token.length))}` }),
    JSON.stringify({ token: `lcrt_${text(random)}` }),
    '{"__proto__":{"token":"x"}}',
    "{}",
  ]);
  return head("0", nsp) + (auth.startsWith("{") ? auth : "{}");
};

/** A packet that is likely to close its session, whatever it is connected to. */
export const rough = (random: Random, nsp: string): Hostile => {
  const [first = "", ...rest] = survivable(random, nsp);
  const start = typeof first === "string" ? first : "";
  switch (random.int(16)) {
    case 0:
    case 1:
    case 2:
      return brokenSocketChunks(random).map(message);
    case 3:
    case 4:
      return [breakText(random, start), ...rest];
    case 5:
    case 6:
      return [{ utf8: flipped(random, Buffer.from(start)) }, ...rest];
    case 7:
      return [start.slice(0, random.int(start.length)), ...rest];
    case 8: {
      const other = valid(random, nsp);
      return [start.slice(0, random.int(start.length)) + other.slice(random.int(other.length)), ...rest];
    }
    case 9: {
      const { type, data } = enginePacket(random);
      return [type === "message" ? data : `${random.int(8)}${data}`];
    }
    case 10:
      return [
        random.pick(["2", "2probe", "0", "0{}", "1", "7", "", "4", "40", "41", "44{}", "b", "bAAA", "45-"]),
      ];
    case 11:
      // A frame over the limit by one, or not at all: the next packet tells.
      return [`4${"2".repeat(random.pick([MAX_PAYLOAD - 1, MAX_PAYLOAD]))}`];
    case 12:
      return [`${head("2", nsp)}["${random.pick(RESERVED)}",${hostileJson(random)}]`];
    case 13:
      return [
        `${head("2", nsp, random.pick(["9007199254740992", "00", "99999999999999999999", "1e3"]))}["ping"]`,
      ];
    case 14:
      return [bytes(random)];
    default:
      return [valid(random, random.pick(["/admin", "/__proto__", "/ws/", "/nowhere"]))];
  }
};

const message = (chunk: Chunk): Chunk => (typeof chunk === "string" ? `4${chunk}` : chunk);

/** One to four of the bits, anywhere. */
export const flipped = (random: Random, original: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(original);
  for (let n = 1 + random.int(4); n > 0 && copy.length > 0; n--) {
    const at = random.int(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8));
  }
  return copy;
};

/** The frames of packets as the body of a POST. */
export const payloadOf = (frames: readonly Frame[]): Buffer =>
  Buffer.concat(
    frames.flatMap((frame, index) => [
      ...(index === 0 ? [] : [Buffer.from(SEPARATOR)]),
      typeof frame === "object" && "utf8" in frame ? frame.utf8 : Buffer.from(packetAsText(frame)),
    ]),
  );

/** Damages the body itself: its separators, its base64, its bytes. */
export const brokenPayload = (random: Random, body: Buffer): Buffer => {
  const at = random.int(body.length + 1);
  const splice = (middle: Uint8Array, skipped = 0) =>
    Buffer.concat([body.subarray(0, at), middle, body.subarray(at + skipped)]);
  switch (random.int(8)) {
    case 0:
      return splice(Buffer.from(SEPARATOR.repeat(1 + random.int(3))));
    case 1:
      return Buffer.concat([body, Buffer.from(SEPARATOR)]);
    case 2:
      return body.subarray(0, at);
    case 3:
      return splice(
        Buffer.from(random.pick([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80], [0xe2, 0x82]])),
      );
    case 4:
      return splice(
        Buffer.from(`${SEPARATOR}b${random.pick(["A", "AQ", "AQI", "A===", "AR==", "-_8=", "AQ\n=="])}`),
      );
    case 5:
      return splice(body.subarray(at, at + random.int(40)));
    case 6:
      return random.chance(20) ? Buffer.alloc(MAX_PAYLOAD + random.int(2), SEPARATOR) : Buffer.alloc(0);
    default:
      return Buffer.from(flipped(random, body));
  }
};
