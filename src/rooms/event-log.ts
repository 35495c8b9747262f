import { LazyTable, type Sql, type SqlValue } from "../lib/sql.ts";

export interface LoggedEvent {
  readonly seq: number;
  /** The event's body, its offset being the last argument. */
  readonly body: string;
  readonly socketId?: string;
}

/** A client's offset: what it got last, `<epoch>.<seq>`. */
const OFFSET = /^([A-Za-z0-9_-]{1,32})\.(\d{1,15})$/;

/**
 * The durable events of a personal room (USER-1), numbered from 1 within an epoch, which names this log: offsets of
 * another say nothing here. Events are removed from the oldest on, so what is there is without gaps. Nothing is
 * cached: a transaction that is rolled back leaves no trace.
 */
export class EventLog {
  readonly epoch: string;
  readonly #sql: Sql;
  readonly #events: LazyTable;
  /** One row, made with the first event; `trimmed` is the newest event that has been removed, `settled` see `settle`. */
  readonly #state: LazyTable;

  /** `epoch` names the log if it has had no event. */
  constructor(sql: Sql, epoch: string) {
    this.#sql = sql;
    this.#events = new LazyTable(
      sql,
      "log",
      "(seq INTEGER PRIMARY KEY, at INTEGER, body TEXT, socket_id TEXT)",
    );
    this.#state = new LazyTable(sql, "log_state", "(epoch TEXT, trimmed INTEGER, settled INTEGER)");
    const [state] = this.#rows<{ epoch: string }>("SELECT epoch FROM log_state");
    this.epoch = state?.epoch ?? epoch;
  }

  /** Number of the newest event. */
  get last(): number {
    return this.#number("SELECT coalesce((SELECT max(seq) FROM log), trimmed) AS n FROM log_state");
  }

  /** Number of the newest event that is no longer there. */
  get trimmed(): number {
    return this.#number("SELECT trimmed AS n FROM log_state");
  }

  /** When the oldest event was appended, ms since the epoch. */
  get oldestAt(): number | undefined {
    return this.#rows<{ at: number }>("SELECT at FROM log ORDER BY seq LIMIT 1")[0]?.at;
  }

  append(body: string, socketId: string | undefined, at: number): LoggedEvent {
    this.#events.ensure();
    if (this.#state.ensure()) this.#sql.exec("INSERT INTO log_state VALUES (?, 0, 0)", this.epoch);
    const seq = this.last + 1;
    this.#sql.exec("INSERT INTO log VALUES (?, ?, ?, ?)", seq, at, body, socketId ?? null);
    return this.#event({ seq, body, socketId: socketId ?? null });
  }

  /** All events after `seq`. */
  after(seq: number): LoggedEvent[] {
    return this.#rows<{ seq: number; body: string; socketId: string | null }>(
      "SELECT seq, body, socket_id AS socketId FROM log WHERE seq > ? ORDER BY seq",
      seq,
    ).map((row) => this.#event(row));
  }

  /** Whether the log may be asked for all after `seq`. */
  reaches(seq: number): boolean {
    return seq >= this.trimmed && seq <= this.last;
  }

  /** The number in an offset of this log; `undefined` for anything else. */
  seqOf(offset: string | undefined): number | undefined {
    const [, epoch, seq] = OFFSET.exec(offset ?? "") ?? [];
    return epoch === this.epoch ? Number(seq) : undefined;
  }

  /** Remembers that the events up to `through` have reached the gateways they are for. */
  settle(through = this.last): void {
    if (!this.#state.exists) return;
    // A row that is written is paid for, also if nothing in it has changed.
    this.#sql.exec("UPDATE log_state SET settled = ?1 WHERE settled <> ?1", through);
  }

  /** The events of which that is not known. */
  unsettled(): LoggedEvent[] {
    return this.after(this.#number("SELECT settled AS n FROM log_state"));
  }

  /** Number of the newest of the events that were appended before `before`; 0 if there is none. */
  lastBefore(before: number): number {
    return this.#number("SELECT coalesce(max(seq), 0) AS n FROM log WHERE at < ?", before);
  }

  /** Removes what was appended before `before`, and of the rest all but the newest `maxEvents`; none after `limit`. */
  trim(before: number, maxEvents: number, limit = this.last): void {
    const { last, trimmed } = this;
    const through = Math.min(limit, Math.max(this.lastBefore(before), last - maxEvents));
    if (through <= trimmed) return;
    this.#sql.exec("DELETE FROM log WHERE seq <= ?", through);
    this.#sql.exec("UPDATE log_state SET trimmed = ?", through);
  }

  #event({ seq, body, socketId }: { seq: number; body: string; socketId: string | null }): LoggedEvent {
    const event = { seq, body: `${body.slice(0, -1)},"${this.epoch}.${seq}"]` };
    return socketId === null ? event : { ...event, socketId };
  }

  #number(query: string, ...bindings: number[]): number {
    return this.#rows<{ n: number }>(query, ...bindings)[0]?.n ?? 0;
  }

  #rows<T extends Record<string, SqlValue>>(query: string, ...bindings: number[]): T[] {
    return this.#state.exists ? this.#sql.exec<T>(query, ...bindings).toArray() : [];
  }
}
