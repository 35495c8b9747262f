import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Table } from "../../../../../src/backends/embedded/dataset/schema.ts";
import { planCost } from "../../../../../src/backends/embedded/query/cost.ts";
import { tokenize } from "../../../../../src/backends/embedded/query/sql-tokens.ts";
import { TableStatistics } from "../../../../../src/backends/embedded/query/table-statistics.ts";
import { longestMade, textGrowth } from "../../../../../src/backends/embedded/query/texts.ts";
import { TestQueryStorage } from "../../../../support/query-storage.ts";

const ROWS: Readonly<Record<Table, number>> = { bars: 10, trades: 100, transfers: 1_000, address_labels: 5 };
const sizes = {
  rows: (table: Table) => ROWS[table],
  largestGroup: () => 3,
  distinctValues: () => 4,
  longestText: () => 10,
};

const tokensOf = (sql: string) => {
  const tokens = tokenize(sql);
  if (!tokens.ok) throw new Error(tokens.error);
  return tokens.value;
};

/** The cost of a plan, given as `[id, parent, detail]`. */
const cost = (sql: string, ...plan: [number, number, string][]) =>
  planCost(
    plan.map(([id, parent, detail]) => ({ id, parent, detail })),
    tokensOf(sql),
    sizes,
  );

const steps = (...of: Parameters<typeof cost>) => {
  const result = cost(...of);
  return result.ok ? result.value.steps : result.error;
};

