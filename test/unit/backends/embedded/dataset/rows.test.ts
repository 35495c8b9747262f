import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROWS, readRow } from "../../../../../src/backends/embedded/dataset/rows.ts";
import { TABLES, type Table } from "../../../../../src/backends/embedded/dataset/schema.ts";
import { ADDRESS, GOOD } from "./rows.ts";

const read = (table: Table, row: unknown) => {
  const result = readRow(table, row);
  return result.ok ? result.value : result.error;
};

describe.each(TABLES)("a row of %s", (table) => {
  it("is taken as a CSV file has it, all text, and as JSON has it", () => {
    const { text, stored } = GOOD[table];
    expect(read(table, text)).toEqual(stored);
    expect(read(table, stored)).toEqual(stored);
  });

  it("has a value for each column, and no other", () => {
    expect(Object.keys(GOOD[table].stored)).toEqual(ROWS[table].columns);
    expect(read(table, { ...GOOD[table].text, colour: "red" })).toEqual({
      column: "colour",
      message: `Unknown column; those of ${table} are ${ROWS[table].columns.join(", ")}`,
    });
  });

  it.each(ROWS[table].required)("needs %s", (column) => {
    const { [column]: _, ...row } = GOOD[table].text;
    expect(read(table, row)).toEqual({ column, message: "The column is missing" });
  });

  it("may leave out the other columns", () => {
    const row = Object.fromEntries(
      Object.entries(GOOD[table].text).filter(([name]) => ROWS[table].required.includes(name)),
    );
    expect(readRow(table, row)).toMatchObject({ ok: true });
  });

  it("whatever it is, is read or refused in few words, which hold nothing of it", () => {
    const hostile = fc.oneof(
      fc.string().map((text) => `secret-${text}`),
      fc.constantFrom(
        "",
        "1e99",
        "9".repeat(100),
        "-1",
        "0x1",
        " 1",
        "NaN",
        "1e400",
        "١٢",
        "\u0000",
        "\ud800",
      ),
      fc.double(),
      fc.anything(),
    );
    const row = fc
      .dictionary(fc.constantFrom(...ROWS[table].columns), hostile)
      .chain((changes) => fc.constantFrom({ ...GOOD[table].text, ...changes }, changes));
    fc.assert(
      fc.property(fc.oneof(row, fc.anything()), (value) => {
        const result = readRow(table, value);
        if (result.ok) {
          // What is stored reads back as itself, and SQLite can hold it.
          expect(readRow(table, result.value)).toEqual(result);
          for (const stored of Object.values(result.value)) {
            expect(stored === null || typeof stored === "string" || Number.isFinite(stored)).toBe(true);
          }
          return;
        }
        expect(result.error.message).toMatch(/^.{10,150}$/);
        expect(result.error.message).not.toContain("secret-");
        expect(result.error.column.length).toBeLessThanOrEqual(50);
      }),
    );
  });
});

describe("columns", () => {
  it.each<[string, Table, string, unknown]>([
    ["a symbol in lower case", "trades", "symbol", "btc-usdt"],
    ["a symbol of one part", "trades", "symbol", "BTC"],
    ["no venue", "trades", "venue", ""],
    ["a venue with a control character", "trades", "venue", "bin\nance"],
    ["a negative price", "trades", "price", "-1"],
    ["a price that is no number", "trades", "price", "12,50"],
    ["an infinite price", "trades", "price", Number.POSITIVE_INFINITY],
    ["no price", "trades", "price", ""],
    ["another side", "trades", "side", "BUY"],
    ["seconds", "trades", "timestamp", "1723161601"],
    ["microseconds", "trades", "timestamp", "1723161601437000"],
    ["part of a millisecond", "trades", "timestamp", "1723161601437.5"],
    ["a time without an offset", "trades", "timestamp", "2024-08-09T00:00:01"],
    ["a time that is none", "trades", "timestamp", "2024-02-30T00:00:01Z"],
    ["a high below the open", "bars", "high", "61000"],
    ["a low above the close", "bars", "low", "61689"],
    ["a chain in upper case", "transfers", "chain", "Bitcoin"],
    ["an address with a wrong checksum", "transfers", "to_address", `${ADDRESS.slice(0, -1)}x`],
    ["an amount with an exponent", "transfers", "amount", "1e-8"],
    ["an amount as a number", "transfers", "amount", 1.5],
    ["a negative position", "transfers", "position", "-1"],
    ["a jurisdiction by name", "address_labels", "jurisdiction", "Germany"],
    ["a date that is none", "address_labels", "as_of", "2024-13-01"],
    [
      "an address of another chain",
      "address_labels",
      "address",
      "0x8589427373d6d84e98730d7795d8f6f8731fda16",
    ],
  ])("refuses %s", (_, table, column, value) => {
    const refused = read(table, { ...GOOD[table].text, [column]: value });
    expect(refused).toEqual({ column, message: expect.any(String) });
  });

  it.each<[string, Table, string, unknown, unknown]>([
    ["a price with an exponent", "trades", "price", "1.5e-05", 0.000015],
    ["the nearest double of a long decimal", "trades", "price", "0.1000000000000000055511151231257827", 0.1],
    ["an ISO time", "trades", "timestamp", "2024-08-09T02:00:01.437+02:00", 1723161601437],
    ["a number as an id", "trades", "trade_id", 3735693016, "3735693016"],
    ["an amount, digit by digit", "transfers", "amount", "123456789012345678901234567890.10", undefined],
    ["no worth in dollars", "transfers", "usd", "", null],
    ["no jurisdiction", "address_labels", "jurisdiction", "", ""],
  ])("takes %s", (_, table, column, value, stored = value) => {
    expect(read(table, { ...GOOD[table].text, [column]: value })).toMatchObject({ [column]: stored });
  });

  it("store an EVM address, and a hash, in lower case, as they are looked up", () => {
    const row = {
      ...GOOD.transfers.text,
      chain: "ethereum",
      hash: "0xABCDEF",
      from_address: "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
      to_address: "0x8589427373d6d84e98730d7795d8f6f8731fda16",
    };
    expect(read("transfers", row)).toMatchObject({
      hash: "0xabcdef",
      from_address: "0xd8da6bf26964af9d7eed9e03e53415d37aa96045",
      to_address: "0x8589427373d6d84e98730d7795d8f6f8731fda16",
    });
  });
});
