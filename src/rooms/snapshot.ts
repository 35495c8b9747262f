import type { Sql } from "../lib/sql.ts";

interface Entry {
  readonly at: number;
  readonly body: string;
}

/** Keys of one room: a publisher that makes them up must not fill it. */
const MAX_KEYS = 100;

/** Of the events with one key the newest. In memory; `save` writes what has changed. */
export class Snapshot {
  readonly #sql: Sql;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<string>();

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS latest_events (key TEXT PRIMARY KEY, at INTEGER, body TEXT) WITHOUT ROWID",
    );
    const rows = sql.exec<{ key: string; at: number; body: string }>(
      "SELECT key, at, body FROM latest_events",
    );
    for (const { key, at, body } of rows.toArray()) this.#entries.set(key, { at, body });
  }

  /** Bodies of the events, from the oldest to the newest. */
  get bodies(): string[] {
    return [...this.#entries.values()].sort((a, b) => a.at - b.at).map(({ body }) => body);
  }

  /** Takes an event; false if a newer one is known, or it is of one key too many. */
  add({ key, at }: { readonly key: string; readonly at: number }, body: string): boolean {
    const known = this.#entries.get(key);
    if (known === undefined ? this.#entries.size === MAX_KEYS : known.at > at) return false;
    this.#entries.set(key, { at, body });
    this.#changed.add(key);
    return true;
  }

  save(): void {
    for (const key of this.#changed) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      this.#sql.exec("INSERT OR REPLACE INTO latest_events VALUES (?, ?, ?)", key, entry.at, entry.body);
    }
    this.#changed.clear();
  }
}