describe("the cost of a plan", () => {
  it("multiplies the loops of a join", () => {
    const sql = "SELECT * FROM trades t, bars b, address_labels";
    expect(steps(sql, [1, 0, "SCAN t"])).toBe(100);
    expect(steps(sql, [1, 0, "SCAN t"], [2, 0, "SCAN b"])).toBe(100 + 1_000);
    expect(steps(sql, [1, 0, "SCAN t"], [2, 0, "SCAN b"], [3, 0, "SCAN address_labels"])).toBe(
      100 + 1_000 + 5_000,
    );
  });

  it("takes a search of a whole key for one row, of a part for the largest group", () => {
    const sql = "SELECT * FROM trades t JOIN bars b";
    const search = (columns: string) =>
      steps(sql, [1, 0, "SCAN t"], [2, 0, `SEARCH b USING PRIMARY KEY (${columns})`]);
    expect(search("symbol=? AND venue=? AND timestamp=?")).toBe(200);
    expect(search("symbol=? AND venue=?")).toBe(400);
    expect(search("symbol=? AND venue=? AND timestamp>? AND timestamp<?")).toBe(400);
    expect(search("ANY(symbol) AND venue=?")).toBe(1_100);
    expect(search("timestamp>?")).toBe(1_100);
    expect(search("nonsense=?")).toBe(1_100);
    expect(steps(sql, [1, 0, "SEARCH t USING INDEX trades_by_time"])).toBe(100);
  });

  it("counts a search for each value of a list, and of each alternative", () => {
    const search: [number, number, string] = [1, 0, "SEARCH trades USING INDEX trades_by_time (symbol=?)"];
    expect(steps("SELECT * FROM trades WHERE symbol IN ('a', 'b')", search)).toBe(3 * 2 + 2);
    expect(steps("SELECT * FROM trades WHERE symbol = 'a' OR symbol = 'b'", search)).toBe(3 * 2 + 2);
    expect(steps("SELECT * FROM trades WHERE symbol IN (SELECT 1)", search)).toBe(200);
    const wide: [number, number, string] = [
      ...([1, 0, "SEARCH trades USING INDEX trades_by_time (symbol=? AND timestamp=?)"] as const),
    ];
    const lists = (first: string, second: string) =>
      steps(`SELECT * FROM trades WHERE ${first} IN (1, 2) AND ${second} IN (SELECT 1)`, wide);
    expect(lists("symbol", "timestamp")).toBe(100 + 2 * 100);
    expect(lists("price", "timestamp")).toBe(100 + 100);
    // Columns whose names say nothing.
    expect(lists("+symbol COLLATE NOCASE", "(timestamp)")).toBe(100 + 2 * 100);
    expect(steps("SELECT * FROM (SELECT symbol AS price FROM trades) WHERE price IN (1, 2, 3)", wide)).toBe(
      9 + 3,
    );
  });

  it("runs a correlated subquery for each row, another once", () => {
    const sql = "SELECT * FROM trades, bars";
    const inner: [number, number, string] = [3, 2, "SCAN bars"];
    expect(steps(sql, [1, 0, "SCAN trades"], [2, 0, "SCALAR SUBQUERY 1"], inner)).toBe(110);
    expect(steps(sql, [1, 0, "SCAN trades"], [2, 0, "CORRELATED SCALAR SUBQUERY 1"], inner)).toBe(
      100 + 100 * 11,
    );
    expect(steps(sql, [2, 0, "CORRELATED LIST SUBQUERY 1"], inner, [1, 0, "SCAN trades"])).toBe(
      100 + 100 * 11,
    );
  });

  it("knows a subquery's rows under its name, and under those it is given", () => {
    const plan: [number, number, string][] = [
      [1, 0, "MATERIALIZE q"],
      [2, 1, "SCAN trades"],
      [3, 1, "SCAN bars"],
    ];
    const sql = "WITH q AS (SELECT * FROM trades, bars) SELECT * FROM q AS a, q b";
    expect(steps(sql, ...plan, [4, 0, "SCAN a"])).toBe(1_100 + 1_000);
    expect(steps(sql, ...plan, [4, 0, "SCAN a"], [5, 0, "SCAN b"])).toBe(1_100 + 1_000 + 1_000_000);
  });

  it("makes a subquery anew for each row of the loop around it, where SQLite does not keep its rows", () => {
    const sql =
      "SELECT count(*) FROM bars a, (SELECT symbol, count(*) AS n FROM trades GROUP BY symbol) b WHERE a.open < b.n";
    const inner: [number, number, string][] = [
      [1, 0, "CO-ROUTINE b"],
      [2, 1, "SCAN trades"],
    ];
    expect(steps(sql, ...inner, [3, 0, "SCAN b"], [4, 0, "SCAN a"])).toBe(100 + 5 + 5 * 10);
    expect(steps(sql, ...inner, [3, 0, "SCAN a"], [4, 0, "SCAN b"])).toBe(100 + 10 + 9 * 100 + 10 * 5);
    const kept: [number, number, string][] = [
      [1, 0, "MATERIALIZE b"],
      [2, 1, "SCAN trades"],
    ];
    expect(steps(sql, ...kept, [3, 0, "SCAN a"], [4, 0, "SCAN b"])).toBe(100 + 10 + 10 * 5);
  });

  it("is not misled by an alias", () => {
    const scan = (alias: string, detail: string) => steps(`SELECT 1 FROM trades AS ${alias}`, [1, 0, detail]);
    expect(scan("bars", "SCAN bars")).toBe(100);
    expect(scan('"CONSTANT ROW"', "SCAN CONSTANT ROW")).toBe(100);
    expect(scan("'1 CONSTANT ROWS'", "SCAN 1 CONSTANT ROWS")).toBe(100);
    expect(scan("[x USING PRIMARY KEY (symbol=?)]", "SCAN x USING PRIMARY KEY (symbol=?)")).toBe(100);
    expect(scan("q", "SCAN something else")).toBe(100);
    const nested = "SELECT 1 FROM ((trades)) bars";
    expect(steps(nested, [1, 0, "SCAN bars"])).toBe(100);
  });

  it("takes the rows of a subquery from its LIMIT and its groups, where its text leaves no doubt", () => {
    const rows = (body: string, name = "q") => {
      const result = cost(
        `SELECT * FROM (${body}) AS ${name}, bars`,
        [1, 0, `CO-ROUTINE ${name}`],
        [2, 1, "SCAN trades"],
        [3, 0, `SCAN ${name}`],
      );
      return result.ok && result.value.rows;
    };
    expect(rows("SELECT symbol FROM trades")).toBe(100);
    expect(rows("SELECT symbol, count(*) FROM trades GROUP BY symbol")).toBe(5);
    expect(rows("SELECT symbol, count(*) FROM trades GROUP BY symbol, venue HAVING count(*) > 1")).toBe(25);
    expect(rows("SELECT count(*) FROM trades")).toBe(1);
    expect(rows("SELECT symbol FROM trades LIMIT 7")).toBe(7);
    expect(rows("SELECT symbol FROM trades LIMIT 7 OFFSET 3")).toBe(7);
    for (const doubtful of [
      "SELECT symbol FROM trades LIMIT 7, 50",
      "SELECT symbol FROM trades LIMIT 7 + 50",
      "SELECT symbol FROM trades LIMIT -1",
      "SELECT symbol, count(*) FROM trades GROUP BY symbol + 1",
      "SELECT symbol, count(*) FROM trades GROUP BY lower(symbol)",
      "SELECT symbol FROM trades GROUP BY 1",
      "SELECT symbol FROM trades GROUP BY 'symbol'",
      "SELECT symbol FROM (SELECT price AS symbol FROM trades) GROUP BY symbol",
      "SELECT symbol FROM trades GROUP BY symbol UNION ALL SELECT symbol FROM trades",
      "SELECT count(*) OVER () FROM trades",
    ]) {
      expect([doubtful, rows(doubtful)]).toEqual([doubtful, 100]);
    }
    // Something else has the name too.
    for (const other of [
      "SELECT * FROM (trades t JOIN bars b) AS q, (SELECT 1 FROM (SELECT 1 LIMIT 1) AS q) y",
      "SELECT * FROM (trades) q, (SELECT 1 FROM (SELECT 1 LIMIT 1) q) y",
      "SELECT * FROM trades 'q', (SELECT 1 FROM (SELECT 1 LIMIT 1) [q]) y",
      "SELECT * FROM ((SELECT 1 FROM trades)) q, (SELECT 1 FROM (SELECT 1 LIMIT 1) q) y",
    ]) {
      expect(cost(other, [1, 0, "CO-ROUTINE q"], [2, 1, "SCAN trades"], [3, 0, "SCAN q"])).toMatchObject({
        value: { rows: 100 },
      });
    }
    // The larger of two with one name.
    const twice =
      "SELECT * FROM (SELECT 1 FROM trades LIMIT 2) q, (SELECT * FROM ((SELECT 1 FROM trades)) q)";
    expect(cost(twice, [1, 0, "CO-ROUTINE q"], [2, 1, "SCAN trades"], [3, 0, "SCAN q"])).toMatchObject({
      value: { rows: 100 },
    });
  });

  it("bounds nothing by a name that may be another one's alias, or SQLite's own", () => {
    const named = (name: string, rest: string) =>
      cost(
        `SELECT * FROM (SELECT DISTINCT price FROM trades) ${rest}`,
        [1, 0, `MATERIALIZE ${name}`],
        [2, 1, "SCAN trades"],
        [3, 0, `SCAN ${name}`],
      );
    expect(named("x", "x, (SELECT 1 LIMIT 1) AS y, (SELECT y AS x) z")).toMatchObject({
      value: { rows: 100 },
    });
    expect(named("(subquery-2)", ', (SELECT 1 LIMIT 1) AS "(subquery-2)"')).toMatchObject({
      value: { rows: 100 },
    });
  });

  it("is a number where tables are empty", () => {
    const empty = { ...sizes, rows: () => 0, largestGroup: () => 0 };
    const search = { id: 1, parent: 0, detail: "SEARCH trades USING INDEX trades_by_time (symbol=?)" };
    const sql = "SELECT * FROM trades WHERE symbol IN (SELECT symbol FROM bars)";
    expect(planCost([search], tokensOf(sql), empty)).toMatchObject({ value: { steps: 1 } });
  });

  it("counts what is sorted and kept", () => {
    const result = cost(
      "SELECT * FROM trades",
      [1, 0, "SCAN trades"],
      [2, 0, "USE TEMP B-TREE FOR ORDER BY"],
    );
    expect(result).toEqual({ ok: true, value: { rows: 100, steps: 100, comparisons: 700, kept: 100 } });
  });

  it("adds the parts of a compound", () => {
    const plan: [number, number, string][] = [
      [1, 0, "COMPOUND QUERY"],
      [2, 1, "LEFT-MOST SUBQUERY"],
      [3, 2, "SCAN trades"],
      [4, 1, "UNION USING TEMP B-TREE"],
      [5, 4, "SCAN bars"],
    ];
    expect(cost("SELECT 1 FROM trades UNION SELECT 1 FROM bars", ...plan)).toMatchObject({
      value: { rows: 110, steps: 110, kept: 110 },
    });
  });

  it("is unknown where the plan has something unknown", () => {
    expect(cost("SELECT 1", [1, 0, "RECURSIVE STEP"])).toEqual({ ok: false, error: "RECURSIVE STEP" });
    expect(cost("SELECT 1", [1, 0, "SETUP"]).ok).toBe(false);
    expect(cost("SELECT 1 FROM bars", [1, 0, "SCAN bars"], [2, 1, "SCAN bars"]).ok).toBe(false);
    expect(cost("SELECT 1 FROM bars", [1, 0, "SCAN bars"], [2, 7, "SCAN bars"]).ok).toBe(false);
  });
});

