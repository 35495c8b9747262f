import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { SqlRoomRegister } from "../../src/gateway/room-register.ts";
import { hasTable } from "../../src/lib/sql.ts";
import type { Connected, MembershipOp, Publication, Resume } from "../../src/rooms/protocol.ts";
import { RawSocket } from "./support/raw-socket.ts";
import { tell } from "./support/tell.ts";

const roomOf = (name: string) => env.ROOMS.getByName(name);
const PERSONAL = "user:user_test";

const event = (n: number, rest: Partial<Publication> = {}): Publication => ({
  body: `["credits_granted",{"n":${n}}]`,
  delivery: "durable",
  ...rest,
});

/** With an id, so that the room's state is stored at once: a timer would keep its object in memory. */
const bar = (n: number): Publication => ({
  id: `bar${n}`,
  body: `["market_chart_live_update",{"n":${n}}]`,
  delivery: "volatile",
  bar: { open: 1, high: 1, low: 1, close: 1, volume: 1, timestamp: n },
});

interface Session {
  readonly socket: RawSocket;
  readonly sid: string;
  readonly pid: string;
}

/** A socket of the user `user_test`, with what it says of before. */
const open = async (resume?: Resume): Promise<Session> => {
  const socket = await RawSocket.open();
  socket.send(`40${JSON.stringify({ token: env.TEST_TOKEN, ...resume })}`);
  const { sid, pid } = JSON.parse((await socket.next("40")).slice(2)) as { sid: string; pid: string };
  await socket.next('42["connected"');
  return { socket, sid, pid };
};

/** Number and offset of each personal event a socket got, in order. */
const credits = ({ frames }: RawSocket) =>
  frames
    .filter((frame) => frame.startsWith('42["credits_granted"'))
    .map((frame) => JSON.parse(frame.slice(2)) as [string, { n: number }, string])
    .map(([, { n }, offset]) => ({ n, offset }));

const numbers = (socket: RawSocket) => credits(socket).map(({ n }) => n);

/** Waits until an event has come. */
const got = (socket: RawSocket, n: number) => socket.next(`42["credits_granted",{"n":${n}}`);

const gatewayOf = async (socket: RawSocket) => env.GATEWAYS.getByName(await socket.gateway());

/** Makes all of a room's deadlines due, and what it keeps older than any window. */
const growOld = (stub: ReturnType<typeof roomOf>) =>
  runInDurableObject(stub, async (_, { storage }) => {
    const { sql } = storage;
    // Not every room has had something for every table.
    if (hasTable(sql, "log")) sql.exec("UPDATE log SET at = 0");
    if (hasTable(sql, "published")) sql.exec("UPDATE published SET at = 0");
    for (const [key, session] of storage.kv.list<{ leftAt?: number }>({ prefix: "session:" })) {
      if (session.leftAt !== undefined) storage.kv.put(key, { ...session, leftAt: 0 });
    }
    const alarms = storage.kv.get<Record<string, number>>("alarms") ?? {};
    storage.kv.put("alarms", Object.fromEntries(Object.keys(alarms).map((name) => [name, 1])));
    await storage.setAlarm(Date.now() + 3_600_000);
  });

const tables = (stub: ReturnType<typeof roomOf>) =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
  );

