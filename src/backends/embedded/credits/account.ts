import { hasTable, type Sql } from "../../../lib/sql.ts";
import type { Balance } from "./protocol.ts";

export interface Account extends Balance {
  /** How often the balance has moved. */
  readonly movements: number;
}

interface Row extends Record<string, number> {
  balance: number;
  earned: number;
  spent: number;
  movements: number;
}

/** The account of a ledger in its database: one row, once there is one. */
export class SqlAccount {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  static create(sql: Sql): void {
    sql.exec(`CREATE TABLE account (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      balance INTEGER NOT NULL CHECK (balance >= 0 AND balance = earned - spent),
      earned INTEGER NOT NULL,
      spent INTEGER NOT NULL,
      movements INTEGER NOT NULL
    )`);
    sql.exec("INSERT INTO account VALUES (1, 0, 0, 0, 0)");
  }

  /** Whether there is one; finding that there is none stores nothing. */
  get exists(): boolean {
    return hasTable(this.#sql, "account");
  }

  get(): Account {
    const [row] = this.#sql.exec<Row>("SELECT balance, earned, spent, movements FROM account").toArray();
    if (row === undefined) throw new Error("The account has lost its row.");
    const { balance, earned, spent, movements } = row;
    return { balance, lifetimeEarned: earned, lifetimeSpent: spent, movements };
  }

  put({ balance, lifetimeEarned, lifetimeSpent, movements }: Account): void {
    this.#sql.exec(
      "UPDATE account SET balance = ?, earned = ?, spent = ?, movements = ?",
      ...[balance, lifetimeEarned, lifetimeSpent, movements],
    );
  }
}