describe("the cost of real plans", () => {
  const storage = new TestQueryStorage();
  storage.fill(12);
  const statistics = new TableStatistics(storage.sql);
  // Counts how often a loop's innermost row is looked at.
  let looked = 0;
  storage.database.function("look", (value) => {
    looked++;
    return value;
  });

  const source = fc.constantFrom(
    "bars",
    "trades",
    "transfers",
    "address_labels",
    "(SELECT timestamp, venue AS address FROM bars)",
  );
  const join = fc.constantFrom(",", "LEFT JOIN", "CROSS JOIN", "JOIN");
  const on = fc.constantFrom("", "x", "=");

  it("is never less than what is really read", () => {
    const parts = fc.array(fc.tuple(join, source, on), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(parts, fc.boolean(), (joins, nested) => {
        const names = joins.map((_, n) => `t${n}`);
        const from = joins.map(([kind, table], n) => `${n === 0 ? "" : kind} ${table} AS t${n}`).join(" ");
        const terms = joins.flatMap(([, table, kind], n) =>
          n > 0 && kind === "=" && !table.includes("labels") && !joins[0]?.[1].includes("labels")
            ? [`t${n}.timestamp = t0.timestamp`]
            : [],
        );
        const where = ["1", ...terms].join(" AND ");
        const inner = nested
          ? `, (SELECT count(*) FROM bars b WHERE look(b.close) > ${names[0]}.${joins[0]?.[1].includes("labels") ? "chain" : "timestamp"}) AS n`
          : "";
        const sql = `SELECT 1${inner} FROM ${from} WHERE ${where}`;
        const plan = storage.database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all();
        const estimate = planCost(
          plan.map(({ id, parent, detail }) => ({
            id: Number(id),
            parent: Number(parent),
            detail: String(detail),
          })),
          tokensOf(sql),
          statistics,
        );
        if (!estimate.ok) throw new Error(estimate.error);
        looked = 0;
        const prepared = storage.database.prepare(sql);
        let rows = 0;
        for (const _ of prepared.iterate()) rows++;
        expect(estimate.value.rows).toBeGreaterThanOrEqual(rows);
        expect(estimate.value.steps).toBeGreaterThanOrEqual(Math.max(rows, looked));
      }),
      { numRuns: 60 },
    );
  });

  it("follows the tables as they grow, without measuring them each time", () => {
    expect(statistics.rows("trades")).toBeGreaterThanOrEqual(12);
    const before = statistics.largestGroup("trades", ["symbol"]);
    storage.database.exec(
      "INSERT INTO trades SELECT symbol, 'new', trade_id, timestamp, price, size, side FROM trades",
    );
    const { n } =
      storage.database.prepare("SELECT count(*) AS n FROM trades WHERE symbol = 'BTC-USDT'").get() ?? {};
    expect(statistics.largestGroup("trades", ["symbol"])).toBeGreaterThanOrEqual(Number(n));
    expect(before).toBeLessThan(Number(n));
    expect(statistics.rows("trades")).toBeGreaterThanOrEqual(24);
  });
});

