import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenize } from "../../../../../src/backends/embedded/query/sql-tokens.ts";
import { readStatement, type SqlParams } from "../../../../../src/backends/embedded/query/statement.ts";
import { tableReferences } from "../../../../../src/backends/embedded/query/table-references.ts";

const database = new DatabaseSync(":memory:");

/** The values of the statement's columns, in SQLite. */
const run = (sql: string, params?: SqlParams) => {
  const statement = readStatement(sql, params);
  if (!statement.ok) return statement.error;
  const prepared = database.prepare(statement.value.sql);
  prepared.setReturnArrays(true);
  // Rows are arrays, as asked for.
  return prepared.get(...statement.value.bindings) as unknown;
};

describe("parameters", () => {
  it("are taken from an array by their place or number", () => {
    expect(run("SELECT ?, ?", ["a", 2])).toEqual(["a", 2]);
    expect(run("SELECT ?2, ?1, ?2", ["a", "b"])).toEqual(["b", "a", "b"]);
    expect(run("SELECT ?2, ?", [1, 2, 3])).toMatch("no parameter for value 1");
    expect(run("SELECT ?1, ?", [1, 2])).toEqual([1, 2]);
  });

  it("are taken from an object by their name, with its sign or without", () => {
    expect(run("SELECT :a, @b, $c, :a", { a: 1, "@b": "two", c: null })).toEqual([1, "two", null, 1]);
    expect(run("SELECT :a, $a", { a: 1 })).toEqual([1, 1]);
    expect(run("SELECT :a, @a", { ":a": 1, "@a": 2 })).toEqual([1, 2]);
  });

  it("are not looked for in strings, quoted names and comments", () => {
    expect(run("SELECT '?', ':a', \"?\" -- ?\n, ? /* :b */ FROM (SELECT 1 AS [?])", ["x"])).toEqual([
      "?",
      ":a",
      1,
      "x",
    ]);
  });

  it("keep their type: whole numbers are integers, booleans 0 and 1", () => {
    expect(
      run("SELECT typeof(?), typeof(?), typeof(?), typeof(?), typeof(?)", [1, 1.5, "1", true, null]),
    ).toEqual([...["integer", "real", "text", "integer", "null"]]);
    expect(run("SELECT ? / 2, ?, ?", [5, true, false])).toEqual([2, 1, 0]);
    expect(run("SELECT '1' = ?, ? = 1 FROM (SELECT 1) LIMIT ?", [1, "1", 1])).toEqual([0, 0]);
  });

  it.each<[string, SqlParams | undefined, RegExp]>([
    ["SELECT ?", undefined, /parameter \?, and params has no value/],
    ["SELECT ?3", [1, 2], /parameter \?3/],
    ["SELECT ?0", [1], /parameter|value 1/],
    ["SELECT 1", [1], /no parameter for value 1/],
    ["SELECT ?", [1, 2], /no parameter for value 2/],
    ["SELECT ?", { a: 1 }, /send params as an array/],
    ["SELECT :a", [1], /send params as an object/],
    ["SELECT :a", { b: 1 }, /parameter :a/],
    ["SELECT :a", { a: 1, b: 1 }, /no parameter for "b"/],
    ["SELECT :__proto__", {}, /parameter :__proto__/],
    ["SELECT :toString", {}, /parameter :toString/],
  ])("%s with %j is refused", (sql, params, message) => {
    expect(run(sql, params)).toMatch(message);
  });

  it("reach SQLite as they are, whatever they are", () => {
    const scalar = fc.oneof(
      fc.string(),
      fc.string({ unit: "grapheme", maxLength: 20 }),
      fc.maxSafeInteger(),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Number.isInteger(n)),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.array(scalar, { minLength: 1, maxLength: 10 }), (values) => {
        expect(run(`SELECT ${values.map(() => "?").join(", ")}`, values)).toEqual(
          values.map((value) => value),
        );
      }),
    );
  });
});

describe("a statement", () => {
  it("may be long, but not longer than is bearable", () => {
    expect(run(`SELECT 1 ${" ".repeat(19_000)}`)).toEqual([1]);
    expect(run(`SELECT 1 ${" ".repeat(20_000)}`)).toMatch("longer than 20000 characters");
  });

  it("may use its parts again, but not without end", () => {
    const twice = (levels: number) =>
      `WITH c0 AS (SELECT 1 AS a)${Array.from({ length: levels }, (_, n) => `, c${n + 1} AS (SELECT x.a FROM c${n} x, c${n} y)`).join("")} SELECT a FROM c${levels}`;
    expect(run(twice(2))).toEqual([1]);
    expect(run(twice(14))).toMatch("refers to its own parts too often");
    expect(run("WITH RECURSIVE c(x) AS (VALUES (1) UNION ALL SELECT x FROM c) SELECT 1")).toMatch(
      "uses its own name",
    );
    expect(run("WITH price AS (SELECT 1 AS cost) SELECT cost FROM price")).toEqual([1]);
  });
});

describe("the tables that a query names", () => {
  const count = (sql: string) => {
    const tokens = tokenize(sql);
    if (!tokens.ok) throw new Error(tokens.error);
    return tableReferences(tokens.value);
  };

  it.each([
    ["SELECT 1", 0],
    ["SELECT a, b FROM trades WHERE a IN (1, 2) ORDER BY a, b", 1],
    ["SELECT 1 FROM trades a, bars AS b JOIN main.transfers USING (symbol, venue), address_labels", 4],
    ["SELECT 1 FROM (trades a, bars), ((transfers))", 3],
    ["SELECT 1 FROM (SELECT a, b FROM trades) x, (SELECT c, d FROM bars) y", 4],
    ["SELECT (SELECT a FROM trades, bars), b, c FROM transfers UNION ALL SELECT 1, 2 FROM bars, bars", 5],
    ["SELECT a IS NOT DISTINCT FROM b, c, d FROM trades", 1],
    ["SELECT 1 WHERE 1 IN trades", 1],
    ["SELECT 1 FROM trades window, bars, bars", 3],
    [
      "WITH x AS (SELECT 1 FROM trades, bars), y AS (SELECT 1 FROM x, x) SELECT y.a FROM y a, main.y",
      2 + 4 + 8,
    ],
  ])("%s: %d", (sql, tables) => {
    expect(count(sql)).toBe(tables);
  });

  it("are at most ten", () => {
    const join = (tables: number) =>
      readStatement(`SELECT 1 FROM ${Array(tables).fill("trades").join(", ")}`);
    expect(join(10).ok).toBe(true);
    expect(join(11)).toMatchObject({ error: expect.stringMatching("more than 10 tables") });
  });
});
