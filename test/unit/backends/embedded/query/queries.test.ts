import { beforeEach, describe, expect, it } from "vitest";
import {
  type QueryAnswer,
  type ResultLine,
  type ResultRow,
  readLines,
} from "../../../../../src/backends/embedded/query/protocol.ts";
import { Queries } from "../../../../../src/backends/embedded/query/queries.ts";
import { ResultRows } from "../../../../../src/backends/embedded/query/result-rows.ts";
import { settled } from "../../../../support/fakes.ts";
import { TestQueryStorage } from "../../../../support/query-storage.ts";

interface Timer {
  readonly ms: number;
  readonly run: () => void;
}

let storage: TestQueryStorage;
let queries: Queries;
let timers: Set<Timer>;
let now: number;
let ran: number;
let yieldToOthers: () => Promise<void>;

beforeEach(() => {
  storage = new TestQueryStorage();
  storage.fill(2_500);
  timers = new Set();
  now = 0;
  ran = 0;
  yieldToOthers = async () => {};
  queries = new Queries({
    storage: {
      sql: storage.sql,
      transactionSync: (run) => {
        ran++;
        return storage.transactionSync(run);
      },
    },
    clock: () => now,
    after: (ms, run) => {
      const timer = { ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    yieldToOthers: () => yieldToOthers(),
  });
});

/** Calls back whoever waits for at most so long. */
const pass = (ms: number) => {
  for (const timer of [...timers]) {
    if (timer.ms > ms) continue;
    timers.delete(timer);
    timer.run();
  }
};

const accepted = (answer: QueryAnswer) => {
  if (answer.status === "refused") throw new Error(answer.error.message);
  return answer;
};

const open = async (sql: string) => accepted(await queries.query({ sql, userId: "ann" })).body;

const linesOf = async (sql: string): Promise<ResultLine[]> => {
  const lines: ResultLine[] = [];
  for await (const line of readLines(await open(sql))) lines.push(line);
  return lines;
};

const rowsOf = (lines: readonly ResultLine[]): ResultRow[] =>
  lines.flatMap((line) => (line.kind === "rows" ? line.rows : []));

const failureOf = (lines: readonly ResultLine[]) => lines.find((line) => line.kind === "failed")?.error;

describe("REQ-3 the result of a query", () => {
  it("comes as its head, then rows in their order, in pieces", async () => {
    const lines = await linesOf("SELECT trade_id, price FROM trades ORDER BY timestamp");
    expect(lines[0]).toEqual({
      kind: "head",
      head: {
        columns: [
          { name: "trade_id", type: "text" },
          { name: "price", type: "real" },
        ],
        totalRows: 2_500,
      },
    });
    const pieces = lines.slice(1).map((line) => (line.kind === "rows" ? line.rows.length : line.kind));
    expect(pieces).toEqual([1_000, 1_000, 500]);
    expect(rowsOf(lines).map(({ trade_id }) => trade_id)).toEqual(
      Array.from({ length: 2_500 }, (_, n) => `t${n}`),
    );
  });

  it("comes in pieces of at most 64 KB", async () => {
    const body = await open("SELECT * FROM transfers");
    let lines = 0;
    for await (const chunk of body) {
      expect(chunk.byteLength).toBeLessThanOrEqual(64_002);
      lines++;
    }
    expect(lines).toBeGreaterThan(5);
  });

  it("may be empty, and has columns all the same", async () => {
    expect(
      await linesOf("SELECT symbol, price, timestamp, 1 + 1 AS two FROM trades WHERE symbol = 'x'"),
    ).toEqual([
      {
        kind: "head",
        head: {
          columns: [
            { name: "symbol", type: "text" },
            { name: "price", type: "real" },
            { name: "timestamp", type: "integer" },
            { name: "two", type: "null" },
          ],
          totalRows: 0,
        },
      },
    ]);
  });

  it("fails where it fails while it runs, and says why", async () => {
    expect(
      failureOf(
        await linesOf(
          "SELECT sum(9223372036854775807 + 0 * price - 1), sum(CAST(9223372036854775807 AS INTEGER)) FROM trades",
        ),
      ),
    ).toEqual({
      code: "VALIDATION_FAILED",
      message: "SQLite does not run this: integer overflow.",
    });
    expect(queries.held).toBe(0);
  });

  it("is refused where it is too long", async () => {
    const failed = await linesOf(
      "SELECT 1 FROM trades a JOIN bars b WHERE b.timestamp < 1723161700000 LIMIT 200001",
    );
    expect(failureOf(failed)?.message).toMatch("more than 200000 rows");
    expect(queries.held).toBe(0);
  });

  it("is forgotten once it is read, left, or nobody reads it", async () => {
    await linesOf("SELECT 1");
    expect(queries.held).toBe(0);
    const left = await open("SELECT * FROM trades");
    for await (const line of readLines(left)) {
      expect(line.kind).toBe("head");
      expect(queries.held).toBeGreaterThan(0);
      break;
    }
    expect(queries.held).toBe(0);
    const ignored = await open("SELECT * FROM trades");
    const reader = ignored.getReader();
    await reader.read();
    expect(queries.held).toBeGreaterThan(0);
    pass(60_000);
    expect(queries.held).toBe(0);
    await expect(reader.read()).rejects.toThrow("Nobody took the result.");
  });

  it("is not made where nobody waits for it any more", async () => {
    let proceed = (): void => {};
    yieldToOthers = () =>
      new Promise((resolve) => {
        proceed = resolve;
      });
    const reader = (await open("SELECT * FROM trades")).getReader();
    const first = reader.read();
    await settled();
    await reader.cancel();
    proceed();
    await settled();
    expect([ran, queries.held, timers.size]).toEqual([0, 0, 0]);
    expect((await first).done).toBe(true);
  });

  it("is not made where its reader has left before there was room", async () => {
    const proceed: (() => void)[] = [];
    yieldToOthers = () => new Promise((resolve) => proceed.push(resolve));
    const readers = await Promise.all([1, 2, 3].map(async () => (await open("SELECT 1")).getReader()));
    const reads = readers.map((reader) => reader.read());
    await settled();
    await readers[2]?.cancel();
    while (proceed.length > 0) {
      proceed.shift()?.();
      await settled();
    }
    await Promise.all(reads);
    expect(ran).toBe(2);
  });

  it("is estimated by what queries before it took", async () => {
    const sql = "SELECT count(*) FROM trades a JOIN trades b USING (symbol) WHERE a.price < b.price";
    const before = accepted(await queries.query({ sql, userId: "ann" }));
    let read = false;
    now = 0;
    for await (const line of readLines(before.body)) read ||= line.kind === "rows";
    expect(read).toBe(true);
    // That one took no time at all.
    const after = accepted(await queries.query({ sql, userId: "ann" }));
    expect(after.estimatedMs).toBeLessThan(before.estimatedMs);
    expect(after.estimatedMs).toBeGreaterThan(0);
  });
});

describe("a row as JSON", () => {
  const encode = (names: string[], ...rows: unknown[][]) => {
    const result = new ResultRows(names);
    for (const row of rows) {
      const added = result.add(row);
      if (!added.ok) return added.error;
    }
    result.flush();
    return {
      rows: result.pieces.flatMap((piece) => JSON.parse(new TextDecoder().decode(piece))),
      columns: result.columns,
    };
  };

  it("has numbers as they are, or is not sent", () => {
    expect(encode(["a"], [9_007_199_254_740_991], [-1.5], [1e300])).toMatchObject({
      rows: [{ a: 9_007_199_254_740_991 }, { a: -1.5 }, { a: 1e300 }],
      columns: [{ type: "real" }],
    });
    expect(encode(["a"], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY])).toMatchObject({
      rows: [{ a: "Infinity" }, { a: "-Infinity" }],
    });
    for (const lost of [2 ** 53, -(2 ** 53), 2 ** 63]) expect(encode(["a"], [lost])).toMatch("beyond 2^53");
    expect(encode(["a"], [new ArrayBuffer(1)])).toMatch("is a blob");
  });

  it("has a name for each of its columns", () => {
    expect(encode(["a", "a", "a_2", "a"], [1, 2, 3, 4])).toMatchObject({
      rows: [{ a: 1, a_3: 2, a_2: 3, a_4: 4 }],
    });
    expect(encode(["__proto__", "constructor", '"'], [1, 2, 3])).toMatchObject({
      columns: [{ name: "__proto__" }, { name: "constructor" }, { name: '"' }],
    });
  });

  it("has the types of what was seen, of the declared columns where that fits", () => {
    const columns = encode(
      ["price", "symbol", "n", "mixed", "none", "timestamp"],
      [1, "a", 1, 1, null, null],
      [2, null, 2, "x", null, null],
    );
    expect(columns).toMatchObject({
      columns: [
        { type: "real" },
        { type: "text" },
        { type: "integer" },
        { type: "any" },
        { type: "null" },
        { type: "integer" },
      ],
    });
  });

  it("is not longer than an event may be", () => {
    expect(encode(["a"], ["x".repeat(899_000)])).toMatchObject({ columns: [{ type: "text" }] });
    expect(encode(["a"], ["x".repeat(900_000)])).toMatch("longer than 900000 bytes");
    const rows = Array.from({ length: 40 }, () => ["x".repeat(890_000)]);
    expect(encode(["a"], ...rows)).toMatch("longer than 32000000 bytes");
  });
});