describe("the sizes of tables", () => {
  const measured = (rows: number, distinctRows: number) => {
    const storage = new TestQueryStorage();
    storage.fill(120);
    const ran: string[] = [];
    const sql = {
      exec: (text: string) => {
        ran.push(text);
        return storage.sql.exec(text);
      },
    };
    const statistics = new TableStatistics(sql, { rows, distinctRows });
    const sizes = () => [
      statistics.rows("trades"),
      statistics.largestGroup("trades", ["symbol"]),
      statistics.distinctValues("trades", "price"),
      statistics.longestText("trades"),
    ];
    const take = () => {
      ran.length = 0;
      return { sizes: sizes(), scans: ran.filter((text) => text.includes("trades")).length };
    };
    return { storage, take };
  };

  it("are measured once", () => {
    const { take } = measured(1_000, 1_000);
    const first = take();
    expect(first.sizes.every((size) => size > 0 && size <= 120)).toBe(true);
    expect([first.scans, take()]).toEqual([4, { sizes: first.sizes, scans: 0 }]);
  });

  it("are unknown where it would take too long to measure them", () => {
    const known = measured(1_000, 1_000).take();
    const rather = measured(1_000, 119).take();
    expect(rather.sizes).toEqual(known.sizes.with(2, 120));
    expect(rather.scans).toBe(3);
    expect(measured(119, 119).take()).toEqual({ sizes: Array(4).fill(Number.POSITIVE_INFINITY), scans: 1 });
    expect(measured(120, 120).take()).toEqual(known);
  });
});

