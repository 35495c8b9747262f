import type { Alarms } from "../../../lib/alarms.ts";
import type { Clock } from "../../../lib/clock.ts";
import { err, ok, type Result } from "../../../lib/result.ts";
import type { Sql } from "../../../lib/sql.ts";
import type { Turn } from "./engine.ts";
import { charactersOf, fitted, MAX_CHARACTERS } from "./turn.ts";

/** A message and its answer are two. */
export const MAX_MESSAGES = 50;

/** How long a conversation is kept after its last message. */
export const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;

/** How long the one who answers may go without a call: then it is taken to be gone. */
export const TURN_LEASE_MS = 90_000;

/** When to ask again whether a message has been answered. */
const BUSY_RETRY_S = 2;

export type ConversationAlarm = "expire";

/**
 * What was said in one conversation: its newest turns, as many as fit; the very newest always, cut if it must be. One
 * message is answered at a time: an answer has to know the ones before. Which one that is survives the object, which
 * may be put away between two calls.
 */
export class ConversationCore {
  readonly #sql: Sql;
  readonly #alarms: Alarms<ConversationAlarm>;
  readonly #clock: Clock;

  constructor(sql: Sql, alarms: Alarms<ConversationAlarm>, clock: Clock) {
    this.#sql = sql;
    this.#alarms = alarms;
    this.#clock = clock;
    sql.exec(`CREATE TABLE IF NOT EXISTS turns (
      position INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      message TEXT NOT NULL,
      context TEXT NOT NULL,
      at INTEGER NOT NULL,
      answer TEXT NOT NULL,
      characters INTEGER NOT NULL
    )`);
    sql.exec(`CREATE TABLE IF NOT EXISTS answering (
      only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
      id TEXT NOT NULL,
      until INTEGER NOT NULL
    )`);
    // Also of a conversation that never gets an answer nothing stays.
    alarms.ensure("expire", clock() + MAX_AGE_MS);
  }

  /** The turns so far, oldest first; or, while another message is being answered, in how many seconds to try again. */
  begin(id: string): Result<Turn[], number> {
    const now = this.#clock();
    const [other] = this.#sql
      .exec<{ id: string; until: number }>("SELECT id, until FROM answering")
      .toArray();
    if (other !== undefined && other.id !== id && now < other.until) return err(BUSY_RETRY_S);
    this.#sql.exec("INSERT OR REPLACE INTO answering VALUES (1, ?, ?)", id, now + TURN_LEASE_MS);
    return ok(this.turns());
  }

  /** Says that the message is still being answered. */
  renew(id: string): void {
    this.#sql.exec("UPDATE answering SET until = ? WHERE id = ?", this.#clock() + TURN_LEASE_MS, id);
  }

  /**
   * Keeps the turn of the message that is being answered, and lets go of what no longer fits beside it: the oldest
   * first. True also if it has been kept before; false, and nothing is kept, if it is another that is being answered,
   * or none.
   */
  keep(id: string, turn: Turn): boolean {
    if (this.#has("SELECT 1 AS found FROM turns WHERE id = ?", id)) return true;
    if (!this.#has("SELECT 1 AS found FROM answering WHERE id = ?", id)) return false;
    const kept = fitted(turn);
    const { message, context, at, answer } = kept;
    this.#sql.exec(
      "INSERT INTO turns (id, message, context, at, answer, characters) VALUES (?, ?, ?, ?, ?, ?)",
      ...[id, message, context, at, answer, charactersOf(kept)],
    );
    this.#sql.exec(
      `DELETE FROM turns WHERE position <= (SELECT max(position) FROM (
        SELECT position, row_number() OVER newest AS turns, sum(characters) OVER newest AS characters
        FROM turns WINDOW newest AS (ORDER BY position DESC ROWS UNBOUNDED PRECEDING)
      ) WHERE turns > ? OR characters > ?)`,
      ...[MAX_MESSAGES / 2, MAX_CHARACTERS],
    );
    this.#alarms.set("expire", this.#clock() + MAX_AGE_MS);
    this.release(id);
    return true;
  }

  release(id: string): void {
    this.#sql.exec("DELETE FROM answering WHERE id = ?", id);
  }

  turns(): Turn[] {
    return this.#sql
      .exec<{ message: string; context: string; at: number; answer: string }>(
        "SELECT message, context, at, answer FROM turns ORDER BY position",
      )
      .toArray();
  }

  #has(sql: string, id: string): boolean {
    return this.#sql.exec(sql, id).toArray().length > 0;
  }
}
