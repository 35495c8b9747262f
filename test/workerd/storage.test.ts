import { evictDurableObject, listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { SqlRoomRegister } from "../../src/gateway/room-register.ts";
import { matchToken } from "../../src/http/bearer.ts";
import { Alarms } from "../../src/lib/alarms.ts";
import { SqlSubscriberStore } from "../../src/rooms/subscriber-store.ts";
import { RawSocket } from "./support/raw-socket.ts";

const room = (name: string) => env.ROOMS.getByName(`market:${name}`);

it("ROOM-4: a room's subscribers are one row a socket, and survive eviction", async () => {
  const stub = room("ROWS-USD");
  await stub.update("local-7", [
    { op: "join", socketId: "s1", userId: "u1", connection: 1 },
    { op: "join", socketId: "s2", userId: "u1", connection: 3 },
    { op: "join", socketId: "s2", userId: "u1", connection: 3 },
  ]);
  await evictDurableObject(stub);
  const rows = await runInDurableObject(stub, (_, { storage }) => new SqlSubscriberStore(storage.sql).all());
  expect(rows).toEqual([
    { socketId: "s1", gateway: "local-7", userId: "u1", connection: 1 },
    { socketId: "s2", gateway: "local-7", userId: "u1", connection: 3 },
  ]);
  const [, joined] = await stub.update("local-7", [
    { op: "leave", socketId: "s1", connection: 1 },
    { op: "join", socketId: "s3", userId: "u2", connection: 1 },
  ]);
  expect(joined).toMatchObject({ subscriberCount: 2 });
});

it("ROOM-6: a gateway that answers that it holds no socket is dropped from the room", async () => {
  const stub = room("GONE-USD");
  await stub.update("local-8", [{ op: "join", socketId: "s1", userId: "u1", connection: 1 }]);
  await stub.publish([{ body: '["market_trade",{}]', delivery: "transient" }]);
  await expect
    .poll(() => runInDurableObject(stub, (_, { storage }) => new SqlSubscriberStore(storage.sql).all()))
    .toEqual([]);
});

it("ROOM-2: a refused subscribe creates no room", async () => {
  const socket = await RawSocket.open();
  await socket.connect();
  const before = await listDurableObjectIds(env.ROOMS);
  for (const name of ["market:btc", "user:other", "weather:x"])
    socket.send(`42["subscribe",{"room":"${name}"}]`);
  await socket.next('42["subscribe_error"', 2);
  await socket.next('42["validation_error"');
  expect(await listDurableObjectIds(env.ROOMS)).toHaveLength(before.length);
  socket.close();
});

it("a gateway's register of rooms survives eviction", async () => {
  const stub = env.GATEWAYS.getByName("local-9");
  await runInDurableObject(stub, (_, { storage }) => {
    const register = new SqlRoomRegister(storage.sql);
    for (const name of ["user:a", "market:B-C", "user:a"]) register.add(name);
    register.add("market:D-E");
    register.mark("user:a", true);
    register.mark("market:D-E", true);
    register.mark("market:D-E", false);
    register.remove("market:B-C");
  });
  const found = await runInDurableObject(stub, (_, { storage }) => {
    const register = new SqlRoomRegister(storage.sql);
    return [register.all(), register.stale()];
  });
  expect(found).toEqual([["market:D-E", "user:a"], ["user:a"]]);
});

it("what is stored in a transaction that fails is not there, of whatever kind", async () => {
  const stub = room("FAIL-USD");
  await runInDurableObject(stub, (_, { storage }) => {
    const { sql, kv } = storage;
    kv.put("a", 1);
    sql.exec("CREATE TABLE t (n INTEGER)");
    const fail = () =>
      storage.transactionSync(() => {
        kv.put("a", 2);
        kv.put("b", 2);
        sql.exec("INSERT INTO t VALUES (2)");
        throw new Error("The disk is full.");
      });
    expect(fail).toThrow("The disk is full.");
    expect([...kv.list()]).toEqual([["a", 1]]);
    expect(sql.exec("SELECT n FROM t").toArray()).toEqual([]);
  });
});

it("named deadlines share the object's one alarm, on real storage", async () => {
  const stub = env.GATEWAYS.getByName("local-6");
  await runInDurableObject(stub, async (_, { storage }) => {
    const later = Date.now() + 100_000;
    const alarms = new Alarms<"a" | "b">(storage, Date.now());
    alarms.set("a", later + 5);
    alarms.set("b", later);
    expect(await storage.getAlarm()).toBe(later);
    expect(new Alarms<"a" | "b">(storage, Date.now()).at("a")).toBe(later + 5);
    alarms.clear("b");
    expect(await storage.getAlarm()).toBe(later + 5);
    alarms.clear("a");
    expect(await storage.getAlarm()).toBe(null);
  });
});

it("ING-1: tokens are compared whole, each of several counts", () => {
  const valid = ["first", "second", "grün"];
  expect(valid.map((token) => matchToken(token, valid))).toEqual([0, 1, 2]);
  for (const token of ["firs", "first\0", "first1", "secondly", "grun", "grün1", ""]) {
    expect(matchToken(token, valid)).toBe(-1);
  }
  expect(matchToken("", [])).toBe(-1);
});
