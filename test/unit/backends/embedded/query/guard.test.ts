import { beforeAll, describe, expect, it } from "vitest";
import { authorize } from "../../../../../src/backends/embedded/query/bytecode.ts";
import { admit } from "../../../../../src/backends/embedded/query/guard.ts";
import { runStatement } from "../../../../../src/backends/embedded/query/queries.ts";
import type { SqlParams } from "../../../../../src/backends/embedded/query/statement.ts";
import { TableStatistics } from "../../../../../src/backends/embedded/query/table-statistics.ts";
import { HOSTILE, LEGITIMATE } from "../../../../support/query-statements.ts";
import { TestQueryStorage } from "../../../../support/query-storage.ts";

const storage = new TestQueryStorage();
const { sql } = storage;
const sizes = new TableStatistics(sql);

beforeAll(() => {
  storage.fill(3_000);
  storage.database.exec("INSERT INTO imports VALUES ('file', 'secret')");
});

const guard = (text: string, params?: SqlParams) => admit(text, params, { sql, sizes });

const messageOf = (text: string, params?: SqlParams): string => {
  const admitted = guard(text, params);
  return admitted.ok ? "admitted" : `${admitted.error.code}: ${admitted.error.message}`;
};

describe("REQ-3 what is not run", () => {
  for (const [why, statements] of Object.entries(HOSTILE)) {
    it(`is what ${why}`, () => {
      const before = storage.contents();
      for (const statement of statements) {
        const admitted = guard(statement);
        expect([statement.slice(0, 200), admitted.ok]).toEqual([statement.slice(0, 200), false]);
        if (!admitted.ok) {
          expect(["VALIDATION_FAILED", "NOT_FOUND"]).toContain(admitted.error.code);
          // A message for people, short enough to read, without the engine's codes.
          expect(admitted.error.message).toMatch(/^[A-Z][^\n]{10,700}\.$/);
          expect(admitted.error.message).not.toContain("SQLITE");
        }
      }
      expect(storage.contents()).toEqual(before);
    });
  }

  it("is told with what there is instead", () => {
    expect(messageOf("SELECT * FROM trade")).toBe(
      "NOT_FOUND: There is no table named trade. The tables are bars, trades, transfers, address_labels.",
    );
    expect(messageOf("SELECT prize FROM trades")).toBe(
      "NOT_FOUND: There is no column named prize. trades has symbol, venue, trade_id, timestamp, price, size, side.",
    );
    expect(messageOf("SELECT * FROM imports")).toMatch("NOT_FOUND: There is no table");
    expect(messageOf("SELECT printf('%d', 1)")).toMatch(
      /function printf\(\) cannot be called.*These can: abs, /,
    );
    expect(messageOf("SELECT * FORM trades")).toMatch(
      'VALIDATION_FAILED: SQLite does not run this: near "FORM"',
    );
    expect(messageOf("SELECT count(*) FROM trades a, trades b, trades c")).toMatch(
      /may read 27,\d{3},\d{3},\d{3} rows.*Compare columns of an index/,
    );
  });

  it("is what reads a table of unknown size, but for one row", () => {
    const unknown = new TableStatistics(sql, { rows: 100, distinctRows: 100 });
    const said = (text: string) => {
      const admitted = admit(text, undefined, { sql, sizes: unknown });
      return admitted.ok ? "admitted" : admitted.error.message;
    };
    for (const text of ["SELECT count(*) FROM trades", "SELECT * FROM trades WHERE symbol = 'BTC-USDT'"]) {
      expect(said(text)).toMatch("may read more than a trillion rows");
    }
    expect(said("SELECT * FROM trades WHERE symbol = 'a' AND venue = 'b' AND trade_id = 'c'")).toBe(
      "admitted",
    );
  });

  it("is decided by the program that SQLite makes, even where the text is not looked at", () => {
    const roots = new Set([2]);
    const instruction = { p1: 0, p2: 0, p3: 0, p4: null, p5: 0 };
    const refused = (opcode: string, rest: object = {}) => {
      const result = authorize([{ ...instruction, opcode, ...rest }], roots);
      return result.ok ? undefined : result.error.reason;
    };
    expect(refused("Transaction")).toBeUndefined();
    expect(refused("Transaction", { p2: 1 })).toBe("writes");
    expect(refused("OpenRead", { p2: 2 })).toBeUndefined();
    expect(refused("OpenRead", { p2: 1 })).toBe("table");
    expect(refused("OpenRead", { p2: 2, p3: 1 })).toBe("table");
    expect(refused("OpenRead", { p2: 2, p5: 16 })).toBe("table");
    expect(refused("ReopenIdx", { p2: 3 })).toBe("table");
    expect(refused("OpenWrite", { p2: 2 })).toBe("writes");
    expect(refused("Function", { p4: "abs(1)" })).toBeUndefined();
    expect(refused("Function", { p4: "load_extension(1)" })).toBe("function");
    expect(refused("AggStep", { p4: "group_concat(1)" })).toBe("function");
    expect(refused("PureFunc")).toBe("function");
    for (const opcode of [
      "VOpen",
      "VFilter",
      "SqlExec",
      "Savepoint",
      "AutoCommit",
      "SetCookie",
      "JournalMode",
      "New",
    ]) {
      expect(refused(opcode)).toBe("instruction");
    }
  });
});

