import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { Importer } from "../../../../../src/backends/embedded/dataset/importer.ts";
import { SCHEMA, TABLES } from "../../../../../src/backends/embedded/dataset/schema.ts";
import { TestStorage } from "../../../../support/sqlite.ts";
import { GOOD } from "./rows.ts";

/** An importer over a database of its own, and what is in the table of trades. */
const open = (storage = new TestStorage()) => {
  for (const statement of SCHEMA) storage.sql.exec(statement);
  const { sql, transactionSync } = storage;
  return {
    storage,
    importer: new Importer({ sql, transaction: transactionSync }),
    trades: () => sql.exec("SELECT * FROM trades ORDER BY symbol, venue, trade_id").toArray(),
  };
};

/** Numbered trades; a price may be told. */
const trade = (number: number, price: unknown = "1.5") => ({
  ...GOOD.trades.text,
  trade_id: String(number),
  price,
});

let { storage, importer, trades } = open();
beforeEach(() => {
  ({ storage, importer, trades } = open());
});

const progress = (position: number, counts: object) => ({
  position,
  inserted: 0,
  replaced: 0,
  unchanged: 0,
  skipped: 0,
  ...counts,
});

describe("a batch", () => {
  it("stores the good rows and names the bad ones by their place, column and reason", () => {
    const rows = [trade(1), trade(2, "free"), trade(3), null];
    expect(importer.importBatch("trades", { source: "a", position: 0, rows })).toEqual({
      status: "imported",
      progress: progress(4, { inserted: 2, skipped: 2 }),
      rejected: [
        { index: 1, column: "price", message: expect.stringContaining("Expected a number") },
        { index: 3, column: "", message: expect.stringContaining("Expected an object") },
      ],
    });
    expect(trades().map(({ trade_id }) => trade_id)).toEqual(["1", "3"]);
  });

  it.each(TABLES)("stores a row of %s as it was read", (table) => {
    importer.importBatch(table, { source: "a", position: 0, rows: [GOOD[table].text] });
    expect(storage.sql.exec(`SELECT * FROM ${table}`).toArray()).toEqual([GOOD[table].stored]);
    expect(importer.counts()).toEqual({ ...EMPTY, [table]: 1 });
  });

  it("sent again is answered as it was, and changes nothing", () => {
    const first = { source: "a", position: 0, rows: [trade(1), trade(2, "free")] };
    const second = { source: "a", position: 2, rows: [trade(3)] };
    importer.importBatch("trades", first);
    const answer = importer.importBatch("trades", second);
    const before = trades();
    expect(importer.importBatch("trades", second)).toEqual(answer);
    expect(trades()).toEqual(before);
    expect(importer.progress("trades", "a")).toEqual(progress(3, { inserted: 2, skipped: 1 }));
  });

  it.each([
    ["before its turn", 3],
    ["again, when another has followed", 0],
  ])("%s is refused with the position to go on at", (_, position) => {
    importer.importBatch("trades", { source: "a", position: 0, rows: [trade(1)] });
    importer.importBatch("trades", { source: "a", position: 1, rows: [trade(2)] });
    const before = trades();
    expect(importer.importBatch("trades", { source: "a", position, rows: [trade(9)] })).toEqual({
      status: "out_of_order",
      position: 2,
    });
    expect(trades()).toEqual(before);
  });

  it("that fails halfway leaves neither rows nor progress", () => {
    importer.importBatch("trades", { source: "a", position: 0, rows: [trade(1)] });
    storage.failing = /^INSERT OR REPLACE INTO imports/;
    expect(() =>
      importer.importBatch("trades", { source: "a", position: 1, rows: [trade(2), trade(1, "9")] }),
    ).toThrow("The disk is full.");
    expect(trades()).toMatchObject([{ trade_id: "1", price: 1.5 }]);
    expect(importer.progress("trades", "a").position).toBe(1);
  });
});

const EMPTY = { bars: 0, trades: 0, transfers: 0, address_labels: 0 };

describe("sources", () => {
  it("that bring a row anew replace it: the later one is meant as a correction", () => {
    importer.importBatch("trades", { source: "a", position: 0, rows: [trade(1), trade(2)] });
    const rows = [trade(1), trade(2, "2.5"), trade(3)];
    expect(importer.importBatch("trades", { source: "b", position: 0, rows })).toMatchObject({
      progress: progress(3, { inserted: 1, replaced: 1, unchanged: 1 }),
    });
    expect(trades().map(({ price }) => price)).toEqual([1.5, 2.5, 1.5]);
  });

  it("are told apart by table", () => {
    importer.importBatch("trades", { source: "a", position: 0, rows: [trade(1)] });
    expect(importer.progress("bars", "a")).toEqual(progress(0, {}));
  });

  it("of a table that is emptied are forgotten, those of others not", () => {
    importer.importBatch("trades", { source: "a", position: 0, rows: [trade(1)] });
    importer.importBatch("bars", { source: "a", position: 0, rows: [GOOD.bars.text] });
    importer.empty("trades");
    expect(importer.counts()).toEqual({ ...EMPTY, bars: 1 });
    expect(importer.progress("trades", "a")).toEqual(progress(0, {}));
    expect(importer.progress("bars", "a").position).toBe(1);
  });

  it("give the same table and the same counts however they are cut, whatever answers are lost", () => {
    const row = fc.record({
      number: fc.integer({ min: 1, max: 8 }),
      price: fc.constantFrom("1.5", "2.5", "free", null),
    });
    /** Each step sends some rows; its answer arrives, or is lost, after which the sender tries again or starts anew. */
    const step = fc.record({
      size: fc.integer({ min: 1, max: 4 }),
      fate: fc.constantFrom(
        "arrives",
        "lost, sent again",
        "lost, started anew",
        "not sent",
        "object restarts",
      ),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 25 }), fc.array(step), (choices, steps) => {
        const rows = choices.map(({ number, price }) => trade(number, price));
        const whole = open();
        whole.importer.importBatch("trades", { source: "s", position: 0, rows });
        let cut = open();
        let position = 0;
        const refused = new Set<number>();
        const send = (size: number) => {
          const batch = { source: "s", position, rows: rows.slice(position, position + size) };
          const answer = cut.importer.importBatch("trades", batch);
          if (answer.status !== "imported") throw new Error("Out of order.");
          for (const { index } of answer.rejected) refused.add(position + index);
          return answer.progress.position;
        };
        for (const { size, fate } of steps) {
          if (position >= rows.length) break;
          if (fate === "not sent") continue;
          const next = send(size);
          if (fate === "lost, sent again") position = send(size);
          else if (fate === "lost, started anew") position = cut.importer.progress("trades", "s").position;
          else if (fate === "object restarts") cut = open(cut.storage);
          position = next;
        }
        while (position < rows.length) position = send(3);
        expect(cut.trades()).toEqual(whole.trades());
        expect(cut.importer.progress("trades", "s")).toEqual(whole.importer.progress("trades", "s"));
        const bad = rows.flatMap(({ price }, index) => (price === "free" || price === null ? [index] : []));
        expect([...refused].toSorted((a, b) => a - b)).toEqual(bad);
      }),
    );
  });
});
