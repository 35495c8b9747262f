import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ColumnSources, FileError, readCsv, sourceOf } from "../../../scripts/lib/csv-rows.ts";
import type { SourceRow } from "../../../scripts/lib/import-rows.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "csv-"));
});
afterAll(() => rm(folder, { recursive: true }));

const TRADES = "symbol,venue,trade_id,timestamp,price,size,side";
const NONE: ColumnSources = { map: {}, set: {} };

let files = 0;
const write = async (content: string | Uint8Array, name = `${files++}.csv`): Promise<string> => {
  const file = path.join(folder, name);
  await writeFile(file, content);
  return file;
};

const all = async (rows: AsyncIterable<SourceRow>): Promise<SourceRow[]> => {
  const found: SourceRow[] = [];
  for await (const row of rows) found.push(row);
  return found;
};

const read = async (content: string | Uint8Array, columns = NONE, name?: string): Promise<SourceRow[]> =>
  all(readCsv({ file: await write(content, name), table: "trades", columns }));

const values = ({ row }: SourceRow) => (row.ok ? Object.values(row.value).join() : row.error);

describe("rows", () => {
  it("come with the line they begin at, whatever is quoted, blank or broken over lines", async () => {
    const text = [
      `\uFEFF${TRADES}`,
      "A-B,x,1,1,1,1,buy",
      "",
      '"A-B","x, ""y""\nz", 2,1,1,1,buy ',
      'A-B,5" x,3,1,1,1,"buy"',
      "A-B,x,4",
      "A-B,x,5,1,1,1,buy",
    ];
    const rows = await read(text.join("\n"));
    expect(rows.map((row) => [row.line, values(row)])).toEqual([
      [2, "A-B,x,1,1,1,1,buy"],
      [4, 'A-B,x, "y"\nz,2,1,1,1,buy'],
      [6, 'A-B,5" x,3,1,1,1,buy'],
      [7, "Expected 7 values, as in the header; there are 3"],
      [8, "A-B,x,5,1,1,1,buy"],
    ]);
  });

  it("are those of the table, from columns of other names and from values of all rows", async () => {
    const text = "timestamp,taker_side,id,note,price,size,symbol\n1,buy,7,hello,2,3,A-B\r\n";
    const columns = { map: { side: "taker_side", trade_id: "id" }, set: { venue: "x", symbol: "C-D" } };
    const [row] = await read(text, columns);
    expect(row?.row).toEqual({
      ok: true,
      value: { symbol: "C-D", venue: "x", trade_id: "7", timestamp: "1", price: "2", size: "3", side: "buy" },
    });
  });

  it("are read from a gzipped file", async () => {
    expect(await read(gzipSync(`${TRADES}\nA-B,x,1,1,1,1,buy\n`), NONE, "zipped.csv.gz")).toHaveLength(1);
  });

  it("are read as they were written, on the lines they were written to", async () => {
    const field = fc
      .string({ unit: fc.constantFrom("a", "B", '"', ",", "\n", " ", "é", "1") })
      .map((text) => text.trim());
    const table = fc.array(fc.array(field, { minLength: 7, maxLength: 7 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(table, async (rows) => {
        const lines = rows.map((fields) => fields.map((text) => `"${text.replaceAll('"', '""')}"`).join());
        let line = 2;
        const expected = rows.map((fields, index) => {
          const at = line;
          line += (lines[index] ?? "").split("\n").length;
          return [at, fields.join()];
        });
        const found = await read([TRADES, ...lines].join("\n"), NONE, "property.csv");
        expect(found.map((row) => [row.line, values(row)])).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a file that cannot be imported", () => {
  it.each<[string, string, ColumnSources, RegExp]>([
    ["is empty", "", NONE, /^The file is empty\. It needs a header row\.$/],
    [
      "lacks columns",
      "timestamp,trade_id,price,size,taker_side\n",
      NONE,
      /no column symbol, venue, side\. Its columns: timestamp, trade_id, price, size, taker_side\.\n.*\n *symbol .*--set symbol=BTC-USDT\n.*\n *side +--map side=taker_side$/,
    ],
    ["lacks a mapped column", `${TRADES}\n`, { map: { side: "taker" }, set: {} }, /no column taker\./],
    ["has a column twice", `${TRADES},price\n`, NONE, /two columns "price"/],
    [
      "ends in a quote",
      `${TRADES}\nA-B,x,1,1,1,1,"buy\n`,
      NONE,
      /quote is opened and not closed, at line 2 or/,
    ],
    [
      "has an open quote far from its end",
      `${TRADES}\n"A-B,x,1,1,1,1,buy\n${"A-B,x,1,1,1,1,buy\n".repeat(10_000)}`,
      NONE,
      /quote is opened and not closed/,
    ],
  ])("that %s, says so", async (_, text, columns, message) => {
    await expect(read(text, columns)).rejects.toThrow(FileError);
    await expect(read(text, columns)).rejects.toThrow(message);
  });

  it.each([
    ["absent.csv", "There is no such file."],
    ["", "This is a folder."],
  ])("such as %j, says so", async (name, message) => {
    const csv = { file: path.join(folder, name), table: "trades", columns: NONE } as const;
    await expect(all(readCsv(csv))).rejects.toThrow(message);
    await expect(sourceOf(csv)).rejects.toThrow(message);
  });

  it("that is called .gz and is none, or is cut off, says so", async () => {
    const damaged = "The file is not gzipped, or damaged.";
    await expect(read(TRADES, NONE, "false.csv.gz")).rejects.toThrow(damaged);
    const half = gzipSync(TRADES.repeat(1_000)).subarray(0, 40);
    await expect(read(half, NONE, "half.csv.gz")).rejects.toThrow(damaged);
  });
});

it("a source is named by content, table and options, not by the file's name or the options' order", async () => {
  const name = (file: string, columns = NONE, table: "trades" | "bars" = "trades") =>
    sourceOf({ file, table, columns });
  const [one, same, other] = [await write("a\n1"), await write("a\n1"), await write("a\n2")];
  const first = await name(one);
  expect(first).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
  expect(await name(same)).toBe(first);
  const ab = { map: {}, set: { symbol: "A-B", venue: "x" } };
  const ba = { map: {}, set: { venue: "x", symbol: "A-B" } };
  expect(await name(one, ba)).toBe(await name(one, ab));
  const others = [await name(other), await name(one, ab), await name(one, NONE, "bars")];
  expect(new Set([first, ...others]).size).toBe(4);
});
