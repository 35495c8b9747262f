import type { Sql } from "../lib/sql.ts";
import { encodeEventBody } from "../socketio/encode.ts";
import { Bars } from "./bars.ts";
import { LatestBars } from "./latest-bars.ts";
import type { Publication } from "./protocol.ts";
import { Snapshot } from "./snapshot.ts";

/** Bars of `market_chart_initial_data`. */
const INITIAL_BARS = 300;

/** Characters of them: a socket may be in 100 rooms, and be sent the state of all of them at once. */
const INITIAL_CHARS = 50_000;

/**
 * - `now`: to be saved together with the ids of what it tells
 * - `later`: to be saved soon; said once, by the first change since the last `save`
 */
export type Saving = "now" | "later" | "none";

/** What a market room keeps of what is published: its bars and, of other events, the newest that tell its state. */
export class MarketState {
  readonly bars: Bars;
  readonly #symbol: string;
  readonly #latest = new LatestBars(INITIAL_BARS, INITIAL_CHARS);
  readonly #snapshot: Snapshot;
  #changed = false;
  /** One array for a batch of joins: their answer carries it once. */
  #bodies: readonly string[] | undefined;

  constructor(sql: Sql, symbol: string, retentionMs: number) {
    this.#symbol = symbol;
    this.bars = new Bars(sql, retentionMs);
    this.#snapshot = new Snapshot(sql);
    for (const venue of this.bars.venues) {
      for (const bar of this.bars.newest(venue, INITIAL_BARS)) this.#latest.add(bar);
    }
  }

  /** Bodies of the events that tell the present state: the latest bars, also if there are none, and the others. */
  get bodies(): readonly string[] {
    this.#bodies ??= [
      encodeEventBody("market_chart_initial_data", [{ symbol: this.#symbol, series: this.#latest.series }]),
      ...this.#snapshot.bodies,
    ];
    return this.#bodies;
  }

  /** Takes what has been published, in order. Changes memory only. */
  add(publications: readonly Publication[]): Saving {
    const changes = publications.filter((publication) => this.#add(publication));
    if (changes.length === 0) return "none";
    const first = !this.#changed;
    this.#changed = true;
    this.#bodies = undefined;
    if (changes.some(({ id }) => id !== undefined)) return "now";
    return first ? "later" : "none";
  }

  save(): void {
    this.bars.save();
    this.#snapshot.save();
    this.#changed = false;
  }

  /** Removes the bars that are too old. Returns whether some are left, see `Bars.trim`. */
  trim(now: number): boolean {
    const more = this.bars.trim(now);
    if (this.#latest.keep(({ venue = "", timestamp }) => timestamp >= this.bars.completeFrom(venue))) {
      this.#bodies = undefined;
    }
    return more;
  }

  #add({ bar, snapshot, body }: Publication): boolean {
    if (bar === undefined) return snapshot !== undefined && this.#snapshot.add(snapshot, body);
    if (!this.bars.add(bar)) return false;
    this.#latest.add(bar);
    return true;
  }
}
