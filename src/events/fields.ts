/**
 * The field schemas that families share. Pure. Values leave as they came in: nothing here
 * coerces. A `title` is what the generated docs print for the type.
 */
import * as z from "zod";
import { symbolPattern, userIdPattern } from "./rooms.ts";

const decimalString = z
  .string()
  .regex(/^-?\d+(\.\d+)?$/, 'Expected a decimal string such as "-12.50"')
  .meta({ title: "decimal string" });

const positiveDecimalString = z
  .string()
  // Longer than any amount on any chain. Markets keep hundreds of bars in memory.
  .max(100)
  .regex(/^\d+(\.\d+)?$/, 'Expected a non-negative decimal string such as "12.50"')
  .meta({ title: "decimal string" });

const decimalHint = { error: "Expected a finite number or a decimal string" };

/** A number, or the decimal string of a publisher that will not trust a double with it. */
export const decimal = z.union([z.number(), decimalString], decimalHint);

/** A price, size or volume: a decimal that is not negative. */
export const quantity = z.union([z.number().nonnegative(), positiveDecimalString], decimalHint);

/** Milliseconds since the Unix epoch. */
export const epochMs = z.int().nonnegative().meta({ title: "integer ms" });

/** A time stamped by a backend. */
export const timestamp = z.union(
  [epochMs, z.iso.datetime({ offset: true, local: true }).meta({ title: "ISO 8601 string" })],
  { error: "Expected integer milliseconds since the epoch or an ISO 8601 string" },
);

export const id = z.string().min(1).max(200);
export const count = z.int().nonnegative();
export const durationMs = z.number().nonnegative();
export const pct = z.number().min(0).max(100).meta({ title: "number 0 to 100" });
export const list = z.array(z.unknown());
export const record = z.record(z.string(), z.unknown());

export const userId = z.string().regex(userIdPattern, "Expected a user id").meta({ title: "string" });

/** Only bounded here: whether a room exists is an answer of its own, not a malformed payload (ROOM-2). */
export const roomName = z.string().min(1).max(200);

export const symbol = z
  .string()
  .regex(symbolPattern, "Expected two or three parts of A-Z and 0-9 joined by '-', such as BTC-USD")
  .meta({ title: "string" });

export const venue = z.string().min(1).max(50);

/** A lower-case chain name, such as `ethereum` or `polygon-zkevm`. */
export const chain = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,49}$/, "Expected a lower-case chain name such as ethereum")
  .meta({ title: "lower-case string" });

export const address = z.string().min(1).max(200);

/** A time range: a span back from now that the backend understands (`"24h"`), or explicit bounds. */
export const timeWindow = z.union(
  [
    z.string().min(1).max(50),
    z
      .strictObject({ from: epochMs, to: epochMs })
      .refine(({ from, to }) => from <= to, { error: "Expected from not to be after to", path: ["from"] }),
  ],
  { error: 'Expected a span such as "24h", or {from, to} in ms' },
);

/** One bar: its state, beginning at `timestamp` (MKT-1). */
export const candle = z
  .looseObject({
    open: quantity,
    high: quantity,
    low: quantity,
    close: quantity,
    volume: quantity,
    timestamp: epochMs,
    venue: venue.optional(),
  })
  .meta({ title: "Candle" });

/** Refusals that any client event can meet. */
export const refusals = ["rate_limit_error", "validation_error"] as const;

/** What a request to a backend can meet besides its own answers. */
export const backendRefusals = ["insufficient_credits", ...refusals] as const;
