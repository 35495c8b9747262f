import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type ResultHead, type ResultRow, readLines } from "../../src/backends/embedded/query/protocol.ts";
import { runStatement } from "../../src/backends/embedded/query/queries.ts";
import type { SqlParams } from "../../src/backends/embedded/query/statement.ts";
import { queryData } from "../support/query-data.ts";
import { HOSTILE, LEGITIMATE } from "../support/query-statements.ts";

/** A fresh stub: one whose object has broken stays broken. */
const dataset = () => env.DATASETS.getByName("queries");

/** Runs in the dataset's object, with its storage. */
const inside = <T>(run: (storage: DurableObjectStorage) => T): Promise<T> =>
  runInDurableObject(dataset(), (_, { storage }) => run(storage));

const contents = () =>
  inside(({ sql }) => {
    const schema = [...sql.exec("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").raw()];
    const tables = ["bars", "trades", "transfers", "address_labels", "imports"];
    return { schema, rows: tables.map((table) => [...sql.exec(`SELECT * FROM ${table}`).raw()]) };
  });

interface Outcome {
  readonly error?: string;
  readonly head?: ResultHead;
  readonly rows: readonly ResultRow[];
}

const query = async (sql: string, params?: SqlParams): Promise<Outcome> => {
  const answer = await dataset().query({ sql, params, userId: "ann" });
  if (answer.status === "refused")
    return { error: `${answer.error.code}: ${answer.error.message}`, rows: [] };
  let outcome: Outcome = { rows: [] };
  for await (const line of readLines(answer.body)) {
    if (line.kind === "failed") return { error: `${line.error.code}: ${line.error.message}`, rows: [] };
    outcome =
      line.kind === "head"
        ? { ...outcome, head: line.head }
        : { ...outcome, rows: outcome.rows.concat(line.rows) };
  }
  return outcome;
};

/** What SQLite gives when it is asked directly. */
const direct = (sql: string) => inside((storage) => [...storage.sql.exec(sql).raw()]);

beforeAll(() =>
  inside((storage) => {
    storage.transactionSync(() => {
      for (const { sql, values } of queryData(300)) storage.sql.exec(sql, ...values);
    });
  }),
);

