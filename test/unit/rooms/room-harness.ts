import { Alarms } from "../../../src/lib/alarms.ts";
import { MarketState } from "../../../src/rooms/market-state.ts";
import type { Frame } from "../../../src/rooms/protocol.ts";
import { PublishedIds } from "../../../src/rooms/published-ids.ts";
import { Recovery } from "../../../src/rooms/recovery.ts";
import type { RoomAlarm } from "../../../src/rooms/retention.ts";
import { RoomCore } from "../../../src/rooms/room.ts";
import { SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import { Deferred, FakeClock, FakeTimers, settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { storedSubscribers } from "./stored-subscribers.ts";

interface Call {
  readonly gateway: string;
  readonly frames: readonly Frame[];
  readonly answer: Deferred<boolean>;
}

/** A room over real storage and alarms; its gateways answer when the test says so. */
export class RoomHarness {
  /** How long ids, events and sessions are kept. */
  static readonly WINDOW = 100_000;
  static readonly MAX_EVENTS = 10;
  /** How much of a venue's bars is kept. */
  static readonly RETENTION = 50_000;

  readonly storage = new TestStorage();
  readonly clock = new FakeClock();
  /** Of the object's present life. */
  timers = new FakeTimers();
  /** Deliveries that are not answered yet. */
  readonly calls: Call[] = [];
  readonly lost: unknown[][] = [];
  readonly superseded: (readonly [gateway: string, socketId: string, connection: number])[] = [];
  readonly #name: string;
  #epoch = 0;
  #alarms!: Alarms<RoomAlarm>;
  core!: RoomCore;

  constructor(name: string) {
    this.#name = name;
    this.start();
  }

  /** The object starts anew on its storage. */
  start({ presenceLimit = 500, fanOutWidth = 10, coalesceMs = 0 } = {}): void {
    const { sql } = this.storage;
    const { WINDOW: windowMs, MAX_EVENTS: maxEvents, RETENTION } = RoomHarness;
    this.timers = new FakeTimers();
    this.#alarms = new Alarms(this.storage, 0);
    this.core = new RoomCore({
      name: this.#name,
      epoch: ++this.#epoch,
      store: new SqlSubscriberStore(sql),
      ids: new PublishedIds(sql),
      ...(this.#name.startsWith("user:")
        ? {
            recovery: new Recovery(this.storage, `E${this.#epoch}`, {
              windowMs,
              maxEvents,
              heartbeatMs: 1_000,
            }),
          }
        : { market: new MarketState(sql, this.#name.slice("market:".length), RETENTION) }),
      transaction: this.storage.transactionSync,
      alarms: this.#alarms,
      deliver: (gateway, frames) => {
        const answer = new Deferred<boolean>();
        this.calls.push({ gateway, frames, answer });
        return answer.promise;
      },
      relay: async () => {
        throw new Error("A room of few gateways needs no relay.");
      },
      onLost: (...args) => void this.lost.push(args),
      onConflated: () => {},
      supersede: (...args) => void this.superseded.push(args),
      ...{ presenceLimit, fanOutWidth, coalesceMs },
      windowMs,
      clock: this.clock.read,
      sleep: async () => {},
      after: this.timers.after,
    });
  }

  /** The platform runs the object's alarm, which is consumed by that. */
  async alarm(): Promise<void> {
    this.storage.alarmAt = undefined;
    await this.#alarms.run(
      this.clock.now,
      (name) => this.core.alarm(name),
      (_, error) => {
        throw error;
      },
    );
  }

  /** When `name` is due. */
  due(name: RoomAlarm): number | undefined {
    return this.#alarms.at(name);
  }

  /** The sockets that are stored, as `<gateway>/<socket>`. */
  sockets(): string[] {
    const rows = storedSubscribers(this.#name, this.storage);
    return rows.map(({ gateway, socketId }) => `${gateway}/${socketId}`).sort();
  }

  /** What was handed to gateways since the last look, answered as held: gateway, position and event. */
  async take(): Promise<[string, number, unknown][]> {
    const taken: [string, number, unknown][] = [];
    for (let call = this.calls.shift(); call !== undefined; call = this.calls.shift()) {
      for (const { seq, body } of call.frames) taken.push([call.gateway, seq, JSON.parse(body)]);
      call.answer.resolve(true);
      await settled();
    }
    return taken;
  }
}
