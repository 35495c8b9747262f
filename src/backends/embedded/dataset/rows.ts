/**
 * What a row of each table must be, as it comes from a CSV file (all text) or as JSON, and what it becomes. Pure.
 * Messages name what is expected, never the value that came.
 */
import * as z from "zod";
import { chain, symbol } from "../../../events/fields.ts";
import { err, ok, type Result } from "../../../lib/result.ts";
import type { SqlValue } from "../../../lib/sql.ts";
import { normalizeAddress } from "../compliance/addresses.ts";
import type { Table } from "./schema.ts";

/** One row as it is stored: a value for each of the table's columns. */
export type Row = Readonly<Record<string, Exclude<SqlValue, ArrayBuffer>>>;

/** Some tools write small numbers with an exponent. */
const DECIMAL = /^\+?\d{1,80}(?:\.\d{1,80})?(?:e[+-]?\d{1,2})?$/i;

const NUMBER = "Expected a number that is not negative, such as 12.5";

/** A number that is not negative: the nearest double of what was written. */
const number = z.preprocess(
  (value) => (typeof value === "string" && DECIMAL.test(value) ? Number(value) : value),
  z.number(NUMBER).nonnegative(NUMBER),
);

/** A decimal, kept digit by digit. */
const decimalText = z
  .string('Expected a decimal string, such as "12.50"')
  .regex(/^\d{1,80}(?:\.\d{1,80})?$/, "Expected digits, with a point at most, such as 12.50");

const WHOLE = "Expected a whole number from 0 on";

const wholeNumber = z.preprocess(
  (value) => (typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value),
  z.int(WHOLE).nonnegative(WHOLE),
);

/** Between these a time can only be meant in ms: in seconds or microseconds today is far outside. */
const EARLIEST = Date.UTC(1973, 3);
const LATEST = Date.UTC(2100, 0);

const TIME = "Expected ms since 1970, or an ISO 8601 time with its offset, such as 2024-08-09T00:00:01Z";

const isoTime = z.iso.datetime({ offset: true });

const timeOf = (value: unknown): unknown => {
  if (typeof value !== "string") return value;
  if (/^\d{1,16}$/.test(value)) return Number(value);
  return isoTime.safeParse(value).success ? Date.parse(value) : value;
};

const timestamp = z.preprocess(
  timeOf,
  z
    .int(TIME)
    .min(EARLIEST, "Expected ms since 1970; this would be before 1973-04. Is it in seconds?")
    .max(LATEST, "Expected ms since 1970; this would be after 2099. Is it in microseconds?"),
);

/** Text of 1 to `max` characters; control characters, and halves of surrogate pairs, are none of any name. */
const text = (max: number) =>
  z
    .string(`Expected text of 1 to ${max} characters`)
    .min(1, `Expected text of 1 to ${max} characters`)
    .max(max, `Expected text of 1 to ${max} characters`)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, "Expected text without control characters");

/** The same, or nothing: what is not known. */
const optionalText = (max: number) => text(max).or(z.literal("")).default("");

/** Hexadecimal ids are the same in upper and lower case; elsewhere case may tell two apart. */
const hash = text(200).transform((value) => (/^0x[0-9a-f]+$/i.test(value) ? value.toLowerCase() : value));

const id = z.preprocess(
  (value) => (typeof value === "number" && Number.isSafeInteger(value) ? String(value) : value),
  text(100),
);

const date = z.iso.date("Expected a date, such as 2024-09-27").or(z.literal("")).default("");

const jurisdiction = z
  .string()
  .regex(/^(?:[A-Z]{2})?$/, "Expected two capital letters (ISO 3166-1), such as DE, or nothing")
  .default("");

