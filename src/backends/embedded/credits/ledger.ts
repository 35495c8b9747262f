import type { Alarms } from "../../../lib/alarms.ts";
import type { Clock } from "../../../lib/clock.ts";
import type { Sql } from "../../../lib/sql.ts";
import type { Publication, PublishOutcome } from "../../../rooms/protocol.ts";
import { encodeEventBody } from "../../../socketio/encode.ts";
import { type Account, SqlAccount } from "./account.ts";
import { Outbox } from "./outbox.ts";
import type { Balance, Deducted, Deduction, Grant, Granted, Standing } from "./protocol.ts";
import { SqlTransactions, type StoredDeduction } from "./transactions.ts";

/**
 * - `lapse`: a deduction may have been held for too long
 * - `publish`: movements may not have reached the personal room
 * - `trim`: deductions may have grown too old to be kept
 */
export type LedgerAlarm = "lapse" | "publish" | "trim";

export interface LedgerDeps {
  readonly applicationId: string;
  readonly sql: Sql;
  /** Makes all that `run` stores, or nothing of it, durable. */
  readonly transaction: <T>(run: () => T) => T;
  readonly alarms: Pick<Alarms<LedgerAlarm>, "ensure">;
  /** Publishes into the user's personal room; see `RoomRpc.publish`. */
  readonly publish: (publications: readonly Publication[]) => Promise<readonly PublishOutcome[]>;
  readonly onPublishError: (error: unknown) => void;
  /** Credits that the account is opened with; 0 for none. */
  readonly welcome: number;
  /** How long a deduction is held that is neither settled nor refunded: longer than any request runs. */
  readonly holdMs: number;
  readonly clock: Clock;
  /** Makes a transaction id. */
  readonly newId: () => string;
}

/** Deductions are kept so long; grants, whose ids are the backends', for ever. */
export const RETENTION_MS = 30 * 24 * 3_600_000;

const TRIM_EVERY_MS = 24 * 3_600_000;
const PUBLISH_RETRY_MS = 5_000;

type Moved = { readonly event: "credits_deducted" | "credits_granted"; readonly data: object };

/** The credits of one user in one application: never below zero, always all that was earned less all that was spent. */
export class LedgerCore {
  readonly #deps: LedgerDeps;
  readonly #account: SqlAccount;
  readonly #transactions: SqlTransactions;
  readonly #outbox: Outbox;
  #opened: boolean;

  constructor(deps: LedgerDeps) {
    const { sql, applicationId, publish, onPublishError } = deps;
    this.#deps = deps;
    this.#account = new SqlAccount(sql);
    this.#transactions = new SqlTransactions(sql);
    this.#outbox = new Outbox({ sql, prefix: `ledger:${applicationId}:`, publish, onError: onPublishError });
    this.#opened = this.#account.exists;
  }

