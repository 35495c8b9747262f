import assert from "node:assert/strict";
import type { Packet } from "../../../src/socketio/packet.ts";
import { type Codec, createOwn, createReference, type Wire } from "./codecs.ts";
import type { Kind } from "./kinds.ts";

export const OWN = "LedgerCore";
export const REFERENCE = "socket.io-parser";
/** What both do at least: the JSON of the same packets, and nothing else. */
export const JSON_ALONE = "JSON alone";
export const CONTENDERS = [OWN, REFERENCE, JSON_ALONE] as const;
export type Contender = (typeof CONTENDERS)[number];

export const DIRECTIONS = ["encode", "decode"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Does the job once for each input; the sum depends on every result, so that none can be left out. */
export type Pass = () => number;

export type Tasks = Readonly<Record<Direction, Readonly<Record<Contender, Pass>>>>;

/** Of one kind that are used in turn, in characters: more would measure the cache of the machine. */
const POOL_CHARS = 200_000;
const MAX_POOL = 200;

/** As it comes from a socket: one piece, in memory of its own. */
const received = <Raw extends string | Uint8Array>(raw: Raw): Raw =>
  (typeof raw === "string" ? Buffer.from(raw).toString() : Buffer.from(raw)) as Raw;

const passes = <Input>(inputs: readonly Input[], work: (input: Input) => number): Pass => {
  return () => {
    let sum = 0;
    for (const input of inputs) sum += work(input);
    return sum;
  };
};

const lengthOf = ([first]: Wire): number => first?.length ?? 0;

interface Sized {
  readonly nsp: string;
  readonly data?: unknown;
}

const sizeOf = ({ nsp, data }: Sized): number => nsp.length + (Array.isArray(data) ? data.length : 0);

/** One codec's work, on inputs that no other codec has. */
const codecPasses = <P extends Sized>(
  codec: Codec<P>,
  groups: readonly (readonly Packet[])[],
  asPayload: boolean,
): Record<Direction, Pass> => {
  const inputs = groups.map((group) => group.map(codec.from));
  if (asPayload) {
    const payloads = inputs.map((group) => received(codec.encodePayload(group)));
    return {
      encode: passes(inputs, (group) => codec.encodePayload(group).length),
      decode: passes(payloads, (payload) => codec.decodePayload(payload).length),
    };
  }
  const packets = inputs.flat();
  const wires = packets.map((packet) => codec.encode(packet).map(received));
  return {
    encode: passes(packets, (packet) => lengthOf(codec.encode(packet))),
    decode: passes(wires, (wire) => sizeOf(codec.decode(wire))),
  };
};

/** The JSON in a packet's first WebSocket message. */
const jsonOf = (packet: Packet): string => {
  const text = String(createOwn().encode(packet)[0]);
  return received(text.slice(text.search(/[[{]/)));
};

const jsonPasses = (groups: readonly (readonly Packet[])[]): Record<Direction, Pass> => {
  const texts = groups.flat().map(jsonOf);
  // Read back, so that what stands for binary values in both codecs' JSON does so here.
  const values = texts.map((text): unknown => JSON.parse(text));
  return {
    encode: passes(values, (value) => JSON.stringify(value).length),
    decode: passes(texts, (text) => Object.keys(JSON.parse(text)).length),
  };
};

/** Throws unless both codecs do the same job: each writes what the other writes, and reads it as what it was. */
const check = (groups: readonly (readonly Packet[])[]): void => {
  const own = createOwn();
  const reference = createReference();
  for (const group of groups) {
    const theirs = group.map(reference.from);
    const payload = own.encodePayload(group);
    assert.equal(reference.encodePayload(theirs), payload);
    assert.equal(reference.encodePayload(reference.decodePayload(payload)), payload);
    assert.equal(own.encodePayload(own.decodePayload(payload)), payload);
    for (const packet of group) {
      const wire = own.encode(packet).map(received);
      const again = [
        reference.encode(reference.from(packet)),
        reference.encode(reference.decode(wire)),
        own.encode(own.decode(wire)),
      ];
      for (const other of again) assert.deepEqual(other.map(received), wire);
    }
  }
};

/** As many groups of packets as are to be used in turn. */
const poolOf = ({ packet, perPayload = 1 }: Kind): (readonly Packet[])[] => {
  const groups = Math.ceil(POOL_CHARS / (jsonOf(packet(0)).length * perPayload));
  return Array.from({ length: Math.min(groups, MAX_POOL) }, (_, group) =>
    Array.from({ length: perPayload }, (_, index) => packet(group * perPayload + index)),
  );
};

/** Everything that is measured of a kind, each pass over as many packets; throws when the codecs do not agree. */
export const tasksOf = (kind: Kind): { readonly groups: number; readonly tasks: Tasks } => {
  const pool = poolOf(kind);
  check(pool);
  const asPayload = kind.perPayload !== undefined;
  const own = codecPasses(createOwn(), pool, asPayload);
  const reference = codecPasses(createReference(), pool, asPayload);
  const json = jsonPasses(pool);
  const of = (direction: Direction) => ({
    [OWN]: own[direction],
    [REFERENCE]: reference[direction],
    [JSON_ALONE]: json[direction],
  });
  return { groups: pool.length, tasks: { encode: of("encode"), decode: of("decode") } };
};
