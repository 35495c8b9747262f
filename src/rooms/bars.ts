import type { Bar, Quantity } from "../events/bar.ts";
import type { Sql, SqlValue } from "../lib/sql.ts";
import type { TimeRange } from "../lib/time-window.ts";

/** Venues of one room: a publisher that makes them up must not fill it. */
const MAX_VENUES = 100;

/** Bars that one `trim` removes of a venue: no more are worth holding the room up for. */
const MAX_TRIMMED = 10_000;

interface BarRow extends Record<string, SqlValue> {
  timestamp: number;
  open: Quantity;
  high: Quantity;
  low: Quantity;
  close: Quantity;
  volume: Quantity;
}

export interface Page {
  readonly bars: readonly Bar[];
  readonly next: number | undefined;
}

/** What is known of a venue. */
interface Venue {
  /** As stored: a bar without a venue has the empty one. */
  readonly name: string;
  stored: boolean;
  /** All bars before, in ms since the epoch, have been removed. */
  trimmed: number;
  /** Changed since the last `save`, by time. */
  readonly changed: Map<number, Bar>;
}

/**
 * The bars of a market room: of each venue and time the newest state (MKT-1). `add` changes memory only, `save` stores
 * what has changed. Values are stored in columns without a type, so they come out as they went in.
 */
export class Bars {
  readonly #sql: Sql;
  readonly #retentionMs: number;
  readonly #venues = new Map<string, Venue>();

  /** `retentionMs`: how much of each venue is kept, behind its newest bar. */
  constructor(sql: Sql, retentionMs: number) {
    this.#sql = sql;
    this.#retentionMs = retentionMs;
    sql.exec(
      "CREATE TABLE IF NOT EXISTS bars (venue TEXT, timestamp INTEGER, open, high, low, close, volume, PRIMARY KEY (venue, timestamp)) WITHOUT ROWID",
    );
    sql.exec("CREATE TABLE IF NOT EXISTS bar_venues (name TEXT PRIMARY KEY, trimmed INTEGER) WITHOUT ROWID");
    const rows = sql.exec<{ name: string; trimmed: number }>("SELECT name, trimmed FROM bar_venues");
    for (const row of rows.toArray())
      this.#venues.set(row.name, { ...row, stored: true, changed: new Map() });
  }

  /** Names of the venues that have had bars; the empty one stands for bars without a venue. */
  get venues(): string[] {
    return [...this.#venues.keys()];
  }

  /** Takes the state of a bar; false if it is too old, or of one venue too many. */
  add(bar: Bar): boolean {
    const name = bar.venue ?? "";
    let venue = this.#venues.get(name);
    if (venue === undefined) {
      if (this.#venues.size === MAX_VENUES) return false;
      venue = { name, stored: false, trimmed: 0, changed: new Map() };
      this.#venues.set(name, venue);
    }
    if (bar.timestamp < venue.trimmed) return false;
    venue.changed.set(bar.timestamp, bar);
    return true;
  }

  save(): void {
    for (const venue of this.#venues.values()) {
      const { name, stored, changed } = venue;
      if (!stored) this.#sql.exec("INSERT INTO bar_venues VALUES (?, 0)", name);
      venue.stored = true;
      for (const { timestamp, open, high, low, close, volume } of changed.values()) {
        this.#sql.exec(
          "INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?, ?, ?, ?)",
          ...[name, timestamp, open, high, low, close, volume],
        );
      }
      changed.clear();
    }
  }

  /** From when on the venue has all its bars, ms since the epoch. */
  completeFrom(venue: string): number {
    return this.#venues.get(venue)?.trimmed ?? 0;
  }

  /** When the venue's newest bar before `before` begins. */
  newestBefore(venue: string, before: number): number | undefined {
    const [row] = this.#sql
      .exec<{ n: number | null }>(
        "SELECT max(timestamp) AS n FROM bars WHERE venue = ? AND timestamp < ?",
        venue,
        before,
      )
      .toArray();
    let newest = row?.n ?? undefined;
    for (const time of this.#venues.get(venue)?.changed.keys() ?? []) {
      if (time < before && (newest === undefined || time > newest)) newest = time;
    }
    return newest;
  }

  /**
   * The venue's oldest bars of a range, in the order of their time: those before `next`, where the rest begins, if there
   * may be more. A page holds `limit` bars, and those among them that have not been saved yet.
   */
  page(venue: string, { from, to }: TimeRange, limit: number): Page {
    const rows = this.#sql
      .exec<BarRow>(
        "SELECT timestamp, open, high, low, close, volume FROM bars WHERE venue = ? AND timestamp >= ? AND timestamp < ? ORDER BY timestamp LIMIT ?",
        ...[venue, from, to, limit],
      )
      .toArray();
    const last = rows.length < limit ? undefined : rows.at(-1)?.timestamp;
    const next = last === undefined ? undefined : last + 1;
    return { bars: this.#withChanged(venue, { from, to: next ?? to }, rows), next };
  }

  /** The venue's `count` newest bars, in the order of their time. */
  newest(venue: string, count: number): Bar[] {
    const rows = this.#sql
      .exec<BarRow>(
        "SELECT timestamp, open, high, low, close, volume FROM bars WHERE venue = ? ORDER BY timestamp DESC LIMIT ?",
        ...[venue, count],
      )
      .toArray();
    return rows.reverse().map((row) => barOf(venue, row));
  }

  /** Removes the bars that are too old, a bar that begins after `now` making none old. Returns whether some are left. */
  trim(now: number): boolean {
    this.save();
    let more = false;
    for (const venue of this.#venues.values()) {
      const newest = this.newestBefore(venue.name, now + 1);
      if (newest !== undefined && this.#trim(venue, newest - this.#retentionMs)) more = true;
    }
    return more;
  }

  #trim(venue: Venue, before: number): boolean {
    const { name } = venue;
    const through = this.#sql
      .exec<{ timestamp: number }>(
        "SELECT timestamp FROM bars WHERE venue = ? AND timestamp < ? ORDER BY timestamp LIMIT ?",
        ...[name, before, MAX_TRIMMED],
      )
      .toArray();
    const last = through.at(-1)?.timestamp;
    if (last === undefined) return false;
    this.#sql.exec("DELETE FROM bars WHERE venue = ? AND timestamp <= ?", name, last);
    const more = through.length === MAX_TRIMMED;
    venue.trimmed = Math.max(venue.trimmed, more ? last + 1 : before);
    this.#sql.exec("UPDATE bar_venues SET trimmed = ? WHERE name = ?", venue.trimmed, name);
    return more;
  }

  /** Bars of a range as they are now: as stored, but for those that have changed since. */
  #withChanged(venue: string, { from, to }: TimeRange, rows: readonly BarRow[]): Bar[] {
    const changed = this.#venues.get(venue)?.changed;
    const bars = rows.map((row) => barOf(venue, row));
    const newer = [...(changed?.values() ?? [])].filter(
      ({ timestamp }) => timestamp >= from && timestamp < to,
    );
    if (newer.length === 0) return bars;
    const byTime = new Map([...bars, ...newer].map((bar) => [bar.timestamp, bar]));
    return [...byTime.values()].sort((a, b) => a.timestamp - b.timestamp);
  }
}

const barOf = (venue: string, { timestamp, open, high, low, close, volume }: BarRow): Bar => {
  const bar = { open, high, low, close, volume, timestamp };
  return venue === "" ? bar : { ...bar, venue };
};
