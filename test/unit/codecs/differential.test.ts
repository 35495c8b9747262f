/**
 * Our codecs against the reference parsers on generated packets: equal on valid packets; on broken ones we refuse all
 * that the reference refuses, and more only by the rules of test/support/codec-rules.ts.
 */
import { inspect, isDeepStrictEqual } from "node:util";
import * as engineReference from "engine.io-parser";
import * as socketReference from "socket.io-parser";
import { describe, expect, it } from "vitest";
import * as engine from "../../../src/engineio/packet.ts";
import { decodePayload, encodePayload, SEPARATOR } from "../../../src/engineio/payload.ts";
import { Decoder } from "../../../src/socketio/decode.ts";
import { encodePacket } from "../../../src/socketio/encode.ts";
import type { Packet } from "../../../src/socketio/packet.ts";
import { ENGINE_RULES, type Rule, SOCKET_RULES } from "../../support/codec-rules.ts";
import {
  breakText,
  brokenSocketChunks,
  bytes,
  type Chunk,
  enginePacket,
  Random,
  socketPacket,
} from "../../support/packet-generator.ts";

const ENGINE_VALID = 40_000;
const ENGINE_BROKEN = 50_000;
const PAYLOADS = 20_000;
const SOCKET_VALID = 60_000;
const SOCKET_BROKEN = 120_000;
const MINIMUM_PACKETS = 100_000;
/** One test takes 3 s on a slow core: the default of 5 s is too near when others share it. */
const SLOW_MACHINE_MS = 60_000;

/** Other seeds for a longer hunt: CODEC_SEED=1000000. */
const FIRST_SEED = Number(process.env.CODEC_SEED ?? 0);

let packets = 0;
/** Ids of the rules that some generated packet broke. */
const met = new Set<string>();

/** Equality by value, prototype and own keys; a failure shows the seed that replays it. */
function same(actual: unknown, expected: unknown, seed: number, packet: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  const show = (value: unknown) => inspect(value, { depth: 12 });
  throw new Error(`seed ${seed}\npacket ${show(packet)}\nours ${show(actual)}\nreference ${show(expected)}`);
}

/** We refuse what the reference accepts exactly when the text breaks a rule. */
function checkRules(refused: boolean, texts: string[], rules: readonly Rule[], seed: number): void {
  const broken = rules.filter((rule) => texts.some(rule.broken)).map((rule) => rule.id);
  for (const id of broken) met.add(id);
  if (refused === broken.length > 0) return;
  throw new Error(
    `seed ${seed}\npacket ${inspect(texts)}\n${refused ? "refused" : "accepted"}, broken rules: ${broken}`,
  );
}

const plainBytes = (value: unknown): unknown =>
  value instanceof ArrayBuffer || value instanceof Uint8Array ? new Uint8Array(value) : value;

function referenceEngineEncode(packet: engine.Packet, supportsBinary: boolean): unknown {
  let encoded: unknown;
  engineReference.encodePacket(packet, supportsBinary, (value) => {
    encoded = value;
  });
  return encoded;
}

/** The reference's packet in our shape; undefined for its error packet. */
function fromEngineReference(packet: engineReference.Packet): unknown {
  return packet.type === "error" ? undefined : { type: packet.type, data: plainBytes(packet.data ?? "") };
}

const ourEngine = (raw: Chunk): unknown => {
  const decoded = engine.decodePacket(raw);
  return decoded.ok ? decoded.value : undefined;
};

const CODES = { connect: 0, disconnect: 1, event: 2, ack: 3, connect_error: 4 } as const;

const toSocketReference = (packet: Packet): socketReference.Packet => ({
  ...packet,
  type: CODES[packet.type] as socketReference.PacketType,
});

type Outcome = { packets: unknown[]; awaiting: boolean } | undefined;

/** What a decoder makes of the chunks: undefined when it refuses one of them. */
function ourOutcome(decoder: Decoder, chunks: Chunk[]): Outcome {
  const decoded: unknown[] = [];
  for (const chunk of chunks) {
    const result = decoder.add(chunk);
    if (!result.ok) return undefined;
    if (result.value !== undefined) decoded.push(toSocketReference(result.value));
  }
  return { packets: decoded, awaiting: decoder.awaitingAttachments };
}

function referenceOutcome(decoder: socketReference.Decoder, chunks: Chunk[]): Outcome {
  const decoded: unknown[] = [];
  const take = (packet: socketReference.Packet) => decoded.push(packet);
  decoder.on("decoded", take);
  try {
    for (const chunk of chunks) decoder.add(chunk);
  } catch {
    return undefined;
  } finally {
    decoder.off("decoded", take);
  }
  // Private in its types, but the only sign of a packet that waits for attachments.
  const { reconstructor } = decoder as unknown as { reconstructor?: unknown };
  return { packets: decoded, awaiting: Boolean(reconstructor) };
}

const isText = (chunk: Chunk): chunk is string => typeof chunk === "string";

