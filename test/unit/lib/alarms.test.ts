import { beforeEach, describe, expect, it } from "vitest";
import { type AlarmStorage, Alarms } from "../../../src/lib/alarms.ts";

class FakeStorage implements AlarmStorage {
  readonly calls: (number | "delete")[] = [];
  readonly values = new Map<string, unknown>();
  readonly kv = {
    get: <T>(key: string): T | undefined => this.values.get(key) as T | undefined,
    put: <T>(key: string, value: T): void => void this.values.set(key, structuredClone(value)),
  };

  async setAlarm(time: number): Promise<void> {
    this.calls.push(time);
  }

  async deleteAlarm(): Promise<void> {
    this.calls.push("delete");
  }
}

type Name = "a" | "b" | "c";
let storage: FakeStorage;
let alarms: Alarms<Name>;

beforeEach(() => {
  storage = new FakeStorage();
  alarms = new Alarms<Name>(storage);
});

describe("alarms", () => {
  it("arm nothing by themselves", () => {
    expect(storage.calls).toEqual([]);
    expect(alarms.at("a")).toBeUndefined();
  });

  it("touch the stored alarm only when the earliest deadline changes", () => {
    alarms.set("a", 100);
    alarms.set("b", 200);
    alarms.set("a", 100);
    alarms.set("b", 150);
    expect(storage.calls).toEqual([100]);
    alarms.set("c", 50);
    expect(storage.calls).toEqual([100, 50]);
    alarms.set("c", 300);
    expect(storage.calls).toEqual([100, 50, 100]);
    expect([alarms.at("a"), alarms.at("b"), alarms.at("c")]).toEqual([100, 150, 300]);
  });

  it("go back to the next deadline when the earliest is cleared, and away with the last", () => {
    alarms.set("a", 100);
    alarms.set("b", 200);
    alarms.clear("b");
    alarms.clear("b");
    expect(storage.calls).toEqual([100]);
    alarms.set("b", 200);
    alarms.clear("a");
    expect(storage.calls).toEqual([100, 200]);
    alarms.clear("b");
    expect(storage.calls).toEqual([100, 200, "delete"]);
  });

  it("take what is due, earliest first, and arm the rest", () => {
    alarms.set("a", 300);
    alarms.set("b", 100);
    alarms.set("c", 301);
    expect(alarms.takeDue(300, 900)).toEqual(["b", "a"]);
    expect(storage.calls).toEqual([300, 100, 301]);
    expect(alarms.takeDue(300, 900)).toEqual([]);
  });

  it("arm again an alarm that fired early, because the platform has consumed it", () => {
    alarms.set("a", 100);
    expect(alarms.takeDue(99, 900)).toEqual([]);
    expect(storage.calls).toEqual([100, 100]);
  });

  it("come due again if the object dies before the work is done", () => {
    alarms.set("a", 100);
    expect(alarms.takeDue(100, 150)).toEqual(["a"]);
    expect(storage.calls).toEqual([100, 150]);
    const woken = new Alarms<Name>(storage);
    expect(woken.takeDue(150, 200)).toEqual(["a"]);
    woken.clear("a");
    expect(storage.calls).toEqual([100, 150, 200, "delete"]);
    expect(new Alarms<Name>(storage).at("a")).toBeUndefined();
  });

  it("outlive the object, with no alarm set twice", () => {
    alarms.set("a", 100);
    alarms.set("b", 50);
    const woken = new Alarms<Name>(storage);
    expect([woken.at("a"), woken.at("b")]).toEqual([100, 50]);
    woken.set("c", 60);
    expect(storage.calls).toEqual([100, 50]);
    expect(woken.takeDue(60, 900)).toEqual(["b", "c"]);
    expect(storage.calls).toEqual([100, 50, 100]);
    expect(new Alarms<Name>(storage).takeDue(1_000, 2_000)).toEqual(["a", "b", "c"]);
  });
});
