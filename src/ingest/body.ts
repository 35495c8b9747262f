import { err, ok, type Result } from "../lib/result.ts";
import type { Refusal } from "./envelope.ts";

/** The body as items; an item that could not be read is a refusal in its place. */
export type Items = readonly Result<unknown, Refusal>[];

export type BodyFormat = "json" | "ndjson";

const FORMATS: ReadonlyMap<string, BodyFormat> = new Map([
  ["application/json", "json"],
  ["application/x-ndjson", "ndjson"],
  ["application/ndjson", "ndjson"],
  ["application/jsonl", "ndjson"],
]);

/** The format a `content-type` names, `undefined` for others. */
export const formatOf = (contentType: string | undefined): BodyFormat | undefined =>
  FORMATS.get((contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "");

const UNREADABLE_LINE: Refusal = { code: "VALIDATION_FAILED", message: "The line is not valid JSON." };

/** Reads a body: one event or an array as JSON, or one event a line as NDJSON. Fails if it is no JSON. */
export const readItems = (text: string, format: BodyFormat): Result<Items, string> => {
  if (format === "ndjson") {
    const lines = text.split("\n").filter((line) => line.trim() !== "");
    return ok(lines.map((line) => parse(line, UNREADABLE_LINE)));
  }
  const body = parse(text, "The body is not valid JSON.");
  if (!body.ok) return err(body.error);
  return ok(Array.isArray(body.value) ? body.value.map((item) => ok(item)) : [body]);
};

const NO_JSON: Refusal = { code: "VALIDATION_FAILED", message: "The event is no JSON value." };

/**
 * Reads what came as a value instead of as text: one event or an array. It may hold what JSON cannot, such as a BigInt,
 * or be not what it seems, such as an object with `toJSON`: from here on it is what JSON makes of it.
 */
export const readValues = (value: unknown): Items =>
  Array.from(Array.isArray(value) ? value : [value], asJson);

const asJson = (value: unknown): Result<unknown, Refusal> => {
  // JSON makes `{}` of bytes and maps.
  if (typeof value === "object" && value !== null && !isPlain(value)) return err(NO_JSON);
  try {
    return ok(JSON.parse(JSON.stringify(value)));
  } catch {
    return err(NO_JSON);
  }
};

const isPlain = (value: object): boolean =>
  Array.isArray(value) || [Object.prototype, null].includes(Object.getPrototypeOf(value));

const parse = <E>(text: string, error: E): Result<unknown, E> => {
  try {
    return ok(JSON.parse(text));
  } catch {
    return err(error);
  }
};