describe("REQ-3 what is run", () => {
  it.each(LEGITIMATE)("%s", (statement) => {
    const admitted = guard(statement);
    if (!admitted.ok) throw new Error(admitted.error.message);
    const prepared = storage.database.prepare(statement);
    prepared.setReturnArrays(true);
    const result = runStatement(storage, admitted.value.statement);
    if (!result.ok) throw new Error(result.error.message);
    const rows = result.value.pieces.flatMap((piece): object[] =>
      JSON.parse(new TextDecoder().decode(piece)),
    );
    // What SQLite gives when it is asked directly.
    expect(rows.map((row) => Object.values(row))).toEqual(prepared.all());
    expect(rows.length).toBe(result.value.count);
  });

  it("costs more with each thing that is done to a time", () => {
    const units = (modifiers: number) => {
      const times = `datetime(timestamp / 1000, 'unixepoch'${", '+1 day'".repeat(modifiers)})`;
      const admitted = guard(`SELECT max(${times}) FROM trades`);
      return admitted.ok ? admitted.value.units : Number.NaN;
    };
    // Two calls in each of 3,000 rows.
    expect(units(60) - units(0)).toBeGreaterThan(3_000 * 60 * 30);
  });

  it("takes its parameters", () => {
    expect(messageOf("SELECT * FROM trades WHERE symbol = ? AND price > :p", ["BTC-USDT"])).toMatch(
      "send params as",
    );
    expect(messageOf("SELECT * FROM trades WHERE symbol = ? LIMIT ?", ["BTC-USDT", 5])).toBe("admitted");
    expect(messageOf("SELECT * FROM trades WHERE symbol = :s LIMIT :n", { s: "BTC-USDT", n: 5 })).toBe(
      "admitted",
    );
  });
});

it("REQ-3: a write that got past every check leaves no trace", () => {
  const before = storage.contents();
  for (const write of [
    "DELETE FROM trades RETURNING *",
    "UPDATE trades SET price = 0 WHERE symbol = 'BTC-USDT'",
    "INSERT INTO imports VALUES ('a', 'b') RETURNING source",
    "CREATE TABLE x (a)",
    "DROP TABLE address_labels",
  ]) {
    const unchecked = { sql: write, bindings: [], tokens: [], texts: { longest: 0, replaced: 1, bodies: 1 } };
    expect(runStatement(storage, unchecked).ok).toBe(true);
    expect(storage.contents()).toEqual(before);
  }
});
