/**
 * Socket.IO v5 encoder: <https://socket.io/docs/v4/socket-io-protocol/#packet-encoding>. Pure; the bytes are those
 * that `socket.io-parser` gives.
 */
import { hasBinary, isBinary, toBytes } from "./binary.ts";
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
      return hasBinary(packet.data)
        ? encodeBinary("5", packet.nsp, packet.id, packet.data)
        : [header("2", packet.nsp, packet.id) + JSON.stringify(packet.data)];
    case "ack":
      return hasBinary(packet.data)
        ? encodeBinary("6", packet.nsp, packet.id, packet.data)
        : [header("3", packet.nsp, packet.id) + JSON.stringify(packet.data)];
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

function encodeBinary(
  code: "5" | "6",
  nsp: string,
  id: number | undefined,
  data: unknown[],
): (string | Uint8Array)[] {
  const attachments: Uint8Array[] = [];
  const json = JSON.stringify(data, function (this: Record<string, unknown>, key: string, value: unknown) {
    // Node's Buffer has a toJSON, which JSON has already applied to `value`: look at the holder's member first.
    const member = this[key];
    const binary = isBinary(member) ? member : value;
    if (!isBinary(binary)) return value;
    return { _placeholder: true, num: attachments.push(toBytes(binary)) - 1 };
  });
  return [header(`${code}${attachments.length}-`, nsp, id) + json, ...attachments];
}