describe("REQ-3 a dataset", () => {
  it.each(Object.entries(HOSTILE))("does not run what %s", async (_, statements) => {
    const before = await contents();
    for (const sql of statements) {
      const { error } = await query(sql);
      expect([sql.slice(0, 200), error]).toEqual([
        sql.slice(0, 200),
        expect.stringMatching(/^(VALIDATION_FAILED|NOT_FOUND): [A-Z][^\n]{10,700}\.$/),
      ]);
      expect(error).not.toContain("SQLITE_");
    }
    expect(await contents()).toEqual(before);
  });

  it.each(LEGITIMATE)("runs %s", async (sql) => {
    const { error, rows, head } = await query(sql);
    expect(error).toBeUndefined();
    expect(rows.map((row) => Object.values(row))).toEqual(await direct(sql));
    expect(head?.totalRows).toBe(rows.length);
    expect(head?.columns.map(({ name }) => name)).toEqual(
      rows[0] === undefined ? expect.anything() : Object.keys(rows[0]),
    );
  });

  it("binds parameters, by place and by name", async () => {
    const byPlace = await query("SELECT trade_id FROM trades WHERE symbol = ? AND price > ? LIMIT ?", [
      "BTC-USDT",
      101.5,
      2,
    ]);
    const byName = await query("SELECT trade_id FROM trades WHERE symbol = :s AND price > @p LIMIT $n", {
      ...{ s: "BTC-USDT", p: 101.5, n: 2 },
    });
    expect(byPlace.rows).toHaveLength(2);
    expect(byName.rows).toEqual(byPlace.rows);
    expect(
      (await query("SELECT typeof(?1) a, typeof(?2) b, ?1 / 2 AS c, ?3 AS d", [5, "x", true])).rows,
    ).toEqual([{ a: "integer", b: "text", c: 2, d: 1 }]);
    expect((await query("SELECT ? AS a", ["'; DELETE FROM trades; --"])).rows).toEqual([
      { a: "'; DELETE FROM trades; --" },
    ]);
  });

  it("never gives digits that are not there", async () => {
    expect((await query("SELECT 9007199254740993 AS n")).error).toMatch("beyond 2^53");
    expect((await query("SELECT CAST(9007199254740993 AS TEXT) AS n")).rows).toEqual([
      { n: "9007199254740993" },
    ]);
    expect((await query("SELECT 1e999 AS n, x'00' IS NULL AS m")).rows).toEqual([{ n: "Infinity", m: 0 }]);
    expect((await query("SELECT x'00ff' AS b")).error).toMatch("is a blob");
  });

  it("undoes a write that got past every check", async () => {
    const before = await contents();
    for (const sql of [
      "DELETE FROM trades RETURNING *",
      "DROP TABLE bars",
      "UPDATE trades SET price = 0",
      "CREATE TABLE x (a)",
    ]) {
      const ran = await inside((storage) => {
        const unchecked = { sql, bindings: [], tokens: [], texts: { longest: 0, replaced: 1, bodies: 1 } };
        const transactional = {
          sql: storage.sql,
          transactionSync: <T>(run: () => T) => storage.transactionSync(run),
        };
        return runStatement(transactional, unchecked).ok;
      });
      expect(ran).toBe(true);
      expect(await contents()).toEqual(before);
    }
  });

  it("gives what SQLite gives, for SELECTs of all kinds", async () => {
    const column = fc.constantFrom("symbol", "venue", "timestamp");
    const number = fc.constantFrom(
      "timestamp",
      "timestamp % 7",
      "length(symbol)",
      "count(*)",
      "max(timestamp)",
    );
    const table = fc.constantFrom("trades", "bars");
    const where = fc.constantFrom(
      "",
      "WHERE venue = 'kraken'",
      "WHERE symbol LIKE 'b%'",
      "WHERE timestamp % 3 = 1 OR symbol IN ('SOL-USDT')",
    );
    const shape = fc.constantFrom(
      (c: string, n: string, t: string, w: string) =>
        `SELECT ${c}, ${n} AS n FROM ${t} ${w} GROUP BY ${c}, timestamp % 7, length(symbol), timestamp ORDER BY 1, 2, timestamp, symbol, venue`,
      (c: string, _: string, t: string, w: string) => `SELECT DISTINCT ${c} FROM ${t} ${w} ORDER BY 1`,
      (c: string, _: string, t: string, w: string) =>
        `SELECT ${c}, rank() OVER (PARTITION BY venue ORDER BY timestamp, symbol) AS r FROM ${t} ${w} ORDER BY timestamp, symbol, venue, r`,
      (c: string, _: string, t: string, w: string) =>
        `WITH x AS (SELECT ${c} AS c, timestamp AS at FROM ${t} ${w}) SELECT x.c, count(b.close) FROM x LEFT JOIN bars b ON b.symbol = x.c AND b.timestamp = x.at GROUP BY x.c ORDER BY 1`,
      (c: string, _: string, t: string, w: string) =>
        `SELECT ${c} FROM ${t} ${w} UNION SELECT ${c} FROM trades ORDER BY 1`,
    );
    await fc.assert(
      fc.asyncProperty(shape, column, number, table, where, async (write, c, n, t, w) => {
        const sql = write(c, n, t, w);
        const { error, rows } = await query(sql);
        expect([sql, error]).toEqual([sql, undefined]);
        expect(rows.map((row) => Object.values(row))).toEqual(await direct(sql));
      }),
      { numRuns: 60 },
    );
  });
});

