import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { pipeline as finished } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { CsvError, parse } from "csv-parse";
import { ROWS } from "../../src/backends/embedded/dataset/rows.ts";
import type { Table } from "../../src/backends/embedded/dataset/schema.ts";
import { err, ok } from "../../src/lib/result.ts";
import type { SourceRow } from "./import-rows.ts";

/** Where the columns of a table come from, when not from the file's column of the same name. */
export interface ColumnSources {
  /** The column of the file, by column of the table. */
  readonly map: Readonly<Record<string, string>>;
  /** The value of all rows, by column of the table. */
  readonly set: Readonly<Record<string, string>>;
}

/** The file cannot be imported as it is, or not with these options; the message says what to do. */
export class FileError extends Error {}

/** A quote that is never closed would take in the rest of the file. */
const MAX_RECORD_CHARS = 100_000;

/** A value for each column, to show what `--set` is for. */
const EXAMPLES: Readonly<Record<string, string>> = {
  symbol: "BTC-USDT",
  venue: "binance",
  chain: "ethereum",
  position: "0",
  asset: "ETH",
  label: "Exchange",
};

interface Column {
  readonly name: string;
  /** Its place in the file's rows. */
  readonly index: number;
}

export interface CsvFile {
  readonly file: string;
  readonly table: Table;
  readonly columns: ColumnSources;
  /** Tells this import from others of the same. */
  readonly again?: string;
}

/**
 * Names what is imported: the content of a file, as rows of a table, with certain options. The same again is the same
 * source, wherever the file lies and whatever it is called, unless `again` tells them apart.
 * @throws FileError
 */
export const sourceOf = async ({ file, table, columns: { map, set }, again }: CsvFile): Promise<string> => {
  const hash = createHash("sha256");
  const sorted = (options: Readonly<Record<string, string>>) => Object.entries(options).toSorted();
  hash.update(JSON.stringify([table, sorted(map), sorted(set), ...(again === undefined ? [] : [again])]));
  try {
    await finished(createReadStream(file), hash);
  } catch (error) {
    throw new FileError(reasonOf(error));
  }
  return hash.digest("hex");
};

export interface CsvRows extends AsyncIterable<SourceRow> {
  /** Bytes of the file read so far; of a compressed one, compressed. */
  readonly bytesRead: number;
}

/**
 * Reads a CSV file with a header row, gzipped if its name ends in `.gz`, row by row, as rows of a table.
 * @throws FileError when it is read, if it cannot be, or if columns are missing
 */
export const readCsv = ({ file, table, columns: sources }: CsvFile): CsvRows => {
  const input = createReadStream(file);
  const parser = parse({
    bom: true,
    ltrim: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_CHARS,
    info: true,
  });
  // What goes wrong on the way ends the iteration of the parser with it.
  const ended = () => undefined;
  if (file.endsWith(".gz")) pipeline(input, createGunzip(), parser, ended);
  else pipeline(input, parser, ended);
  const records: AsyncIterable<{ record: string[]; info: { lines: number } }> = parser;

  async function* rows(): AsyncGenerator<SourceRow> {
    let columns: readonly Column[] | undefined;
    let width = 0;
    try {
      for await (const { record: fields, info } of records) {
        if (columns === undefined) {
          columns = columnsOf(fields, table, sources);
          width = fields.length;
          continue;
        }
        yield { line: info.lines - breaksIn(fields), row: rowOf(fields, width, columns, sources.set) };
      }
    } catch (error) {
      throw error instanceof FileError ? error : new FileError(reasonOf(error));
    }
    if (columns === undefined) throw new FileError("The file is empty. It needs a header row.");
  }

  return {
    [Symbol.asyncIterator]: rows,
    get bytesRead() {
      return input.bytesRead;
    },
  };
};

/** Which columns of the file make up a row of the table. */
const columnsOf = (header: readonly string[], table: Table, { map, set }: ColumnSources): Column[] => {
  const names = header.map((name) => name.trim());
  const columns: Column[] = [];
  const missing: string[] = [];
  for (const name of ROWS[table].columns) {
    if (set[name] !== undefined) continue;
    const from = map[name] ?? name;
    const index = names.indexOf(from);
    if (index !== names.lastIndexOf(from)) throw new FileError(`There are two columns "${from}".`);
    if (index !== -1) columns.push({ name, index });
    else if (map[name] !== undefined || ROWS[table].required.includes(name)) missing.push(name);
  }
  if (missing.length > 0) throw new FileError(missingText(missing, names, table, map));
  return columns;
};

const missingText = (
  missing: readonly string[],
  names: readonly string[],
  table: Table,
  map: ColumnSources["map"],
): string => {
  const hints = missing.map((column) => {
    const [like] = names.filter((name) => name.toLowerCase().includes(column));
    const place = `--map ${column}=${like ?? "<its column in the file>"}`;
    const value = `--set ${column}=${EXAMPLES[column] ?? "<value>"}`;
    return `  ${column.padEnd(13)} ${like === undefined ? `${place} or ${value}` : place}`;
  });
  const wanted = missing.map((column) => map[column] ?? column).join(", ");
  return [
    `The file has no column ${wanted}. Its columns: ${names.join(", ")}.`,
    `Rows of ${table} need:`,
    ...hints,
  ].join("\n");
};

const rowOf = (
  fields: readonly string[],
  width: number,
  columns: readonly Column[],
  set: ColumnSources["set"],
): SourceRow["row"] => {
  if (fields.length !== width)
    return err(`Expected ${width} values, as in the header; there are ${fields.length}`);
  const row: Record<string, string> = { ...set };
  for (const { name, index } of columns) row[name] = (fields[index] ?? "").trim();
  return ok(row);
};

/** Line breaks inside quoted values. */
const breaksIn = (fields: readonly string[]): number => {
  let breaks = 0;
  for (const field of fields) {
    for (let at = field.indexOf("\n"); at !== -1; at = field.indexOf("\n", at + 1)) breaks++;
  }
  return breaks;
};

const reasonOf = (error: unknown): string => {
  if (error instanceof CsvError) {
    const { code, lines } = error as CsvError & { lines?: number };
    if (code === "CSV_QUOTE_NOT_CLOSED" || code === "CSV_MAX_RECORD_SIZE") {
      return `A quote is opened and not closed, at line ${lines} or before it.`;
    }
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "There is no such file.";
  if (code === "EISDIR") return "This is a folder.";
  if (code?.startsWith("Z_")) return "The file is not gzipped, or damaged.";
  return message;
};
