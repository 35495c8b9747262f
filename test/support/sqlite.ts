import { DatabaseSync } from "node:sqlite";
import type { AlarmStorage } from "../../src/lib/alarms.ts";
import type { Kv } from "../../src/lib/kv.ts";
import type { Sql, SqlValue } from "../../src/lib/sql.ts";

/** A Durable Object's storage as its modules see it: real SQLite, in memory, which outlives the object. */
export class TestStorage implements AlarmStorage {
  readonly #database = new DatabaseSync(":memory:");
  #values = new Map<string, unknown>();
  /** When the platform would call `alarm()`. */
  alarmAt: number | undefined;
  /** How often that was set: each costs a row written. */
  alarmsSet = 0;
  /** Queries, and `PUT <key>`, that fail, as on a disk that is full. */
  failing: RegExp | undefined;

  readonly sql: Sql = {
    exec: <T extends Record<string, SqlValue>>(query: string, ...bindings: (string | number | null)[]) => {
      if (this.failing?.test(query)) throw new Error("The disk is full.");
      const rows = this.#database.prepare(query).all(...bindings);
      // Rows are what the query says they are.
      return { toArray: () => rows as T[] };
    },
  };

  readonly kv: Kv = {
    // Values are what was put there.
    get: <T>(key: string): T | undefined => structuredClone(this.#values.get(key)) as T | undefined,
    put: <T>(key: string, value: T): void => {
      if (this.failing?.test(`PUT ${key}`)) throw new Error("The disk is full.");
      this.#values.set(key, structuredClone(value));
    },
    delete: (key: string): void => void this.#values.delete(key),
    list: <T>({ prefix }: { readonly prefix: string }): [string, T][] =>
      [...this.#values]
        .filter(([key]) => key.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, value]) => [key, structuredClone(value) as T]),
  };

  async setAlarm(time: number): Promise<void> {
    this.alarmsSet++;
    this.alarmAt = time;
  }

  async deleteAlarm(): Promise<void> {
    this.alarmAt = undefined;
  }

  /** All that `run` stores, or nothing of it if it throws. */
  readonly transactionSync = <T>(run: () => T): T => {
    const values = new Map(this.#values);
    this.#database.exec("SAVEPOINT run");
    try {
      const result = run();
      this.#database.exec("RELEASE run");
      return result;
    } catch (error) {
      this.#values = values;
      this.#database.exec("ROLLBACK TO run; RELEASE run");
      throw error;
    }
  };
}