const fields = {
  bars: z.strictObject({
    symbol,
    venue: text(50),
    timestamp,
    open: number,
    high: number,
    low: number,
    close: number,
    volume: number,
  }),
  trades: z.strictObject({
    symbol,
    venue: text(50),
    trade_id: id,
    timestamp,
    price: number,
    size: number,
    side: z.enum(["buy", "sell"], "Expected buy or sell"),
  }),
  transfers: z.strictObject({
    chain,
    hash,
    position: wholeNumber,
    timestamp,
    from_address: text(200),
    to_address: text(200),
    asset: text(50),
    amount: decimalText,
    usd: z.preprocess((value) => (value === "" ? null : value), number.nullable()).default(null),
  }),
  address_labels: z.strictObject({
    chain,
    address: text(200),
    label: text(200),
    category: optionalText(50),
    jurisdiction,
    source: optionalText(200),
    as_of: date,
  }),
} satisfies Record<Table, z.ZodObject>;

/** The rows of a table: `key` are the columns of its primary key. */
export interface TableRows {
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** Columns that a row must have. */
  readonly required: readonly string[];
  readonly schema: z.ZodType<Row>;
}

const rowsOf = (object: z.ZodObject, schema: z.ZodType<Row>, key: readonly string[]): TableRows => {
  const columns = Object.keys(object.shape);
  const required = columns.filter((column) => !(object.shape[column] instanceof z.ZodDefault));
  return { columns, key, required, schema };
};

/** Brings the addresses of a row into the one form in which they are looked up. */
const withAddresses =
  <R extends { readonly chain: string }>(columns: readonly (keyof R & string)[]) =>
  (row: R, context: z.RefinementCtx): R => {
    const normal: Record<string, string> = {};
    for (const column of columns) {
      const address = normalizeAddress(row.chain, String(row[column]));
      if (address.ok) normal[column] = address.value;
      else context.addIssue({ code: "custom", path: [column], message: address.error });
    }
    return { ...row, ...normal };
  };

const transfers = fields.transfers.transform(withAddresses(["from_address", "to_address"]));

const addressLabels = fields.address_labels.transform(withAddresses(["address"]));

/** No trade of a bar was above its high or below its low. */
const bars = fields.bars
  .refine(({ open, high, low, close }) => high >= Math.max(open, low, close), {
    error: "Expected high to be at least open, low and close",
    path: ["high"],
  })
  .refine(({ open, low, close }) => low <= Math.min(open, close), {
    error: "Expected low to be at most open and close",
    path: ["low"],
  });

export const ROWS: Readonly<Record<Table, TableRows>> = {
  bars: rowsOf(fields.bars, bars, ["symbol", "venue", "timestamp"]),
  trades: rowsOf(fields.trades, fields.trades, ["symbol", "venue", "trade_id"]),
  transfers: rowsOf(fields.transfers, transfers, ["chain", "hash", "position"]),
  address_labels: rowsOf(fields.address_labels, addressLabels, ["chain", "address", "label"]),
};

/** Why a row is not stored. */
export interface BadRow {
  /** The column at fault; empty when it is the row as a whole. */
  readonly column: string;
  readonly message: string;
}

/** Bounds what one bad row costs to report. */
const MAX_COLUMN_CHARS = 50;
const MAX_MESSAGE_CHARS = 150;

/** What is wrong with a text as the value of a column, if that can be told without the rest of its row. */
export const problemOf = (table: Table, column: string, value: string): string | undefined => {
  const shape: Readonly<Record<string, z.ZodType>> = fields[table].shape;
  return shape[column]?.safeParse(value).error?.issues[0]?.message;
};

/** Reads one row of a table, or says what is the first thing wrong with it. */
export const readRow = (table: Table, row: unknown): Result<Row, BadRow> => {
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    return err({ column: "", message: "Expected an object with a value for each column" });
  }
  const { schema, columns } = ROWS[table];
  const parsed = schema.safeParse(row);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  if (issue?.code === "unrecognized_keys") {
    const column = (issue.keys[0] ?? "").slice(0, MAX_COLUMN_CHARS).toWellFormed();
    return err({ column, message: `Unknown column; those of ${table} are ${columns.join(", ")}` });
  }
  const column = String(issue?.path[0] ?? "");
  const message = Object.hasOwn(row, column) ? issue?.message : "The column is missing";
  return err({ column, message: (message ?? "").slice(0, MAX_MESSAGE_CHARS) });
};