describe("USER-2 recovery, on real objects", () => {
  it("gives a socket back its id, its rooms and what it missed, though all objects died meanwhile", async () => {
    const first = await open();
    const market = roomOf("market:REC-USD");
    first.socket.send('42["subscribe",{"room":"market:REC-USD"}]');
    await first.socket.next('42["subscribed"');
    await roomOf(PERSONAL).publish([event(1)]);
    await market.publish([bar(1)]);
    await got(first.socket, 1);
    const offset = credits(first.socket).at(-1)?.offset ?? "";
    const gateway = await gatewayOf(first.socket);
    first.socket.close();
    await expect.poll(async () => (await roomOf(PERSONAL).stats()).subscribers).toBe(0);
    await roomOf(PERSONAL).publish([
      event(2),
      event(3, { socketId: "other" }),
      event(4, { socketId: first.sid }),
    ]);
    await market.publish([bar(2), bar(3)]);
    for (const stub of [roomOf(PERSONAL), market, gateway]) await evictDurableObject(stub);
    const { socket, sid, pid } = await open({ pid: first.pid, offset });
    expect([sid, pid]).toEqual([first.sid, first.pid]);
    await roomOf(PERSONAL).publish([event(5)]);
    await roomOf("market:REC-USD").publish([bar(4)]);
    await got(socket, 5);
    await socket.next('42["market_chart_live_update",{"n":4}');
    expect(numbers(socket)).toEqual([2, 4, 5]);
    const told = socket.frames.filter((frame) => frame.includes("market_chart"));
    const series = [1, 2, 3].map((n) => bar(n).bar);
    expect(told.map((frame) => JSON.parse(frame.slice(2)))).toEqual([
      ["market_chart_initial_data", { symbol: "REC-USD", series }],
      ["market_chart_live_update", { n: 4 }],
    ]);
    socket.close();
  });

  it("ends the connection that the socket lived on before, if it is there still", async () => {
    const first = await open();
    const gateway = await gatewayOf(first.socket);
    const second = await open({ pid: first.pid });
    expect(second.sid).toBe(first.sid);
    await expect
      .poll(() =>
        runInDurableObject(
          gateway,
          (_, state) =>
            state.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN).length,
        ),
      )
      .toBe((await second.socket.gateway()) === (await first.socket.gateway()) ? 1 : 0);
    await roomOf(PERSONAL).publish([event(21)]);
    await got(second.socket, 21);
    expect(numbers(first.socket)).toEqual([]);
    second.socket.close();
  });

  it("is none after the client's own disconnect", async () => {
    const first = await open();
    first.socket.send("41");
    first.socket.send(`40${JSON.stringify({ token: env.TEST_TOKEN, pid: first.pid })}`);
    const answer = await first.socket.next("40", 2);
    expect(answer).not.toContain(first.sid);
    expect(answer).not.toContain(first.pid);
    first.socket.close();
  });
});

describe("USER-1 personal events, on real objects", () => {
  it("come once, though the room dies right after and delivers them again, to a gateway that has hibernated", async () => {
    const { socket } = await open();
    await roomOf(PERSONAL).publish([event(31), event(32)]);
    await got(socket, 32);
    await evictDurableObject(await gatewayOf(socket));
    await evictDurableObject(roomOf(PERSONAL));
    await roomOf(PERSONAL).publish([event(33)]);
    await got(socket, 33);
    expect(numbers(socket)).toEqual([31, 32, 33]);
    socket.close();
  });

  it("ING-3 are published once, though the room dies between two attempts", async () => {
    const stub = roomOf("user:twice");
    const events = [event(1, { id: "a" }), event(2, { id: "b" })];
    expect(await stub.publish(events)).toEqual(["accepted", "accepted"]);
    await evictDurableObject(stub);
    expect(await stub.publish([...events, event(3, { id: "c" })])).toEqual([
      "duplicate",
      "duplicate",
      "accepted",
    ]);
  });

  it("ING-3 that could not be stored are not accepted, nor anything of their call, and the room starts anew", async () => {
    const name = "user:broken";
    await roomOf(name).publish([event(1)]);
    await runInDurableObject(roomOf(name), (_, { storage }) => void storage.sql.exec("DROP TABLE log"));
    const events = [event(2, { id: "x", delivery: "transient" }), event(3)];
    const refused = await roomOf(name)
      .publish(events)
      .catch((error: unknown) => String(error));
    expect(refused).toContain("no such table: log");
    expect(await roomOf(name).publish(events)).toEqual(["accepted", "accepted"]);
  });
});