  /** See `LedgerRpc.deduct`. A refusal is not remembered: the same request may find more credits later. */
  deduct({ requestId, action, amount }: Deduction): Deducted {
    const now = this.#deps.clock();
    return this.#move(() => {
      this.#open(now);
      const known = this.#transactions.deduction(requestId);
      if (known !== undefined) {
        return { ok: true, transactionId: known.transactionId, newBalance: known.balance };
      }
      const account = this.#account.get();
      if (account.balance < amount) return { ok: false, required: amount, available: account.balance };
      const transactionId = this.#deps.newId();
      const newBalance = account.balance - amount;
      const due = now + this.#deps.holdMs;
      this.#transactions.addDeduction({
        ...{ requestId, transactionId, action, amount },
        ...{ balance: newBalance, at: now, state: "held", due },
      });
      this.#record(
        { ...account, balance: newBalance, lifetimeSpent: account.lifetimeSpent + amount },
        {
          event: "credits_deducted",
          data: { amount, newBalance, action, transactionId, timestamp: now },
        },
      );
      // Times grow, so the one that is set is the earliest.
      this.#deps.alarms.ensure("lapse", due);
      this.#deps.alarms.ensure("trim", now + RETENTION_MS);
      return { ok: true, transactionId, newBalance };
    });
  }

  /** See `LedgerRpc.settle`. */
  settle(requestId: string): Standing {
    return this.#close(requestId, () => {
      this.#transactions.close(requestId, "settled");
      return "settled";
    });
  }

  /** See `LedgerRpc.refund`. */
  refund(requestId: string): Standing {
    return this.#close(requestId, (deduction) => {
      this.#giveBack(deduction);
      return "refunded";
    });
  }

  /** See `LedgerRpc.grant`. */
  grant(grant: Grant): Granted {
    const { transactionId, amount, reason } = grant;
    const now = this.#deps.clock();
    return this.#move((): Granted => {
      this.#open(now);
      const known = this.#transactions.grant(transactionId);
      if (known === undefined) return { outcome: "granted", newBalance: this.#add(grant, now) };
      return known.amount === amount && known.reason === reason
        ? { outcome: "repeated", newBalance: known.balance }
        : { outcome: "conflict", amount: known.amount, reason: known.reason };
    });
  }

  /** See `LedgerRpc.balance`. */
  balance(): Balance {
    const { welcome } = this.#deps;
    if (!this.#opened) return { balance: welcome, lifetimeEarned: welcome, lifetimeSpent: 0 };
    const { balance, lifetimeEarned, lifetimeSpent } = this.#account.get();
    return { balance, lifetimeEarned, lifetimeSpent };
  }

  /** Does what is due, and returns when to do it again (ms since the epoch), if ever. */
  alarm(name: LedgerAlarm): number | undefined {
    const { clock } = this.#deps;
    switch (name) {
      case "lapse":
        return this.#move(() => {
          for (const deduction of this.#transactions.due(clock())) this.#giveBack(deduction);
          return this.#transactions.nextDue;
        });
      case "publish":
        if (this.#outbox.empty) return undefined;
        // Not awaited: a room that does not answer must not hold up what else is due.
        void this.#outbox.flush({ retry: true });
        return clock() + PUBLISH_RETRY_MS;
      case "trim":
        this.#transactions.trim(clock() - RETENTION_MS);
        return this.#trimAt(clock());
      default:
        return name satisfies never;
    }
  }

  #trimAt(now: number): number | undefined {
    const { oldestAt } = this.#transactions;
    return oldestAt === undefined ? undefined : Math.max(oldestAt + RETENTION_MS, now + TRIM_EVERY_MS);
  }

  #close(requestId: string, close: (deduction: StoredDeduction) => Standing): Standing {
    if (!this.#opened) return "unknown";
    const deduction = this.#transactions.deduction(requestId);
    if (deduction === undefined) return "unknown";
    const { state } = deduction;
    return state === "held" ? this.#move(() => close(deduction)) : state;
  }

  #giveBack({ requestId, transactionId, amount }: StoredDeduction): void {
    const account = this.#account.get();
    const newBalance = account.balance + amount;
    this.#transactions.close(requestId, "refunded");
    this.#record(
      { ...account, balance: newBalance, lifetimeSpent: account.lifetimeSpent - amount },
      {
        event: "credits_granted",
        data: {
          ...{ amount, newBalance, reason: "refund" },
          ...{ transactionId: `${transactionId}-refund`, timestamp: this.#deps.clock() },
        },
      },
    );
  }

  /** The first movement of all opens the account. */
  #open(now: number): void {
    const { sql, welcome, newId } = this.#deps;
    if (this.#opened) return;
    SqlAccount.create(sql);
    SqlTransactions.create(sql);
    Outbox.create(sql);
    this.#opened = true;
    if (welcome > 0) this.#add({ transactionId: newId(), amount: welcome, reason: "welcome" }, now);
  }

  /** Returns the balance after the grant. */
  #add({ transactionId, amount, reason }: Grant, now: number): number {
    const account = this.#account.get();
    const newBalance = account.balance + amount;
    this.#transactions.addGrant({ transactionId, amount, reason, balance: newBalance, at: now });
    this.#record(
      { ...account, balance: newBalance, lifetimeEarned: account.lifetimeEarned + amount },
      { event: "credits_granted", data: { amount, newBalance, reason, transactionId, timestamp: now } },
    );
    return newBalance;
  }

  /** Stores what the account has become, and what its user is to be told. */
  #record(account: Account, { event, data }: Moved): void {
    const movements = account.movements + 1;
    const { balance: newBalance, lifetimeEarned, lifetimeSpent } = account;
    const { applicationId, alarms, clock } = this.#deps;
    const balance = { newBalance, lifetimeEarned, lifetimeSpent, applicationId };
    this.#account.put({ ...account, movements });
    this.#outbox.add(
      movements,
      encodeEventBody(event, [data]),
      encodeEventBody("credit_balance_updated", [balance]),
    );
    alarms.ensure("publish", clock() + PUBLISH_RETRY_MS);
  }

  /** Stores a movement wholly or not at all, then sends it on its way: the caller does not wait for the room. */
  #move<T>(run: () => T): T {
    const result = this.#deps.transaction(run);
    void this.#outbox.flush();
    return result;
  }
}
