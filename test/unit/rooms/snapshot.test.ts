import { beforeEach, describe, expect, it } from "vitest";
import { Snapshot } from "../../../src/rooms/snapshot.ts";
import { TestStorage } from "../../support/sqlite.ts";

let storage: TestStorage;
let snapshot: Snapshot;

beforeEach(() => {
  storage = new TestStorage();
  snapshot = new Snapshot(storage.sql);
});

const add = (key: string, at: number, body = `${key}@${at}`) => snapshot.add({ key, at }, body);

describe("MKT-2 a market's state besides its bars", () => {
  it("is the newest event of each key, oldest first", () => {
    add("b", 5);
    add("a", 3);
    add("b", 7);
    add("a", 2);
    expect(snapshot.bodies).toEqual(["a@3", "b@7"]);
  });

  it("is the latest of events of one time", () => {
    add("a", 3, "first");
    add("a", 3, "second");
    expect(snapshot.bodies).toEqual(["second"]);
  });

  it("does not change with an event that is older than what is known", () => {
    expect([add("a", 3), add("a", 2), add("a", 3)]).toEqual([true, false, true]);
  });

  it("has at most 100 keys: a new one is ignored, a known one goes on", () => {
    for (let n = 0; n < 101; n++) add(`k${n}`, n);
    expect(snapshot.bodies.length).toBe(100);
    add("k101", 1_000);
    add("k5", 1_000);
    expect(snapshot.bodies.at(-1)).toBe("k5@1000");
    expect(snapshot.bodies.length).toBe(100);
  });

  it("changes no answer that was given before", () => {
    add("a", 1);
    const before = snapshot.bodies;
    add("a", 2);
    expect(before).toEqual(["a@1"]);
  });
});

describe("MKT-2 storing it", () => {
  it("brings it back in the object's next life, as of the last time", () => {
    add("a", 1);
    add("b", 2);
    snapshot.save();
    add("a", 3);
    snapshot = new Snapshot(storage.sql);
    expect(snapshot.bodies).toEqual(["a@1", "b@2"]);
    add("a", 0);
    expect(snapshot.bodies).toEqual(["a@1", "b@2"]);
  });

  it("writes only what has changed", () => {
    add("a", 1);
    add("b", 2);
    snapshot.save();
    add("b", 3);
    let written = 0;
    const { exec } = storage.sql;
    Object.assign(storage.sql, {
      exec: (...args: Parameters<typeof exec>) => {
        written++;
        return exec(...args);
      },
    });
    snapshot.save();
    snapshot.save();
    expect(written).toBe(1);
  });
});
