/** The packets whose encoding and decoding are measured: what a market, a user and a client's start really send. */
import { randomBytes, randomUUID } from "node:crypto";
import type { Packet } from "../../../src/socketio/packet.ts";

export interface Kind {
  readonly name: string;
  /** The `n`th packet; no two are equal, so that nothing can be remembered from one to the next. */
  packet(n: number): Packet;
  /** How many make one HTTP polling payload; without it each is a WebSocket message. */
  readonly perPayload?: number;
}

const FIRST_MS = 1_723_161_600_000;
const LEVELS = 160;
const ATTACHMENT_BYTES = 256;
/** As long as an RS256 token with a few claims. */
const TOKEN_BYTES = 480;

const price = (n: number): string => (60_000 + n * 0.01).toFixed(2);

const event = (name: string, data: unknown): Packet => ({ type: "event", nsp: "/", data: [name, data] });

const marketPacket = (n: number): Packet =>
  event("market_chart_live_update", {
    symbol: "BTC-USD",
    open: price(n),
    high: price(n + 90),
    low: price(n - 80),
    close: price(n + 7),
    volume: (1 + n / 1_000).toFixed(5),
    timestamp: FIRST_MS + n,
  });

const levels = (n: number, step: number): [string, string][] =>
  Array.from({ length: LEVELS }, (_, level) => [price(n + step * level), (0.5 + level / 1_000).toFixed(5)]);

export const KINDS: readonly Kind[] = [
  { name: "market event", packet: marketPacket },
  {
    name: "personal event",
    packet: (n) =>
      event("activity_logged", {
        activityId: randomUUID(),
        type: "api_key.created",
        message: `API key 'ci-${n}' was created.`,
        timestamp: new Date(FIRST_MS + n).toISOString(),
      }),
  },
  { name: "ack", packet: (n) => ({ type: "ack", nsp: "/", id: n, data: [{ ok: true, position: n }] }) },
  {
    name: "CONNECT with auth",
    packet: () => ({
      type: "connect",
      nsp: "/",
      data: { token: randomBytes(TOKEN_BYTES).toString("base64url") },
    }),
  },
  {
    name: "10 kB event",
    packet: (n) =>
      event("market_orderbook_update", {
        symbol: "BTC-USD",
        bids: levels(n, -1),
        asks: levels(n, 1),
        sequence: n,
        timestamp: FIRST_MS + n,
      }),
  },
  {
    name: "binary event",
    packet: (n) => event("file", { name: `part-${n}`, bytes: new Uint8Array(randomBytes(ATTACHMENT_BYTES)) }),
  },
  { name: "polling payload of 20", packet: marketPacket, perPayload: 20 },
];
