import { beforeEach, describe, expect, it } from "vitest";
import { hasTable, LazyTable } from "../../../src/lib/sql.ts";
import { TestStorage } from "../../support/sqlite.ts";

let sql: TestStorage["sql"];

beforeEach(() => {
  ({ sql } = new TestStorage());
});

const create = () => new LazyTable(sql, "notes", "(text TEXT)");

describe("a table that is made when it is needed", () => {
  it("is not there before", () => {
    expect(create().exists).toBe(false);
    expect(hasTable(sql, "notes")).toBe(false);
  });

  it("is made once, and keeps what is in it", () => {
    const table = create();
    expect([table.ensure(), table.exists, table.ensure()]).toEqual([true, true, false]);
    sql.exec("INSERT INTO notes VALUES ('kept')");
    const next = create();
    expect([next.exists, next.ensure()]).toEqual([true, false]);
    expect(sql.exec("SELECT text FROM notes").toArray()).toEqual([{ text: "kept" }]);
  });
});
