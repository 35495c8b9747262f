import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tokenize } from "../../../../../src/backends/embedded/query/sql-tokens.ts";
import { readStatement } from "../../../../../src/backends/embedded/query/statement.ts";

const texts = (sql: string) => {
  const tokens = tokenize(sql);
  return tokens.ok ? tokens.value.map(({ kind, value }) => `${kind}:${value}`) : tokens.error;
};

describe("the tokens of SQL", () => {
  it("are words, quoted names, strings, numbers, blobs, parameters and operators, without what is between them", () => {
    expect(
      texts("SELECT a.\"b\"\"c\", [d], `e` -- x\n, 'it''s', 0xFf, 1.5e-3, .5, x'0aF0' /* y */ <> ?1"),
    ).toEqual([
      ...[
        "word:select",
        "word:a",
        "operator:.",
        'quoted:b"c',
        "operator:,",
        "quoted:d",
        "operator:,",
        "quoted:e",
      ],
      ...[
        "operator:,",
        "string:it's",
        "operator:,",
        "number:0xFf",
        "operator:,",
        "number:1.5e-3",
        "operator:,",
      ],
      ...["number:.5", "operator:,", "blob:x'0aF0'", "operator:<>", "parameter:?1"],
    ]);
    expect(texts("é_1$ :a @b $c ? ->> ||")).toEqual([
      ...[
        "word:é_1$",
        "parameter::a",
        "parameter:@b",
        "parameter:$c",
        "parameter:?",
        "operator:->>",
        "operator:||",
      ],
    ]);
  });

  it.each([
    "'a",
    '"a',
    "`a",
    "[a",
    "/* a",
    "/*/",
    "1a",
    "0x",
    "x'0'",
    "x'0g'",
    "$a(b)",
    "$a::b",
    "#1",
    "\\",
    "{",
    "\0",
    "!",
  ])("%j is refused", (sql) => {
    expect(tokenize(sql).ok).toBe(false);
  });

  it("say where they begin", () => {
    const tokens = tokenize(" é 'x'\n;");
    expect(tokens.ok && tokens.value.map(({ at, text }) => [at, text])).toEqual([
      [1, "é"],
      [3, "'x'"],
      [7, ";"],
    ]);
  });
});

/** What SQL is made of, and what may hide where one statement ends. */
const fragment = fc.constantFrom(
  ...[
    "SELECT 1",
    " SELECT 2 ",
    ";",
    "; ",
    "INSERT INTO marker VALUES (1)",
    ";INSERT INTO marker VALUES (1);",
    "'",
    '"',
    "`",
  ],
  ...[
    "[",
    "]",
    "--",
    "\n",
    "/*",
    "*/",
    "/",
    "*",
    " ",
    "\t",
    "\f",
    "\v",
    "\uFEFF",
    "\u00A0",
    "''",
    "'a'",
    '"a"',
    "x'00'",
    "X'",
    "x",
  ],
  ...[
    " AS ",
    "a",
    "é",
    ",",
    "(",
    ")",
    "1",
    ".5",
    "1e",
    "0x1",
    "0x",
    "_",
    "$",
    "$a",
    "$a(",
    ":a",
    "::",
    "@a",
    "?",
    "?1",
    "#1",
    "\\",
    "\r",
    "\0",
    "-",
    "||",
  ],
);

describe("one statement", () => {
  it("is one for SQLite too, whatever it is made of", () => {
    const database = new DatabaseSync(":memory:");
    database.exec("CREATE TABLE marker (a)");
    let taken = 0;
    const property = fc.property(fc.array(fragment, { maxLength: 12 }), (fragments) => {
      const sql = `SELECT 1${fragments.join("")}`;
      if (!readStatement(sql, { a: 1, b: 2 }).ok && !readStatement(sql, [1]).ok && !readStatement(sql, []).ok)
        return;
      taken++;
      try {
        // All statements of the text are run.
        database.exec(sql);
      } catch {
        // Not every text of these is SQL; what follows a mistake SQLite does not run.
      }
      expect(database.prepare("SELECT count(*) AS n FROM marker").get()).toEqual({ n: 0 });
      try {
        // SQLite keeps the text of the first statement only.
        const first = database.prepare(sql).sourceSQL;
        const rest = tokenize(sql.slice(first.length));
        expect(rest.ok && rest.value).toEqual([]);
      } catch (error) {
        if (!(error instanceof Error && "errcode" in error)) throw error;
      }
    });
    fc.assert(property, { numRuns: 20_000 });
    expect(taken).toBeGreaterThan(1_000);
  });
});
