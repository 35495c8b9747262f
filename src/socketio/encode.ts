/**
 * Socket.IO v5 encoder: <https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>. Pure; the bytes are those
 * that `socket.io-parser` gives.
 */
import { extractBinary } from "./binary.ts";
import type { Packet } from "./packet.ts";

/**
 * Encodes a packet: its text, then its attachments in order (views of the caller's memory, not copies). The input is
 * not changed. `toJSON` is honoured as JSON.stringify does, and may return a binary value.
 *
 * @throws RangeError or TypeError for data that has no JSON form: a cycle, a BigInt, over MAX_DEPTH levels
 */
export function encodePacket(packet: Packet): (string | Uint8Array)[] {
  switch (packet.type) {
    case "connect":
      return [
        packet.data === undefined
          ? header("0", packet.nsp)
          : header("0", packet.nsp) + JSON.stringify(packet.data),
      ];
    case "disconnect":
      return [header("1", packet.nsp)];
    case "event":
      return encodeData("2", "5", packet.nsp, packet.id, packet.data);
    case "ack":
      return encodeData("3", "6", packet.nsp, packet.id, packet.data);
    case "connect_error":
      return [header("4", packet.nsp) + JSON.stringify(packet.data)];
  }
}

/**
 * The JSON array `["name",...args]` of an event without binary values, so that a broadcast is serialized once:
 * `eventPrefix(nsp) + encodeEventBody(name, args)` is the whole packet.
 */
export function encodeEventBody(name: string, args: readonly unknown[]): string {
  return JSON.stringify([name, ...args]);
}

/** What precedes the body of an event without binary values: `2`, `2/nsp,` or `2/nsp,<id>`. */
export function eventPrefix(nsp: string, id?: number): string {
  return header("2", nsp, id);
}

function header(start: string, nsp: string, id?: number): string {
  const head = nsp === "/" || nsp === "" ? start : `${start}${nsp},`;
  return id === undefined ? head : head + id;
}

function encodeData(
  plain: "2" | "3",
  binary: "5" | "6",
  nsp: string,
  id: number | undefined,
  data: unknown[],
): (string | Uint8Array)[] {
  const attachments: Uint8Array[] = [];
  const json = JSON.stringify(extractBinary(data, attachments));
  if (attachments.length === 0) return [header(plain, nsp, id) + json];
  return [header(`${binary}${attachments.length}-`, nsp, id) + json, ...attachments];
}
