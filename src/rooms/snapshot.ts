import type { Sql } from "../lib/sql.ts";
import type { Publication } from "./protocol.ts";

interface Entry {
  readonly at: number;
  readonly body: string;
}

/** Keys of one room, such as venues: a publisher that makes them up must not fill it. */
const MAX_KEYS = 100;

/**
 * The present state of a market room: of the events with one key the newest. In memory; `save` writes what has
 * changed.
 */
export class Snapshot {
  readonly #sql: Sql;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<string>();
  /** One array for a batch of joins: their answer carries it once. */
  #bodies: readonly string[] | undefined;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS snapshot (key TEXT PRIMARY KEY, at INTEGER, body TEXT) WITHOUT ROWID",
    );
    const rows = sql.exec<{ key: string; at: number; body: string }>("SELECT key, at, body FROM snapshot");
    for (const { key, at, body } of rows.toArray()) this.#entries.set(key, { at, body });
  }

  /** Bodies of the events, from the oldest to the newest. */
  get bodies(): readonly string[] {
    this.#bodies ??= [...this.#entries.values()].sort((a, b) => a.at - b.at).map(({ body }) => body);
    return this.#bodies;
  }

  /** Returns whether it is the first change since the last `save`. */
  add({ snapshot, body }: Pick<Publication, "snapshot" | "body">): boolean {
    if (snapshot === undefined) return false;
    const { key, at } = snapshot;
    const known = this.#entries.get(key);
    if (known === undefined ? this.#entries.size === MAX_KEYS : known.at > at) return false;
    const saved = this.#changed.size === 0;
    this.#entries.set(key, { at, body });
    this.#changed.add(key);
    this.#bodies = undefined;
    return saved;
  }

  save(): void {
    for (const key of this.#changed) {
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      this.#sql.exec("INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?)", key, entry.at, entry.body);
    }
    this.#changed.clear();
  }
}
