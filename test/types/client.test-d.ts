/** Checked by `tsc -p test/tsconfig.json` and never run: how the client types look to users of socket.io-client. */
import { io, type Socket } from "socket.io-client";
import { expectTypeOf } from "vitest";
import type { Catalogue } from "../../src/events/catalogue.ts";
import type {
  Ack,
  Candle,
  ClientEventName,
  ClientToServerEvents,
  ErrorCode,
  ErrorEnvelope,
  EventPayload,
  ServerEventName,
  ServerToClientEvents,
  ValidationError,
} from "../../src/events/client.ts";

type Decimal = number | string;

// The documented connection, subscription and listeners, as written.
const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io("ws://localhost:8091", {
  auth: { token: `Bearer ${process.env.LEDGERCORE_TOKEN}` },
  transports: ["websocket"],
});
socket.on("connected", (hello) => {
  expectTypeOf(hello).toEqualTypeOf<{ userId: string; sid: string; timestamp: number }>();
  console.log("ready:", hello);
});
socket.on("disconnect", (reason) => {
  console.warn("disconnected:", reason);
});
socket.emit("subscribe", { room: "market:BTC-USD" });
socket.on("subscribed", ({ room }) => console.log("listening to", room));
socket.on("market_chart_live_update", (tick) => {
  expectTypeOf(tick.symbol).toEqualTypeOf<string>();
  expectTypeOf(tick.close).toEqualTypeOf<Decimal>();
  expectTypeOf(tick.timestamp).toEqualTypeOf<number>();
  // @ts-expect-error a misspelt field is an error, although unknown fields are kept at run time
  console.log(tick.opne);
});
socket.emit("unsubscribe", { room: "market:BTC-USD" });

// Listeners
// @ts-expect-error no such event
socket.on("market_chart_update", () => undefined);
// @ts-expect-error a client event is not one to listen to
socket.on("query", () => undefined);
// @ts-expect-error the payload is not a string
socket.on("credits_granted", (text: string) => text);

// Requests
socket.emit("ping");
socket.emit("ping", (reply) => expectTypeOf(reply).toEqualTypeOf<{ timestamp: number }>());
socket.emit("request_market_data", { symbol: "BTC-USD", resolution: "1m" });
socket.emit("request_market_data", {
  symbol: "BTC-USD",
  resolution: "1m",
  window: "24h",
  venues: ["binance"],
});
socket.emit("cross_border_flows", { corridor: "US-MX", window: { from: 0, to: 1 } });
socket.emit("query", { sql: "SELECT 1", params: [1, "a", null, true], applicationId: "app" });
socket.emit("query", { sql: "SELECT 1", params: { a: 1 }, applicationId: "app" });
// @ts-expect-error applicationId is required
socket.emit("query", { sql: "SELECT 1" });
// @ts-expect-error an unknown field is refused
socket.emit("subscribe", { room: "market:BTC-USD", since: 1 });
// @ts-expect-error a payload is required
socket.emit("subscribe");
// @ts-expect-error ping takes no payload
socket.emit("ping", { at: 1 });
// @ts-expect-error a server event is not one to emit
socket.emit("connected", { userId: "u", sid: "s", timestamp: 1 });
// @ts-expect-error parameters are JSON scalars
socket.emit("query", { sql: "SELECT ?", params: [{ nested: true }], applicationId: "app" });

// Acknowledgements
socket.emit("subscribe", { room: "market:BTC-USD" }, (reply) => {
  if ("error" in reply) expectTypeOf(reply.error).toEqualTypeOf<ErrorEnvelope>();
  else expectTypeOf(reply).toEqualTypeOf<{ room: string; subscriberCount: number }>();
});
socket.emit("unsubscribe", { room: "market:BTC-USD" }, (reply) => {
  if (!("error" in reply)) expectTypeOf(reply).toEqualTypeOf<{ room: string }>();
});
socket.timeout(1000).emit("query", { sql: "SELECT 1", applicationId: "app" }, (timedOut, reply) => {
  expectTypeOf(timedOut).toEqualTypeOf<Error>();
  if (!("error" in reply)) expectTypeOf(reply.queryId).toEqualTypeOf<string>();
});
socket.emit("subscribe", { room: "market:BTC-USD" }, (reply) => {
  // @ts-expect-error the subscription may have been refused
  console.log(reply.subscriberCount);
});
export const analysed: Promise<Ack<"address_analysis">> = socket.emitWithAck("address_analysis", {
  chain: "ethereum",
  address: "0xabc",
});
// @ts-expect-error the payload of emitWithAck is checked
socket.emitWithAck("address_analysis", { chain: "ethereum" });
expectTypeOf<Ack<"address_analysis">>().toEqualTypeOf<{ jobId: string } | { error: ErrorEnvelope }>();
expectTypeOf<Ack<"chat">>().toEqualTypeOf<{ conversationId: string } | { error: ErrorEnvelope }>();
expectTypeOf<Ack<"request_market_data">>().toEqualTypeOf<{ requestId: string } | { error: ErrorEnvelope }>();
expectTypeOf<Ack<"address_transactions">>().toEqualTypeOf<{ requestId: string } | { error: ErrorEnvelope }>();
expectTypeOf<Ack<"cross_border_flows">>().toEqualTypeOf<{ requestId: string } | { error: ErrorEnvelope }>();

// Payloads by name
expectTypeOf<ClientEventName | ServerEventName>().toEqualTypeOf<keyof Catalogue>();
expectTypeOf<EventPayload<"market_data_response">["candles"]>().toEqualTypeOf<Candle[]>();
expectTypeOf<EventPayload<"market_chart_initial_data">["series"]>().toEqualTypeOf<Candle[]>();
expectTypeOf<Candle>().toEqualTypeOf<{
  open: Decimal;
  high: Decimal;
  low: Decimal;
  close: Decimal;
  volume: Decimal;
  timestamp: number;
  venue?: string | undefined;
}>();
expectTypeOf<EventPayload<"market_orderbook_update">["bids"]>().toEqualTypeOf<[Decimal, Decimal][]>();
expectTypeOf<EventPayload<"market_trade">["side"]>().toEqualTypeOf<"buy" | "sell">();
expectTypeOf<EventPayload<"chat">["context"]>().toEqualTypeOf<Record<string, unknown> | undefined>();
expectTypeOf<EventPayload<"credits_deducted">["timestamp"]>().toEqualTypeOf<number | string>();
expectTypeOf<EventPayload<"query_error">>().toEqualTypeOf<{
  queryId: string;
  code: ErrorCode;
  message: string;
  retryAfter?: number | undefined;
}>();
expectTypeOf<EventPayload<"validation_error">>().toExtend<ValidationError>();
expectTypeOf<ValidationError>().toExtend<ErrorEnvelope>();
