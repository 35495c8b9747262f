import { decodePacket, type Packet as EnginePacket } from "../../src/engineio/packet.ts";
import { decodePayload } from "../../src/engineio/payload.ts";
import { Decoder } from "../../src/socketio/decode.ts";
import { type Frame, MAX_PAYLOAD } from "./mutate.ts";

/**
 * What becomes of a session:
 * - `open`: it goes on
 * - `closed`: the server closes it
 * - `unclear`: it asked for a namespace, and what follows may come before or after the answer
 */
export type Outcome = "open" | "closed" | "unclear";

const MAX_REFUSED = 10;
const NAMESPACES: readonly string[] = ["/", "/ws"];

const replacing = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** CONN-9 in short: tells from what a client sends whether its session survives. The codecs are the service's own. */
export class SessionModel {
  readonly connected = new Set<string>();
  readonly #decoder = new Decoder();
  #refused = 0;
  #outcome: Outcome = "open";

  get outcome(): Outcome {
    return this.#outcome;
  }

  /** Its CONNECT was answered. */
  accepted(nsp: string): void {
    this.connected.add(nsp);
    this.#outcome = "open";
  }

  refused(): void {
    this.#outcome = ++this.#refused === MAX_REFUSED ? "closed" : "open";
  }

  /** A frame of a WebSocket. */
  receive(frame: Frame): Outcome {
    const raw = typeof frame === "object" && "utf8" in frame ? replacing.decode(frame.utf8) : frame;
    const size = typeof raw === "string" ? Buffer.byteLength(raw) : raw.byteLength;
    const decoded = decodePacket(raw);
    if (size > MAX_PAYLOAD || !decoded.ok) this.#outcome = "closed";
    else this.#handle(decoded.value);
    return this.#outcome;
  }

  /** The body of a POST. */
  receivePayload(body: Uint8Array): Outcome {
    const packets = body.byteLength > MAX_PAYLOAD ? undefined : payload(body);
    if (packets === undefined) this.#outcome = "closed";
    for (const packet of packets ?? []) this.#handle(packet);
    return this.#outcome;
  }

  #handle(packet: EnginePacket): void {
    if (this.#outcome !== "open") return;
    switch (packet.type) {
      case "message":
        this.#message(packet.data);
        return;
      case "pong":
      case "noop":
      case "upgrade":
        return;
      default:
        this.#outcome = "closed";
    }
  }

  #message(data: string | Uint8Array): void {
    const decoded = this.#decoder.add(data);
    const packet = decoded.ok ? decoded.value : undefined;
    if (decoded.ok && packet === undefined) return;
    if (packet?.type === "connect" && !this.connected.has(packet.nsp)) {
      if (NAMESPACES.includes(packet.nsp)) this.#outcome = "unclear";
      else this.refused();
      return;
    }
    const valid = packet?.type === "event" || packet?.type === "ack" || packet?.type === "disconnect";
    if (!valid || !this.connected.has(packet.nsp)) this.#outcome = "closed";
    else if (packet.type === "disconnect") this.connected.delete(packet.nsp);
  }
}

const payload = (body: Uint8Array): EnginePacket[] | undefined => {
  try {
    const decoded = decodePayload(strict.decode(body));
    return decoded.ok ? decoded.value : undefined;
  } catch {
    return undefined;
  }
};
