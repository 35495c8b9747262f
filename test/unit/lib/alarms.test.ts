import { beforeEach, describe, expect, it } from "vitest";
import { type AlarmStorage, Alarms } from "../../../src/lib/alarms.ts";

class FakeStorage implements AlarmStorage {
  readonly calls: (number | "delete")[] = [];
  readonly values = new Map<string, unknown>();
  puts = 0;
  readonly kv = {
    get: <T>(key: string): T | undefined => this.values.get(key) as T | undefined,
    put: <T>(key: string, value: T): void => {
      this.puts++;
      this.values.set(key, structuredClone(value));
    },
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
  alarms = new Alarms<Name>(storage, 0);
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
    const woken = new Alarms<Name>(storage, 0);
    expect(woken.takeDue(150, 200)).toEqual(["a"]);
    woken.clear("a");
    expect(storage.calls).toEqual([100, 150, 200, "delete"]);
    expect(new Alarms<Name>(storage, 0).at("a")).toBeUndefined();
  });

  it("outlive the object, with no alarm set twice", () => {
    alarms.set("a", 100);
    alarms.set("b", 50);
    const woken = new Alarms<Name>(storage, 0);
    expect([woken.at("a"), woken.at("b")]).toEqual([100, 50]);
    woken.set("c", 60);
    expect(storage.calls).toEqual([100, 50]);
    expect(woken.takeDue(60, 900)).toEqual(["b", "c"]);
    expect(storage.calls).toEqual([100, 50, 100]);
    expect(new Alarms<Name>(storage, 0).takeDue(1_000, 2_000)).toEqual(["a", "b", "c"]);
  });
});

describe("an alarm that the platform has given up", () => {
  it("is armed anew by an object that starts with something long overdue", () => {
    alarms.set("a", 100);
    expect(new Alarms<Name>(storage, 300_100).at("a")).toBe(100);
    expect(storage.calls).toEqual([100]);
    const woken = new Alarms<Name>(storage, 300_101);
    expect(storage.calls).toEqual([100, 100]);
    expect(woken.takeDue(300_102, 400_000)).toEqual(["a"]);
  });
});

describe("alarms: doing what is due", () => {
  const errors: unknown[][] = [];
  const run = (now: number, due: (name: Name) => number | undefined | Promise<number | undefined>) =>
    alarms.run(now, due, (...args) => void errors.push(args));

  beforeEach(() => void errors.splice(0));

  it("does it earliest first, and again when it says", async () => {
    alarms.set("a", 300);
    alarms.set("b", 100);
    alarms.set("c", 301);
    const done: Name[] = [];
    await run(300, async (name) => {
      done.push(name);
      return name === "a" ? 400 : undefined;
    });
    expect(done).toEqual(["b", "a"]);
    expect([alarms.at("a"), alarms.at("b"), alarms.at("c")]).toEqual([400, undefined, 301]);
    expect(storage.calls.at(-1)).toBe(301);
  });

  it("leaves no alarm after the last: the platform has consumed it", async () => {
    alarms.set("a", 100);
    await run(100, () => undefined);
    expect(storage.calls).toEqual([100]);
    expect(new Alarms<Name>(storage, 0).at("a")).toBeUndefined();
  });

  it("writes once, when all is done", async () => {
    alarms.set("a", 100);
    alarms.set("b", 100);
    storage.puts = 0;
    await run(100, () => 200);
    expect({ puts: storage.puts, calls: storage.calls }).toEqual({ puts: 1, calls: [100, 200] });
  });

  it("tells of what failed, goes on with the rest, and does it again five seconds later", async () => {
    alarms.set("a", 100);
    alarms.set("b", 100);
    const failure = new Error("no");
    await run(100, (name) => {
      if (name === "a") throw failure;
      return undefined;
    });
    expect(errors).toEqual([["a", failure]]);
    expect([alarms.at("a"), alarms.at("b")]).toEqual([5_100, undefined]);
    await run(5_100, () => Promise.reject(failure));
    expect(alarms.at("a")).toBe(10_100);
    expect(storage.calls.at(-1)).toBe(10_100);
  });

  it("is due still if the object dies while it works, and the platform repeats its alarm", async () => {
    alarms.set("a", 100);
    await run(100, () => {
      expect(new Alarms<Name>(storage, 0).at("a")).toBe(100);
      return 900;
    });
    expect(new Alarms<Name>(storage, 0).at("a")).toBe(900);
  });

  it("comes again later if another deadline is set while it works, and the object dies", async () => {
    alarms.set("a", 100);
    await run(100, () => {
      alarms.set("b", 7_000);
      const woken = new Alarms<Name>(storage, 0);
      expect([woken.at("a"), woken.at("b")]).toEqual([5_100, 7_000]);
      return undefined;
    });
    expect(storage.calls).toEqual([100, 5_100, 7_000]);
  });
});
