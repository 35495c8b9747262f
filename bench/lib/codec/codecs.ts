/** The service's codec and the official one behind one interface: what a server does with packets. */
import * as engine from "engine.io-parser";
import * as reference from "socket.io-parser";
import { decodePacket, encodePacket, type Packet as Message } from "../../../src/engineio/packet.ts";
import { decodePayload, encodePayload } from "../../../src/engineio/payload.ts";
import type { Result } from "../../../src/lib/result.ts";
import { Decoder } from "../../../src/socketio/decode.ts";
import { encodePacket as encodeSocketIo } from "../../../src/socketio/encode.ts";
import type { Packet } from "../../../src/socketio/packet.ts";

/** WebSocket messages. */
export type Wire = readonly (string | Uint8Array)[];

/** `P`: its form of a packet. */
export interface Codec<P> {
  from(packet: Packet): P;
  encode(packet: P): Wire;
  /** A whole packet that has been checked; throws for any other. */
  decode(wire: Wire): P;
  encodePayload(packets: readonly P[]): string;
  decodePayload(payload: string): readonly P[];
}

const accepted = <T>(result: Result<T, unknown>): T => {
  if (!result.ok) throw new Error(`Refused: ${JSON.stringify(result.error)}`);
  return result.value;
};

const whole = <P>(packet: P | undefined): P => {
  if (packet === undefined) throw new Error("The packet is not whole.");
  return packet;
};

/** The packets that are whole with one of the messages. */
const wholes = <M, P>(messages: readonly M[], add: (message: M) => P | undefined): P[] => {
  const packets: P[] = [];
  for (const message of messages) {
    const packet = add(message);
    if (packet !== undefined) packets.push(packet);
  }
  return packets;
};

/** The parts of all packets, in order. */
const partsOf = <P, Part>(packets: readonly P[], encode: (packet: P) => readonly Part[]): Part[] => {
  const parts: Part[] = [];
  for (const packet of packets) {
    for (const part of encode(packet)) parts.push(part);
  }
  return parts;
};

const message = (data: string | Uint8Array): Message => ({ type: "message", data });

export const createOwn = (): Codec<Packet> => {
  const decoder = new Decoder();
  const encode = (packet: Packet) => encodeSocketIo(packet).map((part) => encodePacket(message(part)));
  const add = ({ data }: Message): Packet | undefined => accepted(decoder.add(data));
  return {
    from: (packet) => packet,
    encode,
    decode: (wire) => {
      let packet: Packet | undefined;
      for (const raw of wire) packet = add(accepted(decodePacket(raw)));
      return whole(packet);
    },
    encodePayload: (packets) => encodePayload(partsOf(packets, encode)),
    decodePayload: (payload) => wholes(accepted(decodePayload(payload)), add),
  };
};

const TYPES = ["connect", "disconnect", "event", "ack", "connect_error"] as const;

export const createReference = (): Codec<reference.Packet> => {
  const encoder = new reference.Encoder();
  const decoder = new reference.Decoder();
  let decoded: reference.Packet | undefined;
  decoder.on("decoded", (packet: reference.Packet) => {
    decoded = packet;
  });
  const add = ({ type, data }: engine.Packet): reference.Packet | undefined => {
    if (type !== "message") throw new Error(`Refused: ${data}`);
    decoded = undefined;
    decoder.add(data);
    return decoded;
  };
  const messagesOf = (packet: reference.Packet): engine.Packet[] =>
    encoder.encode(packet).map((data) => ({ type: "message", data }));
  return {
    from: ({ type, ...others }) => ({ ...others, type: TYPES.indexOf(type) }),
    encode: (packet) => {
      const wire: (string | Uint8Array)[] = [];
      // It calls back before it returns.
      for (const packetToSend of messagesOf(packet)) {
        engine.encodePacket(packetToSend, true, (raw) => wire.push(raw as string | Uint8Array));
      }
      return wire;
    },
    decode: (wire) => {
      let packet: reference.Packet | undefined;
      for (const raw of wire) packet = add(engine.decodePacket(raw, "nodebuffer"));
      return whole(packet);
    },
    encodePayload: (packets) => {
      let payload = "";
      engine.encodePayload(partsOf(packets, messagesOf), (encoded) => {
        payload = encoded;
      });
      return payload;
    },
    decodePayload: (payload) => wholes(engine.decodePayload(payload, "nodebuffer"), add),
  };
};
