import type { Sql } from "../../../lib/sql.ts";
import type { Grant } from "./protocol.ts";

export type DeductionState = "held" | "settled" | "refunded";

export interface StoredDeduction {
  readonly transactionId: string;
  readonly requestId: string;
  readonly action: string;
  readonly amount: number;
  /** After it. */
  readonly balance: number;
  readonly at: number;
  readonly state: DeductionState;
  /** When it is given back if it is still held, ms since the epoch. */
  readonly due: number;
}

export interface StoredGrant extends Grant {
  /** After it. */
  readonly balance: number;
  readonly at: number;
}

type DeductionRow = { -readonly [K in keyof StoredDeduction]: StoredDeduction[K] };
type GrantRow = { -readonly [K in keyof StoredGrant]: StoredGrant[K] };

/** What has moved a ledger's balance. The balance itself does not depend on what is kept here. */
export class SqlTransactions {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  static create(sql: Sql): void {
    sql.exec(`CREATE TABLE deductions (
      seq INTEGER PRIMARY KEY,
      requestId TEXT NOT NULL UNIQUE,
      transactionId TEXT NOT NULL,
      action TEXT NOT NULL,
      amount INTEGER NOT NULL,
      balance INTEGER NOT NULL,
      at INTEGER NOT NULL,
      state TEXT NOT NULL,
      due INTEGER NOT NULL
    )`);
    sql.exec("CREATE INDEX held ON deductions (due) WHERE state = 'held'");
    sql.exec(`CREATE TABLE grants (
      transactionId TEXT PRIMARY KEY,
      amount INTEGER NOT NULL,
      reason TEXT NOT NULL,
      balance INTEGER NOT NULL,
      at INTEGER NOT NULL
    ) WITHOUT ROWID`);
  }

  deduction(requestId: string): StoredDeduction | undefined {
    return this.#sql
      .exec<DeductionRow>("SELECT * FROM deductions WHERE requestId = ?", requestId)
      .toArray()[0];
  }

  addDeduction(deduction: StoredDeduction): void {
    const { requestId, transactionId, action, amount, balance, at, state, due } = deduction;
    this.#sql.exec(
      "INSERT INTO deductions VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)",
      ...[requestId, transactionId, action, amount, balance, at, state, due],
    );
  }

  close(requestId: string, state: Exclude<DeductionState, "held">): void {
    this.#sql.exec("UPDATE deductions SET state = ? WHERE requestId = ?", state, requestId);
  }

  /** The held deductions that are due at `now`, oldest first. */
  due(now: number): StoredDeduction[] {
    const query = "SELECT * FROM deductions WHERE state = 'held' AND due <= ? ORDER BY due, seq";
    return this.#sql.exec<DeductionRow>(query, now).toArray();
  }

  /** When the next held deduction is due, ms since the epoch. */
  get nextDue(): number | undefined {
    const query = "SELECT min(due) AS due FROM deductions WHERE state = 'held'";
    return this.#sql.exec<{ due: number | null }>(query).toArray()[0]?.due ?? undefined;
  }

  grant(transactionId: string): StoredGrant | undefined {
    return this.#sql
      .exec<GrantRow>("SELECT * FROM grants WHERE transactionId = ?", transactionId)
      .toArray()[0];
  }

  addGrant({ transactionId, amount, reason, balance, at }: StoredGrant): void {
    this.#sql.exec("INSERT INTO grants VALUES (?, ?, ?, ?, ?)", transactionId, amount, reason, balance, at);
  }

  /** When the oldest deduction was made, ms since the epoch. */
  get oldestAt(): number | undefined {
    const query = "SELECT at FROM deductions ORDER BY seq LIMIT 1";
    return this.#sql.exec<{ at: number }>(query).toArray()[0]?.at;
  }

  /** Forgets the deductions made at `until` (ms since the epoch) and before that are not held any more; grants are kept. */
  trim(until: number): void {
    // They are stored in the order of time: the first that is younger ends the search.
    this.#sql.exec(
      `DELETE FROM deductions WHERE state <> 'held' AND seq <
        ifnull((SELECT seq FROM deductions WHERE at > ? ORDER BY seq LIMIT 1), 9007199254740991)`,
      until,
    );
  }
}