describe("engine.io codec against engine.io-parser", { timeout: SLOW_MACHINE_MS }, () => {
  it("encodes and decodes valid packets as the reference does", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ENGINE_VALID; seed++, packets++) {
      const packet = enginePacket(new Random(seed));
      const frame = engine.encodePacket(packet);
      const text = engine.packetAsText(frame);
      same(frame, referenceEngineEncode(packet, true), seed, packet);
      same(text, referenceEngineEncode(packet, false), seed, packet);
      for (const raw of [frame, text]) {
        same(ourEngine(raw), fromEngineReference(engineReference.decodePacket(raw)), seed, raw);
        same(ourEngine(raw), packet, seed, raw);
      }
    }
  });

  it("encodes and decodes valid and broken payloads as the reference does", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + PAYLOADS; seed++) {
      const random = new Random(seed);
      const list = Array.from({ length: 1 + random.int(4) }, () => enginePacket(random));
      packets += list.length;
      const payload = encodePayload(list.map(engine.encodePacket));
      engineReference.encodePayload(list, (expected) => same(payload, expected, seed, list));

      const text = random.chance(50) ? payload : breakText(random, payload);
      const ours = decodePayload(text);
      const reference = engineReference.decodePayload(text);
      if (reference.some((packet) => packet.type === "error")) same(ours.ok, false, seed, text);
      else {
        checkRules(!ours.ok, text.split(SEPARATOR), ENGINE_RULES, seed);
        if (ours.ok) same(ours.value, reference.map(fromEngineReference), seed, text);
      }
    }
  });

  it("refuses broken packets that the reference refuses, and otherwise agrees or names a rule", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + ENGINE_BROKEN; seed++, packets++) {
      const random = new Random(seed);
      const source = random.chance(50)
        ? enginePacket(random)
        : { type: "message" as const, data: bytes(random) };
      const text = breakText(random, engine.packetAsText(engine.encodePacket(source)));
      const ours = ourEngine(text);
      const reference = fromEngineReference(engineReference.decodePacket(text));
      if (reference === undefined) same(ours, undefined, seed, text);
      else {
        checkRules(ours === undefined, [text], ENGINE_RULES, seed);
        if (ours !== undefined) same(ours, reference, seed, text);
      }
    }
  });
});

describe("socket.io codec against socket.io-parser", { timeout: SLOW_MACHINE_MS }, () => {
  it("encodes and decodes valid packets as the reference does, with no state left between them", () => {
    const ourDecoder = new Decoder({ maxAttachments: 1000 });
    const referenceDecoder = new socketReference.Decoder({ maxAttachments: 1000 });
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SOCKET_VALID; seed++, packets++) {
      const packet = socketPacket(new Random(seed));
      const chunks = encodePacket(packet);
      const reference: unknown[] = new socketReference.Encoder().encode(toSocketReference(packet));
      same(chunks.map(plainBytes), reference.map(plainBytes), seed, packet);

      const outcome = ourOutcome(ourDecoder, chunks);
      same(outcome, referenceOutcome(referenceDecoder, chunks), seed, chunks);
      same(outcome?.packets.length, 1, seed, chunks);
      same(outcome?.awaiting, false, seed, chunks);
    }
  });

  it("refuses broken packets that the reference refuses, and otherwise agrees or names a rule", () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SOCKET_BROKEN; seed++, packets++) {
      const chunks = brokenSocketChunks(new Random(seed));
      const ours = ourOutcome(new Decoder(), chunks);
      const reference = referenceOutcome(new socketReference.Decoder(), chunks);
      if (reference === undefined) same(ours, undefined, seed, chunks);
      else {
        checkRules(ours === undefined, chunks.filter(isText), SOCKET_RULES, seed);
        if (ours !== undefined) same(ours, reference, seed, chunks);
      }
    }
  });
});

describe("stricter than the reference", () => {
  for (const { id, title, example, broken } of ENGINE_RULES) {
    it(`${id} ${title}`, () => {
      expect(engineReference.decodePacket(example).type).not.toBe("error");
      expect(engine.decodePacket(example).ok).toBe(false);
      expect(broken(example)).toBe(true);
    });
  }

  for (const { id, title, example, broken } of SOCKET_RULES) {
    it(`${id} ${title}`, () => {
      const attachments = example.startsWith("5") ? [new Uint8Array([1])] : [];
      const accepted = referenceOutcome(new socketReference.Decoder(), [example, ...attachments]);
      expect(accepted?.packets).toHaveLength(1);
      expect(new Decoder().add(example).ok).toBe(false);
      expect(broken(example)).toBe(true);
    });
  }
});

it(`compared at least ${MINIMUM_PACKETS} packets, and met every rule among them`, () => {
  expect(packets).toBeGreaterThanOrEqual(MINIMUM_PACKETS);
  expect([...met].sort()).toEqual([...ENGINE_RULES, ...SOCKET_RULES].map((rule) => rule.id));
});
