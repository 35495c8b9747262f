/** Turns the rows of a result into JSON, a piece at a time. Pure. */
import { err, ok, type Result } from "../../../lib/result.ts";
import { declaredType } from "./tables.ts";

export interface ResultColumn {
  readonly name: string;
  /** `any`: values of several types. `null`: no value that says more, and no column of that name. */
  readonly type: "integer" | "real" | "text" | "null" | "any";
}

/** Rows in one piece. */
export const MAX_PIECE_ROWS = 1_000;
/** Bytes of one piece; a single row may be longer. */
export const MAX_PIECE_BYTES = 64_000;
/** Rows of a result. */
export const MAX_RESULT_ROWS = 200_000;
/** Bytes of a result, as JSON. */
export const MAX_RESULT_BYTES = 32_000_000;
/** Bytes of a row: it has to fit into an event. */
export const MAX_ROW_BYTES = 900_000;

/** A double holds every integer up to here. */
const MAX_EXACT = Number.MAX_SAFE_INTEGER;
/** No integer of SQLite is larger. */
const MAX_INTEGER = 2 ** 63;

type Seen = "integer" | "real" | "text";

const encoder = new TextEncoder();

/** Collects rows; `pieces` are JSON arrays of objects, in UTF-8. */
export class ResultRows {
  readonly pieces: Uint8Array[] = [];
  readonly #names: readonly string[];
  /** The names as JSON, with what precedes their values in an object. */
  readonly #keys: readonly string[];
  readonly #seen: Set<Seen>[];
  #rows: string[] = [];
  #length = 0;
  #bytes = 0;
  #count = 0;

  constructor(columnNames: readonly string[]) {
    this.#names = uniqueNames(columnNames);
    this.#keys = this.#names.map((name, index) => `${index === 0 ? "{" : ","}${JSON.stringify(name)}:`);
    this.#seen = this.#names.map(() => new Set());
  }

  get count(): number {
    return this.#count;
  }

  /** Of the pieces. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of the rows so far. */
  get columns(): ResultColumn[] {
    return this.#names.map((name, index) => ({ name, type: typeOf(name, this.#seen[index] ?? new Set()) }));
  }

  /** Adds a row; or says, for the author of the query, why the result is not sent. */
  add(values: readonly unknown[]): Result<undefined, string> {
    if (this.#count === MAX_RESULT_ROWS) {
      return err(`The result has more than ${MAX_RESULT_ROWS} rows. Add a WHERE, a LIMIT, or a GROUP BY.`);
    }
    let json = "";
    for (const [index, value] of values.entries()) {
      const encoded = encodeValue(value, this.#seen[index]);
      if (encoded === undefined) return err(cannotSend(value, this.#names[index] ?? ""));
      json += this.#keys[index] + encoded;
    }
    json += "}";
    if (json.length * 3 > MAX_ROW_BYTES && encoder.encode(json).byteLength > MAX_ROW_BYTES) {
      return err(`A row of the result is longer than ${MAX_ROW_BYTES} bytes as JSON. Select less of it.`);
    }
    if (this.#length + json.length > MAX_PIECE_BYTES || this.#rows.length === MAX_PIECE_ROWS) this.flush();
    this.#rows.push(json);
    this.#length += json.length + 1;
    this.#count++;
    return this.#bytes + this.#length > MAX_RESULT_BYTES
      ? err(`The result is longer than ${MAX_RESULT_BYTES} bytes as JSON. Select fewer rows or columns.`)
      : ok(undefined);
  }

  /** Ends a piece. */
  flush(): void {
    if (this.#rows.length === 0) return;
    const piece = encoder.encode(`[${this.#rows.join(",")}]`);
    this.pieces.push(piece);
    this.#bytes += piece.byteLength;
    this.#rows = [];
    this.#length = 0;
  }
}

/** Two columns may have one name, the members of an object may not: the second becomes `name_2`, the third `name_3`. */
const uniqueNames = (names: readonly string[]): string[] => {
  const given = new Set(names);
  const used = new Set<string>();
  return names.map((name) => {
    let unique = name;
    for (let n = 2; used.has(unique); n++) {
      const next = `${name}_${n}`;
      if (!given.has(next)) unique = next;
    }
    used.add(unique);
    return unique;
  });
};

/** `undefined` for a value that JSON, or what was made of it on the way here, does not hold exactly. */
const encodeValue = (value: unknown, seen: Set<Seen> | undefined): string | undefined => {
  if (value === null) return "null";
  if (typeof value === "string") {
    seen?.add("text");
    return JSON.stringify(value);
  }
  if (typeof value !== "number") return undefined;
  const isInteger = Number.isInteger(value);
  const size = Math.abs(value);
  // It may have been an INTEGER, whose last digits are gone; a REAL this large looks the same.
  if (isInteger && size > MAX_EXACT && size <= MAX_INTEGER) return undefined;
  seen?.add(isInteger && size <= MAX_EXACT ? "integer" : "real");
  return Number.isFinite(value) ? String(value) : value > 0 ? '"Infinity"' : '"-Infinity"';
};

const cannotSend = (value: unknown, column: string): string => {
  const name = JSON.stringify(column.slice(0, 50));
  return typeof value === "number"
    ? `A number in the column ${name} is beyond 2^53, where JSON numbers lose digits: select CAST(... AS TEXT).`
    : `A value in the column ${name} is a blob, which JSON cannot hold: select CAST(... AS TEXT).`;
};

const typeOf = (name: string, seen: ReadonlySet<Seen>): ResultColumn["type"] => {
  const declared = declaredType(name);
  const text = seen.has("text");
  const number = seen.has("integer") || seen.has("real");
  if (text && number) return "any";
  if (text) return "text";
  if (number) return seen.has("real") || declared === "real" ? "real" : "integer";
  return declared ?? "null";
};