describe("USER-1 USER-2 what a room keeps, on real storage", () => {
  const connect: MembershipOp = { op: "connect", userId: "u", socketId: "s", pid: "p" };
  const leave: MembershipOp = { op: "leave", socketId: "s", connection: 1 };

  it("goes when it is old, and the room with its user; whoever comes next finds a new one", async () => {
    const stub = roomOf("user:gone");
    const [before] = (await tell(stub, "local-5", [connect, leave])) as [Connected, undefined];
    await stub.publish([event(1, { id: "x" })]);
    expect(await stub.publish([event(1, { id: "x" })])).toEqual(["duplicate"]);
    await growOld(stub);
    await evictDurableObject(stub);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await tables(stub)).toEqual([]);
    expect(await runDurableObjectAlarm(stub)).toBe(false);
    expect(await stub.publish([event(1, { id: "x" })])).toEqual(["accepted"]);
    const [after] = (await tell(stub, "local-5", [{ ...connect, resume: { pid: before.pid } }])) as [
      Connected,
    ];
    expect(after).toMatchObject({ recovered: false, socketId: "s", logged: 1, missed: [] });
  });

  it("is what it needs: there is no table before something goes into it", async () => {
    const stub = roomOf("user:little");
    const names = async () => (await tables(stub)).map(({ name }) => name).sort();
    await tell(stub, "local-5", [connect]);
    expect(await names()).toEqual([]);
    await stub.publish([event(1)]);
    expect(await names()).toEqual(["log", "log_state"]);
  });

  it.each([
    ["a leave", (stub: ReturnType<typeof roomOf>) => stub.update("local-5", [leave])],
    ["an event", (stub: ReturnType<typeof roomOf>) => stub.publish([event(1, { delivery: "transient" })])],
  ])("goes though there has been nothing but %s", async (what, use) => {
    const stub = roomOf(`user:${what.replace(" ", "_")}`);
    await use(stub);
    await growOld(stub);
    await evictDurableObject(stub);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(await runInDurableObject(stub, (_, { storage }) => [...storage.kv.list()])).toEqual([]);
  });

  it("stays while a socket is there, which is recovered even then", async () => {
    const { socket, pid } = await open();
    await roomOf(PERSONAL).publish([event(41)]);
    await got(socket, 41);
    await growOld(roomOf(PERSONAL));
    await evictDurableObject(roomOf(PERSONAL));
    await runDurableObjectAlarm(roomOf(PERSONAL));
    await roomOf(PERSONAL).publish([event(42)]);
    await got(socket, 42);
    const back = await open({ pid, offset: credits(socket).at(-1)?.offset ?? "" });
    expect(back.pid).toBe(pid);
    expect(numbers(back.socket)).toEqual([]);
    back.socket.close();
  });
});

it("ROOM-6 USER-2 a gateway that lost its sockets tells their rooms, and they can be recovered elsewhere", async () => {
  const stub = roomOf("user:lost");
  const [before] = (await tell(stub, "local-4", [
    { op: "connect", userId: "lost", socketId: "s", pid: "p" },
    { op: "subscriptions", socketId: "s", connection: 1, symbols: ["A-B"] },
  ])) as [Connected, undefined];
  expect(before.recovered).toBe(false);
  expect(await stub.stats()).toMatchObject({ subscribers: 1 });
  const gateway = env.GATEWAYS.getByName("local-4");
  await runInDurableObject(gateway, (_, { storage }) => new SqlRoomRegister(storage.sql).add("user:lost"));
  await evictDurableObject(gateway);
  // Waking, it finds that the room is not held here.
  await runInDurableObject(gateway, () => {});
  await runDurableObjectAlarm(gateway);
  await expect.poll(async () => (await stub.stats()).subscribers).toBe(0);
  await stub.publish([event(1)]);
  const [after] = (await tell(stub, "local-3", [
    { op: "connect", userId: "lost", socketId: "new", pid: "pnew", resume: { pid: "p" } },
  ])) as [Connected];
  expect(after).toMatchObject({ recovered: true, socketId: "s", connection: 2, symbols: ["A-B"] });
  expect(after.missed).toHaveLength(1);
});
