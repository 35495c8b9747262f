/** What the entrypoints and `POST /api/credits` say to a ledger over RPC. Amounts are whole credits. */

/** A charge for one request. */
export interface Deduction {
  /** Makes the deduction idempotent: the id of the request. */
  readonly requestId: string;
  /** What is paid for: the name of the request's event. */
  readonly action: string;
  readonly amount: number;
}

export type Deducted =
  | { readonly ok: true; readonly transactionId: string; readonly newBalance: number }
  | { readonly ok: false; readonly required: number; readonly available: number };

/** How the deduction for a request stands; `unknown`: there is none, or it is too old to be kept. */
export type Standing = "settled" | "refunded" | "unknown";

export interface Grant {
  /** Makes the grant idempotent, for ever. */
  readonly transactionId: string;
  readonly amount: number;
  readonly reason: string;
}

/**
 * - `granted`: now
 * - `repeated`: it was granted before; `newBalance` is the balance after that
 * - `conflict`: its `transactionId` was another grant's, of this amount and reason; nothing has been done
 */
export type Granted =
  | { readonly outcome: "granted" | "repeated"; readonly newBalance: number }
  | { readonly outcome: "conflict"; readonly amount: number; readonly reason: string };

export interface Balance {
  readonly balance: number;
  /** All grants. */
  readonly lifetimeEarned: number;
  /** All deductions but the refunded. */
  readonly lifetimeSpent: number;
}

/** All calls are idempotent, so that those that failed in transit are simply made again. */
export interface LedgerRpc {
  /** Takes the amount from the balance and holds it for the request, or takes nothing. */
  deduct(deduction: Deduction): Promise<Deducted>;
  /** The request has had its first result: what was deducted stays so. Says how it stands now. */
  settle(requestId: string): Promise<Standing>;
  /** The request has failed: gives back what is held. Changes nothing that is settled. Says how it stands now. */
  refund(requestId: string): Promise<Standing>;
  grant(grant: Grant): Promise<Granted>;
  /** Of a user who has none yet: what the first request will find. Stores nothing. */
  balance(): Promise<Balance>;
}

/** The ledgers, as the platform binds them. */
export interface Ledgers<M extends keyof LedgerRpc = keyof LedgerRpc> {
  getByName(name: string): Pick<LedgerRpc, M>;
}
