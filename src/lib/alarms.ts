import type { Kv } from "./kv.ts";

/** The part of `DurableObjectStorage` that alarms need. */
export interface AlarmStorage {
  readonly kv: Pick<Kv, "get" | "put">;
  setAlarm(time: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

const KEY = "alarms";

/** When work that was begun, and did not end well, is begun again. */
const RETRY_MS = 5_000;

/** The platform repeats an alarm that fails for about two minutes: what is overdue for longer, in ms, has no alarm any more. */
const GIVEN_UP_MS = 300_000;

/**
 * Named deadlines over the one alarm a Durable Object has. Deadlines are stored, because the object that set
 * one may be gone when it comes due; the stored alarm is touched only when the earliest deadline changes,
 * since each `setAlarm` is billed as a row written.
 */
export class Alarms<Name extends string> {
  readonly #storage: AlarmStorage;
  readonly #deadlines: Map<Name, number>;
  #armedAt: number | undefined;

  /** `now` in ms since the epoch. */
  constructor(storage: AlarmStorage, now: number) {
    this.#storage = storage;
    this.#deadlines = new Map(Object.entries(storage.kv.get<Record<string, number>>(KEY) ?? {})) as Map<
      Name,
      number
    >;
    this.#armedAt = this.#earliest();
    if (this.#armedAt !== undefined && this.#armedAt < now - GIVEN_UP_MS)
      void storage.setAlarm(this.#armedAt);
  }

  /** When `name` is due (ms since the epoch), or `undefined`. */
  at(name: Name): number | undefined {
    return this.#deadlines.get(name);
  }

  /** Sets or moves a deadline. */
  set(name: Name, time: number): void {
    if (this.#deadlines.get(name) === time) return;
    this.#deadlines.set(name, time);
    this.#store();
  }

  /** Sets a deadline, unless it is set. */
  ensure(name: Name, time: number): void {
    if (!this.#deadlines.has(name)) this.set(name, time);
  }

  clear(name: Name): void {
    if (this.#deadlines.delete(name)) this.#store();
  }

  /**
   * The object's `alarm()`: does what is due at `now`, earliest first. `due` returns when to do it again (ms since the
   * epoch), if ever; one that fails comes again. Stored is only what comes of it, since each write is billed: the platform
   * repeats an alarm whose object has died meanwhile, and what was due is due then, too.
   */
  async run(
    now: number,
    due: (name: Name) => number | undefined | Promise<number | undefined>,
    onError: (name: Name, error: unknown) => void,
  ): Promise<void> {
    // Until it is known when each comes again: what sets another deadline meanwhile stores these, too.
    for (const name of this.#take(now, now + RETRY_MS)) {
      try {
        const next = await due(name);
        if (next === undefined) this.#deadlines.delete(name);
        else this.#deadlines.set(name, next);
      } catch (error) {
        // The retry stands: a deadline lost to a failure would be a heartbeat that never beats again.
        onError(name, error);
      }
    }
    this.#store();
  }

  /** Returns the names that are due at `now`, earliest first, each moved to `retryAt` for the case that the work fails. */
  takeDue(now: number, retryAt: number): Name[] {
    const due = this.#take(now, retryAt);
    this.#store();
    return due;
  }

  #take(now: number, retryAt: number): Name[] {
    const due = [...this.#deadlines].filter(([, time]) => time <= now).sort((a, b) => a[1] - b[1]);
    for (const [name] of due) this.#deadlines.set(name, retryAt);
    // The platform has consumed its alarm by now: the next one is to be armed anew.
    this.#armedAt = undefined;
    return due.map(([name]) => name);
  }

  #store(): void {
    this.#storage.kv.put(KEY, Object.fromEntries(this.#deadlines));
    const earliest = this.#earliest();
    if (earliest === this.#armedAt) return;
    this.#armedAt = earliest;
    // Not awaited: the output gate holds what the object says until the write is durable.
    if (earliest === undefined) void this.#storage.deleteAlarm();
    else void this.#storage.setAlarm(earliest);
  }

  #earliest(): number | undefined {
    let earliest: number | undefined;
    for (const time of this.#deadlines.values()) {
      if (earliest === undefined || time < earliest) earliest = time;
    }
    return earliest;
  }
}