describe("REQ-3 100,000 rows", () => {
  const ROWS = 100_000;

  beforeAll(() =>
    inside(({ sql }) => {
      sql.exec(
        `WITH RECURSIVE n(x) AS (SELECT 0 UNION ALL SELECT x + 1 FROM n LIMIT ${ROWS})
         INSERT INTO trades SELECT 'BIG-USD', 'v', printf('%06d', x), x, x / 4.0, 1, 'buy' FROM n`,
      );
    }),
  );

  const sql = "SELECT * FROM trades WHERE symbol = 'BIG-USD' ORDER BY trade_id";

  it("come in pieces, all, in order", async () => {
    const answer = await dataset().query({ sql, userId: "ann" });
    if (answer.status === "refused") throw new Error(answer.error.message);
    let next = 0;
    let pieces = 0;
    for await (const line of readLines(answer.body)) {
      if (line.kind !== "rows") continue;
      pieces++;
      expect(line.rows.length).toBeLessThanOrEqual(1_000);
      for (const row of line.rows) if (row.timestamp === next && row.price === next / 4) next++;
    }
    expect(next).toBe(ROWS);
    expect(pieces).toBeGreaterThanOrEqual(ROWS / 1_000);
  });

  it("are forgotten when their reader leaves midway: the next two run", async () => {
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 2; n++) {
        const answer = await dataset().query({ sql, userId: "ann" });
        if (answer.status === "refused") throw new Error(answer.error.message);
        for await (const line of readLines(answer.body)) if (line.kind === "rows") break;
      }
    }
    expect((await query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });

  it("break where the object is gone midway, and are there for whoever asks again", async () => {
    const answer = await dataset().query({ sql, userId: "ann" });
    if (answer.status === "refused") throw new Error(answer.error.message);
    const reader = answer.body.getReader();
    expect((await reader.read()).done).toBe(false);
    await runInDurableObject(dataset(), (_, state) => state.abort("The object is gone.")).catch(
      () => undefined,
    );
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toThrow();
    expect((await query("SELECT count(*) AS n FROM trades WHERE symbol = 'BIG-USD'")).rows).toEqual([
      { n: ROWS },
    ]);
  });
});

it("REQ-3: any text is answered, changes nothing and leaves the object alive", async () => {
  const fragments = [
    ...[
      " ",
      ";",
      "'",
      '"',
      "(",
      ")",
      ",",
      "*",
      "--",
      "/*",
      "*/",
      "\n",
      "?",
      ":a",
      "||",
      "=",
      "<",
      "1",
      "0x1",
      "1e9",
      "NULL",
    ],
    ...[
      "SELECT ",
      " FROM ",
      " WHERE ",
      " JOIN ",
      " UNION ALL ",
      " ORDER BY 1 ",
      " LIMIT ",
      " GROUP BY ",
      " OVER ()",
      "WITH x AS (",
      "RECURSIVE ",
    ],
    ...[
      "trades",
      "bars",
      "imports",
      "sqlite_master",
      "_cf_KV",
      "pragma_table_list",
      "json_each",
      "symbol",
      "price",
      "x",
      "a.",
    ],
    ...[
      "DELETE FROM trades",
      "INSERT INTO bars ",
      "UPDATE trades SET price = 0",
      "DROP TABLE trades",
      "PRAGMA ",
      "EXPLAIN ",
      "ATTACH ",
      "randomblob(1e9)",
    ],
  ];
  const all = [...Object.values(HOSTILE).flat(), ...LEGITIMATE];
  // Joins of the big table are refused as they should be; the small ones are to run.
  await inside(({ sql }) => void sql.exec("DELETE FROM trades WHERE symbol = 'BIG-USD'"));
  const before = await contents();
  const mutation = fc.tuple(fc.nat(), fc.nat(6), fc.constantFrom(...fragments));
  const until = Date.now() + 3_000;
  const answered = { ran: 0, refused: 0 };
  const text = fc
    .tuple(fc.constantFrom(...all), fc.array(mutation, { maxLength: 6 }))
    .map(([start, mutations]) =>
      mutations.reduce((sql, [at, cut, fragment]) => {
        const place = sql.length === 0 ? 0 : at % sql.length;
        return sql.slice(0, place) + fragment + sql.slice(place + cut);
      }, start),
    );
  const inputs = fc.sample(text, { seed: 20261122, numRuns: 20_000 });
  for (const sql of inputs) {
    // However slow the machine is, there are to be some of both.
    if (Date.now() > until && answered.ran > 20 && answered.refused > 100) break;
    const { error } = await query(sql, sql.includes(":a") ? { a: 1 } : undefined);
    if (error === undefined) answered.ran++;
    else answered.refused++;
  }
  expect(await contents()).toEqual(before);
  expect(answered.ran).toBeGreaterThan(20);
  expect(answered.refused).toBeGreaterThan(100);
});
