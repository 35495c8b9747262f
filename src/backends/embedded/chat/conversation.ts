import type { Alarms } from "../../../lib/alarms.ts";
import type { Clock } from "../../../lib/clock.ts";
import { err, ok, type Result } from "../../../lib/result.ts";
import type { Sql } from "../../../lib/sql.ts";
import type { Turn } from "./engine.ts";

/** A message and its answer are two. */
export const MAX_MESSAGES = 50;

/** Of all turns together, in UTF-16 code units: messages, contexts and answers. */
export const MAX_CHARACTERS = 64_000;

/** How long a conversation is kept after its last message. */
export const MAX_AGE_MS = 30 * 24 * 60 * 60 * 1_000;

/** How long an answer may take without a word: then whoever wrote it is taken to be gone. */
export const TURN_LEASE_MS = 90_000;

/** When to ask again whether a message has been answered. */
const BUSY_RETRY_S = 2;

export type ConversationAlarm = "expire";

/**
 * What was said in one conversation: its newest whole turns, as many as fit. One message is answered at a time: an
 * answer has to know the ones before. That a message is being answered is kept in memory only: if the object dies, the
 * next message is let in.
 */
export class ConversationCore {
  readonly #sql: Sql;
  readonly #alarms: Alarms<ConversationAlarm>;
  readonly #clock: Clock;
  #answering: { readonly id: string; readonly until: number } | undefined;

  constructor(sql: Sql, alarms: Alarms<ConversationAlarm>, clock: Clock) {
    this.#sql = sql;
    this.#alarms = alarms;
    this.#clock = clock;
    sql.exec(`CREATE TABLE IF NOT EXISTS turns (
      position INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      message TEXT NOT NULL,
      context TEXT NOT NULL,
      answer TEXT NOT NULL,
      characters INTEGER NOT NULL
    )`);
    // Also of a conversation that never gets an answer nothing stays.
    if (alarms.at("expire") === undefined) alarms.set("expire", clock() + MAX_AGE_MS);
  }

  /** The turns so far, oldest first; or, while another message is being answered, in how many seconds to try again. */
  begin(id: string): Result<Turn[], number> {
    const now = this.#clock();
    const other = this.#answering;
    if (other !== undefined && other.id !== id && now < other.until) return err(BUSY_RETRY_S);
    this.#answering = { id, until: now + TURN_LEASE_MS };
    return ok(this.turns());
  }

  /** Says that the message is still being answered. */
  renew(id: string): void {
    if (this.#answering?.id === id) this.#answering = { id, until: this.#clock() + TURN_LEASE_MS };
  }

  /** Keeps a turn, once, and lets go of what no longer fits beside it: the oldest first. */
  keep(id: string, { message, context, answer }: Turn): void {
    this.#sql.exec(
      "INSERT OR IGNORE INTO turns (id, message, context, answer, characters) VALUES (?, ?, ?, ?, ?)",
      ...[id, message, context, answer, message.length + context.length + answer.length],
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
  }

  release(id: string): void {
    if (this.#answering?.id === id) this.#answering = undefined;
  }

  turns(): Turn[] {
    return this.#sql
      .exec<{ message: string; context: string; answer: string }>(
        "SELECT message, context, answer FROM turns ORDER BY position",
      )
      .toArray();
  }
}
