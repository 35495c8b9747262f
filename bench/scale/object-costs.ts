/** What rooms cost, measured on their own code, in this process: memory, time of joins, and rows written. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { After } from "../../src/lib/after.ts";
import { Alarms } from "../../src/lib/alarms.ts";
import type { Kv } from "../../src/lib/kv.ts";
import { MarketState } from "../../src/rooms/market-state.ts";
import type { MembershipOp } from "../../src/rooms/protocol.ts";
import { PublishedIds } from "../../src/rooms/published-ids.ts";
import { Recovery } from "../../src/rooms/recovery.ts";
import type { RoomAlarm } from "../../src/rooms/retention.ts";
import { RoomCore } from "../../src/rooms/room.ts";
import { SqlSubscriberStore } from "../../src/rooms/subscriber-store.ts";
import { TestStorage } from "../../test/support/sqlite.ts";

const WINDOW_MS = 3_600_000;
const GATEWAYS = 100;
const CHANGES = 500;
const SUBSCRIBERS = 50_000;
const HEARTBEAT_MS = 105_000;
const never: After = () => () => {};

/** What the platform charges for as a row written, counted; a cleared alarm is taken as free. */
class CountingStorage {
  readonly inner = new TestStorage();
  #puts = 0;

  readonly sql = this.inner.sql;
  readonly kv: Kv = {
    get: this.inner.kv.get,
    put: <T>(key: string, value: T): void => {
      this.#puts++;
      this.inner.kv.put(key, value);
    },
    delete: (key: string): void => {
      this.#puts++;
      this.inner.kv.delete(key);
    },
    list: this.inner.kv.list,
  };
  readonly setAlarm = (time: number): Promise<void> => this.inner.setAlarm(time);
  readonly deleteAlarm = (): Promise<void> => this.inner.deleteAlarm();

  get rows(): number {
    const [{ n } = { n: 0 }] = this.sql.exec<{ n: number }>("SELECT total_changes() AS n").toArray();
    return n + this.#puts + this.inner.alarmsSet;
  }
}

interface LoneRoom {
  readonly core: RoomCore;
  readonly storage: CountingStorage;
  readonly alarms: Alarms<RoomAlarm>;
  /** What it takes for the time; ms since the epoch. */
  now: number;
}

/** A room whose gateways take everything at once. */
const createRoom = (name: string): LoneRoom => {
  const storage = new CountingStorage();
  const alarms = new Alarms<RoomAlarm>(storage, 0);
  const { sql } = storage;
  const room = { storage, alarms, now: 1_000_000_000_000 };
  const core = new RoomCore({
    name,
    epoch: 1,
    store: new SqlSubscriberStore(sql),
    ids: new PublishedIds(sql),
    ...(name.startsWith("user:")
      ? {
          recovery: new Recovery(storage, "epoch", {
            windowMs: WINDOW_MS,
            maxEvents: 1_000,
            heartbeatMs: HEARTBEAT_MS,
          }),
        }
      : { market: new MarketState(sql, name, WINDOW_MS) }),
    transaction: storage.inner.transactionSync,
    alarms,
    deliver: async () => true,
    relay: async () => ({ empty: [], unreached: [] }),
    onLost: () => {},
    onConflated: () => {},
    supersede: () => {},
    presenceLimit: 500,
    fanOutWidth: 256,
    coalesceMs: 0,
    windowMs: WINDOW_MS,
    clock: () => room.now,
    sleep: async () => {},
    after: never,
  });
  return Object.assign(room, { core });
};

/** Ids as long as the service's own. */
const idOf = (index: number): string => String(index).padStart(22, "s");

const joinsOf = (start: number): MembershipOp[] =>
  Array.from({ length: CHANGES }, (_, index) => ({
    op: "join",
    socketId: idOf(start + index),
    userId: `user_${idOf(start + index)}`,
    connection: 1,
    snapshot: true,
  }));

