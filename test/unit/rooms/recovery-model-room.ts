import { Alarms } from "../../../src/lib/alarms.ts";
import { callRetrying } from "../../../src/lib/rpc.ts";
import { Bars } from "../../../src/rooms/bars.ts";
import { MarketState } from "../../../src/rooms/market-state.ts";
import type { Connected, MembershipAnswer, MembershipOp, Publication } from "../../../src/rooms/protocol.ts";
import { PublishedIds } from "../../../src/rooms/published-ids.ts";
import { Recovery } from "../../../src/rooms/recovery.ts";
import type { RoomAlarm } from "../../../src/rooms/retention.ts";
import { RoomCore } from "../../../src/rooms/room.ts";
import { SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import type { SubscriberRow } from "../../../src/rooms/subscribers.ts";
import { TestStorage } from "../../support/sqlite.ts";
import type { World } from "./recovery-model.ts";
import type { Life } from "./recovery-model-network.ts";
import { storedSubscribers } from "./stored-subscribers.ts";

/** How long a gateway may take to notice that a client has gone. */
const HEARTBEAT_MS = 60_000;
const MAX_EVENTS = 3;

/** Longer than any run. */
const RETENTION_MS = 1_000_000_000;

/** A durable event that the room has accepted. */
export interface Accepted {
  readonly n: number;
  readonly socketId: string | undefined;
  readonly at: number;
}

/** One life of a room's object: wired as in `room-do.ts`. */
class RoomLife implements Life {
  dead = false;
  busy = 0;
  readonly core: RoomCore;
  readonly alarms: Alarms<RoomAlarm>;
  readonly recovery: Recovery | undefined;

  constructor(world: World, name: string, storage: TestStorage) {
    const { sql } = storage;
    const clock = () => world.now;
    // Later lives of the room have later epochs.
    const epoch = ++world.now;
    this.alarms = new Alarms<RoomAlarm>(storage, 0);
    const options = { windowMs: world.windowMs, maxEvents: MAX_EVENTS, heartbeatMs: HEARTBEAT_MS };
    const [kind, symbol = ""] = name.split(":");
    this.recovery = kind === "user" ? new Recovery(storage, `log${world.createId()}`, options) : undefined;
    this.core = new RoomCore({
      name,
      epoch,
      store: new SqlSubscriberStore(sql),
      ids: new PublishedIds(sql),
      ...(this.recovery === undefined
        ? { market: new MarketState(sql, symbol, RETENTION_MS) }
        : { recovery: this.recovery }),
      transaction: storage.transactionSync,
      alarms: this.alarms,
      deliver: (gateway, frames) =>
        world.network.call(this, () =>
          world.gateway(gateway).life.subscriptions.deliver(name, epoch, frames),
        ),
      relay: async () => {
        throw new Error("A room of so few gateways needs no relay.");
      },
      onLost: () => {
        world.framesLost = true;
      },
      onConflated: () => {},
      fanOutWidth: 1_000,
      coalesceMs: 0,
      supersede: (gateway, socketId, connection) => {
        callRetrying(
          () =>
            world.network.call(this, () => world.gateway(gateway).life.supersede(name, socketId, connection)),
          (ms) => world.sleep(this, ms),
        ).catch(() => {
          world.framesLost = true;
        });
      },
      presenceLimit: 500,
      windowMs: world.windowMs,
      clock,
      sleep: (ms) => world.sleep(this, ms),
      after: (ms, run) => world.after(this, ms, run),
    });
  }
}

/** A room's object, with what the model knows of it. */
export class Room {
  readonly #world: World;
  readonly name: string;
  storage = new TestStorage();
  #life: RoomLife | undefined;
  /** The durable events it has accepted, ever. */
  readonly accepted: Accepted[] = [];
  /** How many of them are older than the log: an empty room is deleted. */
  #before = 0;
  readonly #ids = new Map<string, number>();
  /** The times of the bars that it has accepted, ever, and of those that it has. */
  readonly published: number[] = [];
  #bars: number[] = [];
  /** The bars that a connection of a socket was told of when it joined, time by time. */
  readonly told = new Map<string, string[]>();
  /** It has died before it had saved its newest bars. */
  forgetful = false;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
  }

  /** The object in memory: it is started by whatever comes for it. */
  get #now(): RoomLife {
    this.#life ??= new RoomLife(this.#world, this.name, this.storage);
    return this.#life;
  }

  /** How many of the accepted events are no longer in the log. */
  get trimmed(): number {
    return this.#before + (this.#now.recovery?.log.trimmed ?? 0);
  }

  get subscribers(): SubscriberRow[] {
    return storedSubscribers(this.name, this.storage);
  }

  /** Memory is gone, and with it what waits to be delivered. */
  restart(): void {
    if (this.#life === undefined) return;
    this.#life.dead = true;
    this.#life = undefined;
    this.#world.framesLost = true;
    if (this.#bars.length === 0) return;
    const saved = new Bars(this.storage.sql, RETENTION_MS).newest("", this.#bars.length);
    if (saved.length < this.#bars.length) this.forgetful = true;
    this.#bars = saved.map(({ timestamp }) => timestamp);
  }

  update(gateway: string, ops: readonly MembershipOp[]): MembershipAnswer[] {
    const answers = this.#now.core.update(gateway, ops);
    for (const [index, op] of ops.entries()) {
      if (op.op === "connect") this.#connected(answers[index] as Connected);
      if (op.op !== "join" || op.snapshot !== true) continue;
      const key = `${op.socketId} ${op.connection}`;
      this.told.set(key, [...(this.told.get(key) ?? []), this.#bars.join()]);
    }
    return answers;
  }

  publish(publications: readonly (Publication & { readonly n: number })[]): void {
    const world = this.#world;
    const outcomes = this.#now.core.publish(publications);
    for (const [index, { id, n, delivery, socketId, bar }] of publications.entries()) {
      const known = id === undefined ? undefined : this.#ids.get(id);
      const fresh = known !== undefined && world.now - known <= world.windowMs ? "duplicate" : "accepted";
      const outcome = outcomes[index];
      if (outcome !== fresh && (known === undefined || fresh === "duplicate")) {
        world.faults.push(`${id ?? n} is ${outcome}, not ${fresh}`);
      }
      if (outcome !== "accepted") continue;
      if (id !== undefined) this.#ids.set(id, world.now);
      if (delivery === "durable") this.accepted.push({ n, socketId, at: world.now });
      if (bar === undefined) continue;
      this.published.push(bar.timestamp);
      this.#bars.push(bar.timestamp);
    }
  }

  async alarm(): Promise<void> {
    const world = this.#world;
    const { core, alarms, recovery } = this.#now;
    const { trimmed } = this;
    this.storage.alarmAt = undefined;
    await alarms.run(
      world.now,
      (name) => core.alarm(name),
      (name, error) => void world.faults.push(`alarm ${name} failed: ${error}`),
    );
    if (recovery !== undefined) this.#checkTrim(trimmed);
    if (!core.empty) return;
    this.#before = this.accepted.length;
    this.storage = new TestStorage();
    this.#life = undefined;
  }

  #connected({ pid, socketId, recovered }: Connected): void {
    const { sessions } = this.#world;
    if (!recovered)
      sessions.set(pid, { pid, socketId, base: this.accepted.length, ended: false, shared: false, aged: 0 });
  }

  /** Removed is only what is too old, or too much. */
  #checkTrim(before: number): void {
    const { now, clients, faults, windowMs } = this.#world;
    const { trimmed, accepted } = this;
    for (const { n, at } of accepted.slice(Math.max(before, accepted.length - MAX_EVENTS), trimmed)) {
      if (now - at <= windowMs) faults.push(`${n} is removed too soon`);
    }
    // A room that finds in its log what every connected client has had for long asks none of them for it.
    const old = accepted.filter(({ at }) => now - at > Math.max(windowMs, HEARTBEAT_MS)).length;
    if (old <= before || trimmed < old) return;
    for (const client of clients) {
      if (client.session !== undefined && client.isOn(this.name)) client.session.aged = old;
    }
  }
}
