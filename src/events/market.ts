/** Market data: bars, trades, order books, and requests for history. */
import * as z from "zod";
import { client, family, server } from "./define.ts";
import { envelopeFields } from "./envelope.ts";
import {
  backendRefusals,
  candle,
  count,
  epochMs,
  id,
  quantity,
  symbol,
  timeWindow,
  venue,
} from "./fields.ts";
import { isSymbol, marketRoom } from "./rooms.ts";

const roomOfSymbol = (data: { symbol: string }): string | undefined =>
  isSymbol(data.symbol) ? marketRoom(data.symbol) : undefined;

const levels = z.array(z.tuple([quantity, quantity]));

const exampleBar = {
  open: "61685.99",
  high: "61690.00",
  low: "61680.10",
  close: "61686.00",
  volume: "1.52345",
  timestamp: 1723161600000,
};

export const marketEvents = family("market", {
  request_market_data: client({
    schema: z.strictObject({
      symbol,
      resolution: z.string().min(1).max(20),
      venues: z.array(venue).max(20).optional(),
      window: timeWindow.optional(),
    }),
    summary:
      'Asks for past candles; `resolution` is one of 1s 5s 15s 30s 1m 5m 15m 30m 1h 4h 1d, `window` a span back from now such as "24h", or bounds in ms.',
    example: {
      symbol: "BTC-USD",
      resolution: "1m",
      venues: ["binance"],
      window: { from: 1723161600000, to: 1723165200000 },
    },
    responses: ["market_data_response", "market_data_error", ...backendRefusals],
    completion: "market_data_response",
    error: "market_data_error",
  }),
  market_data_response: server({
    delivery: "durable",
    schema: z.looseObject({ symbol, candles: z.array(candle) }),
    summary: "The candles asked for, oldest first.",
    example: { symbol: "BTC-USD", candles: [exampleBar] },
  }),
  market_chart_initial_data: server({
    delivery: "transient",
    schema: z.looseObject({ symbol, series: z.array(candle) }),
    summary:
      "The latest bars of a market that the socket has just come to, oldest first; live updates continue them.",
    example: { symbol: "BTC-USD", series: [exampleBar] },
    room: roomOfSymbol,
  }),
  market_chart_live_update: server({
    delivery: "volatile",
    schema: z.looseObject({
      symbol,
      open: quantity,
      high: quantity,
      low: quantity,
      close: quantity,
      volume: quantity,
      timestamp: epochMs,
      venue: venue.optional(),
    }),
    summary: "The state of the bar that began at `timestamp`; it replaces any earlier state of that bar.",
    example: { symbol: "BTC-USD", ...exampleBar },
    room: roomOfSymbol,
    // The symbol and the digits cannot hold a bar character, so no venue can forge another key.
    conflationKey: (bar) => `${bar.symbol}|${bar.timestamp}|${bar.venue ?? ""}`,
    bar: ({ open, high, low, close, volume, timestamp, venue }) => ({
      ...{ open, high, low, close, volume, timestamp },
      ...(venue !== undefined && { venue }),
    }),
  }),
  market_data_error: server({
    delivery: "durable",
    schema: z.looseObject(envelopeFields),
    summary: "The request for market data failed.",
    example: { code: "NOT_FOUND", message: "No data for DOGE-USD. Check the symbol." },
  }),
  market_trade: server({
    delivery: "volatile",
    extension: true,
    schema: z.looseObject({
      symbol,
      price: quantity,
      size: quantity,
      side: z.enum(["buy", "sell"]),
      // Some venues number their trades.
      tradeId: z.union([id, count]),
      timestamp: epochMs,
      venue: venue.optional(),
    }),
    summary: "One trade; `side` is the taker's.",
    example: {
      symbol: "BTC-USDT",
      price: "61685.99",
      size: "0.00017",
      side: "sell",
      tradeId: "3735693016",
      timestamp: 1723161601437,
      venue: "binance",
    },
    room: roomOfSymbol,
  }),
  market_orderbook_update: server({
    delivery: "volatile",
    extension: true,
    schema: z.looseObject({ symbol, bids: levels, asks: levels, sequence: count, timestamp: epochMs }),
    summary: "The top of the order book as `[price, size]` levels; it replaces any earlier one.",
    example: {
      symbol: "BTC-USD",
      bids: [
        ["61685.99", "0.52"],
        ["61685.50", "1.1"],
      ],
      asks: [["61686.00", "0.31"]],
      sequence: 90211,
      timestamp: 1723161601437,
    },
    room: roomOfSymbol,
    conflationKey: (book) => book.symbol,
    snapshot: (book) => ({ key: "book", at: book.timestamp }),
  }),
});
