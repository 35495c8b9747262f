import { type LedgerAlarm, LedgerCore } from "../../../../../src/backends/embedded/credits/ledger.ts";
import { Alarms } from "../../../../../src/lib/alarms.ts";
import type { Publication, PublishOutcome } from "../../../../../src/rooms/protocol.ts";
import { FakeClock, settled } from "../../../../support/fakes.ts";
import { TestStorage } from "../../../../support/sqlite.ts";

/** An event as the personal room got it. */
export interface Told {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * - `accept`: takes all
 * - `lose-call`: fails before it has done anything
 * - `lose-answer`: takes all, and fails to say so
 * - a number: is overloaded after so many events
 * - `hang`: never answers
 */
export type RoomMood = "accept" | "lose-call" | "lose-answer" | "hang" | number;

/** The personal room as a ledger sees it: each id counts once. */
export class FakeRoom {
  readonly told: Told[] = [];
  readonly calls: (readonly Publication[])[] = [];
  mood: RoomMood = "accept";
  readonly #ids = new Set<string>();

  readonly publish = async (publications: readonly Publication[]): Promise<readonly PublishOutcome[]> => {
    this.calls.push(publications);
    const { mood } = this;
    if (mood === "hang") return new Promise(() => {});
    if (mood === "lose-call") throw new Error("The room is gone.");
    const taken = typeof mood === "number" ? mood : publications.length;
    const outcomes = publications.map((publication, index): PublishOutcome => {
      if (index >= taken) return "overloaded";
      return this.#take(publication);
    });
    if (mood === "lose-answer") throw new Error("The answer is lost.");
    return outcomes;
  };

  #take({ id = "", body }: Publication): PublishOutcome {
    if (this.#ids.has(id)) return "duplicate";
    this.#ids.add(id);
    const [event, data] = JSON.parse(body) as [string, Told["data"]];
    this.told.push({ event, data });
    return "accepted";
  }
}

/** A ledger over real SQLite and real alarms, and a room that behaves as the test says. */
export class LedgerHarness {
  static readonly HOLD = 60_000;

  readonly storage = new TestStorage();
  readonly clock = new FakeClock();
  readonly room = new FakeRoom();
  readonly errors: unknown[] = [];
  readonly #welcome: number;
  #ids = 0;
  #life = 0;
  #alarms!: Alarms<LedgerAlarm>;
  core!: LedgerCore;

  constructor({ welcome = 100 } = {}) {
    this.#welcome = welcome;
    this.start();
  }

  /** The object starts anew on its storage; what its last life was waiting for reaches nobody. */
  start(): void {
    const life = ++this.#life;
    this.#alarms = new Alarms(this.storage, 0);
    this.core = new LedgerCore({
      applicationId: "app_1",
      sql: this.storage.sql,
      transaction: this.storage.transactionSync,
      alarms: this.#alarms,
      publish: async (publications) => {
        const outcomes = await this.room.publish(publications);
        return life === this.#life ? outcomes : new Promise(() => {});
      },
      onPublishError: (error) => void this.errors.push(error),
      welcome: this.#welcome,
      holdMs: LedgerHarness.HOLD,
      clock: this.clock.read,
      newId: () => `txn_${++this.#ids}`,
    });
  }

  /** When the object's alarm rings, if it is set. */
  get alarmAt(): number | undefined {
    return this.storage.alarmAt;
  }

  /** Time passes; the alarm rings as often as it is due. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now + ms;
    for (;;) {
      const at = this.storage.alarmAt;
      if (at === undefined || at > end) break;
      this.clock.now = Math.max(this.clock.now, at);
      await this.ring();
    }
    this.clock.now = end;
  }

  /** What the platform does when the alarm is due. */
  async ring(): Promise<void> {
    this.storage.alarmAt = undefined;
    await this.#alarms.run(
      this.clock.now,
      (name) => this.core.alarm(name),
      (_, error) => void this.errors.push(error),
    );
    await settled();
  }

  rows(table: string): number {
    const [row] = this.storage.sql.exec<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).toArray();
    return row?.n ?? 0;
  }
}