/** Bytes of heap for each subscriber of a room, and µs for each join among `CHANGES` in one call. */
export const measureSubscribers = (): { bytes: number; joinUs: number } => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { core } = createRoom("market:BTC-USD");
  // Warm code first.
  for (let start = 0; start < 10_000; start += CHANGES) core.update("warm-0", joinsOf(1e9 + start));
  collect();
  const before = process.memoryUsage().heapUsed;
  let us = 0;
  for (let start = 0; start < SUBSCRIBERS; start += CHANGES) {
    const joins = joinsOf(start);
    const startedAt = performance.now();
    core.update(`IAD-${(start / CHANGES) % GATEWAYS}`, joins);
    us += (performance.now() - startedAt) * 1_000;
  }
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / SUBSCRIBERS;
  return { bytes, joinUs: us / SUBSCRIBERS };
};

/** Rows written and alarms run. */
export interface Written {
  readonly rows: number;
  readonly alarms: number;
}

const minus = (a: Written, b: Written): Written => ({ rows: a.rows - b.rows, alarms: a.alarms - b.alarms });
const times = ({ rows, alarms }: Written, factor: number): Written => ({
  rows: rows * factor,
  alarms: alarms * factor,
});

const EVENTS = 10;
const MARKETS = 10;
/** Between two events: longer than any deadline but `trim`. */
const PAUSE_MS = 60_000;

/** The whole life of a personal room whose user connects once: until nothing is left of it. */
const lifeOf = async (events: number, markets: number): Promise<Written> => {
  const room = createRoom("user:someone");
  const { core, storage, alarms } = room;
  let ran = 0;
  const passTime = async (until: number): Promise<void> => {
    for (let due = storage.inner.alarmAt; due !== undefined && due <= until; due = storage.inner.alarmAt) {
      room.now = due;
      storage.inner.alarmAt = undefined;
      ran++;
      await alarms.run(
        due,
        (name) => core.alarm(name),
        (_, error) => {
          throw error;
        },
      );
    }
    room.now = until;
  };
  core.update("IAD-0", [{ op: "connect", userId: "someone", socketId: "socket", pid: "pid" }]);
  for (let market = 1; market <= markets; market++) {
    const symbols = Array.from({ length: market }, (_, index) => `SYMBOL-${index}`);
    core.update("IAD-0", [{ op: "subscriptions", socketId: "socket", connection: 1, symbols }]);
  }
  for (let event = 0; event < events; event++) {
    core.publish([{ body: '["credits_granted",{}]', delivery: "durable" }]);
    // The gateway's answer.
    await new Promise(setImmediate);
    await passTime(room.now + PAUSE_MS);
  }
  core.update("IAD-0", [{ op: "leave", socketId: "socket", connection: 1 }]);
  for (let end = 0; !core.empty && end < EVENTS; end++) await passTime(room.now + WINDOW_MS);
  return { rows: storage.rows, alarms: ran };
};

/** What a personal room writes for an event, for a connection, and for a subscription to a market. */
export const countPersonalRoom = async (): Promise<
  Readonly<Record<"event" | "connection" | "subscription", Written>>
> => {
  const connection = await lifeOf(0, 0);
  return {
    connection,
    event: times(minus(await lifeOf(EVENTS, 0), connection), 1 / EVENTS),
    subscription: times(minus(await lifeOf(0, MARKETS), connection), 1 / MARKETS),
  };
};

/** What a gateway writes for one ping interval, as `GatewayHost.alarm` sets its deadlines; the round's time is one row more. */
export const countPingRound = async (intervalMs: number, timeoutMs: number): Promise<Written> => {
  const storage = new CountingStorage();
  const alarms = new Alarms<"ping" | "silence">(storage, 0);
  alarms.set("ping", intervalMs);
  const before = storage.rows;
  let ran = 0;
  for (
    let now = storage.inner.alarmAt ?? 0;
    now < 2 * intervalMs;
    now = storage.inner.alarmAt ?? 2 * intervalMs
  ) {
    ran++;
    await alarms.run(
      now,
      (name) => {
        if (name === "silence") return undefined;
        alarms.ensure("silence", now + timeoutMs);
        return now + intervalMs;
      },
      () => {},
    );
  }
  return { rows: storage.rows - before + 1, alarms: ran };
};
