import { beforeEach, describe, expect, it } from "vitest";
import { PublishedIds } from "../../../src/rooms/published-ids.ts";
import { TestStorage } from "../../support/sqlite.ts";

let storage: TestStorage;
let ids: PublishedIds;

beforeEach(() => {
  storage = new TestStorage();
  ids = new PublishedIds(storage.sql);
});

describe("ING-3 ids of publications", () => {
  it("are new once, also for the object's next life", () => {
    expect([ids.add("a", 1), ids.add("b", 2), ids.add("a", 3)]).toEqual([true, true, false]);
    ids = new PublishedIds(storage.sql);
    expect([ids.add("b", 4), ids.add("c", 4)]).toEqual([false, true]);
  });

  it("differ by every character", () => {
    const all = ["a", "A", "a ", "", "é", "e\u0301", "1", "01", "a\0b", "a\0c"];
    expect(all.map((id) => ids.add(id, 1))).toEqual(all.map(() => true));
  });

  it("are forgotten when they are old enough: by when they came first, not again", () => {
    for (const [at, id] of ["a", "b", "c"].entries()) ids.add(id, at);
    ids.add("a", 50);
    expect(ids.oldestAt).toBe(0);
    ids.trim(1);
    expect(ids.oldestAt).toBe(1);
    expect([ids.add("a", 51), ids.add("b", 51)]).toEqual([true, false]);
    ids.trim(100);
    expect(ids.oldestAt).toBeUndefined();
  });

  it("of a transaction that is rolled back are new again", () => {
    const add = () =>
      storage.transactionSync(() => {
        ids.add("a", 1);
        throw new Error("no");
      });
    ids.add("b", 1);
    expect(add).toThrow("no");
    expect(ids.add("a", 2)).toBe(true);
  });
});