describe("the texts of a query", () => {
  const made = (sql: string, concatenations = 0, params: string[] = []) => {
    const growth = textGrowth(tokensOf(sql), params);
    return growth.ok ? longestMade(growth.value, 100, concatenations) : growth.error;
  };

  it("are as long as what is stored, and grow by what joins them", () => {
    expect(made("SELECT symbol FROM trades")).toBe(100);
    expect(made("SELECT symbol || symbol FROM trades", 1)).toBe(200);
    expect(made("SELECT a || a FROM (SELECT symbol || symbol AS a FROM trades)", 2)).toBe(400);
    expect(made(`SELECT '${"a".repeat(1_000)}' || symbol FROM trades`, 1)).toBe(6_000);
    expect(made("SELECT ? || symbol FROM trades", 1, ["a".repeat(1_000)])).toBe(6_000);
    expect(made(`SELECT 1 ${" FROM (SELECT 1".repeat(30)}${")".repeat(30)}`, 60)).toBe(2_000_000);
  });

  it("grow by what replace() puts in and strftime() writes, which must be known", () => {
    expect(made("SELECT replace(symbol, '-', '/')")).toBe(300);
    expect(made("SELECT replace(replace(symbol, '-', 'abc'), 'a', 'def')")).toBe(8_100);
    expect(made("SELECT replace(symbol, '-', venue)")).toMatch("must be texts in quotes");
    expect(made("SELECT replace(symbol, '-', 'a' || 'b')")).toMatch("must be texts in quotes");
    expect(made("SELECT strftime('%Y', 1)")).toBe(320);
    expect(made("SELECT strftime(symbol, 1)")).toMatch("must be a text in quotes");
    expect(made('SELECT "replace"(symbol, symbol, symbol)')).toMatch("must be texts in quotes");
  });
});
