import { beforeEach, describe, expect, it } from "vitest";
import { hasTable } from "../../../src/lib/sql.ts";
import { type RecoverableSession, Sessions } from "../../../src/rooms/sessions.ts";
import { SessionSubscriberStore, SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import type { SubscriberRow } from "../../../src/rooms/subscribers.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { storedSubscribers } from "./stored-subscribers.ts";

let storage: TestStorage;
let sessions: Sessions;
let store: SessionSubscriberStore;

const begin = () => {
  sessions = new Sessions(storage.kv);
  store = new SessionSubscriberStore("user:u", sessions, new SqlSubscriberStore(storage.sql));
  return store.all();
};

beforeEach(() => {
  storage = new TestStorage();
  begin();
});

const row = (gateway: string, connection = 1): SubscriberRow => ({
  ...{ socketId: "s", userId: "u", gateway, connection },
});

const session = (rest: Partial<RecoverableSession> = {}): RecoverableSession => ({
  ...{ pid: "p", socketId: "s", connection: 1, symbols: [], base: 0, leftAt: undefined, gateway: undefined },
  ...rest,
});

const stored = () => storedSubscribers("user:u", storage);
const apart = () => new SqlSubscriberStore(storage.sql).all();

describe("ROOM-6 USER-2 a personal room's subscribers, in this life of the object and the next", () => {
  it("are stored with their sessions: no table is needed", () => {
    sessions.put(session({ gateway: "g" }));
    store.put(row("g"));
    expect(stored()).toEqual([row("g")]);
    store.put(row("h"));
    expect(stored()).toEqual([row("h")]);
    sessions.left("s", 5, false);
    store.delete("s");
    expect(stored()).toEqual([]);
    expect(hasTable(storage.sql, "sockets")).toBe(false);
    expect(begin()).toEqual([]);
  });

  it.each([
    ["unknown", undefined],
    ["away", session({ leftAt: 5 })],
    ["on another connection", session({ connection: 2, gateway: "h" })],
  ])("are stored apart where the session is %s", (_, known) => {
    if (known !== undefined) sessions.put(known);
    store.put(row("g"));
    expect(stored()).toEqual([row("g")]);
    expect(begin()).toEqual([row("g")]);
    store.delete("s");
    expect(stored()).toEqual([]);
  });

  it("are stored once, also when a socket that was stored apart is recovered", () => {
    sessions.put(session({ leftAt: 5 }));
    store.put(row("g"));
    begin();
    sessions.put(session({ connection: 2, gateway: "h" }));
    store.put(row("h", 2));
    expect(apart()).toEqual([]);
    expect(stored()).toEqual([row("h", 2)]);
  });
});
