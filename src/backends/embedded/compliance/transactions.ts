import { MAX_EVENT_BYTES } from "../../../events/catalogue.ts";
import type { StoredTransfer } from "../dataset/compliance-protocol.ts";
import { encodeCursor } from "./cursor.ts";
import { fitting } from "./fitting.ts";

/** One transfer, as the address sees it. */
export interface Transaction {
  readonly hash: string;
  /** Tells the transfers of one transaction apart. */
  readonly position: number;
  /** In ms since the epoch. */
  readonly timestamp: number;
  readonly direction: "in" | "out" | "self";
  readonly counterparty: string;
  readonly asset: string;
  /** A decimal, as it was imported. */
  readonly amount: string;
  /** Null when unknown. */
  readonly usd: number | null;
}

export interface TransactionsPage {
  readonly chain: string;
  readonly address: string;
  readonly transactions: readonly Transaction[];
  readonly nextCursor: string | null;
}

/** What the transactions of a page may take of its event. */
const MAX_PAGE_BYTES = MAX_EVENT_BYTES - 10_000;

/**
 * The first `limit` of the stored transfers, fewer if they would not fit into one event. A page that leaves some out
 * has a cursor, which stands at its last transaction: newer transfers that come in later shift nothing.
 */
export const transactionsPage = (
  chain: string,
  address: string,
  stored: readonly StoredTransfer[],
  limit: number,
): TransactionsPage => {
  const all = stored.map((transfer) => transactionOf(address, transfer));
  const transactions = fitting(all, limit, MAX_PAGE_BYTES);
  const last = transactions.at(-1);
  const nextCursor = last && transactions.length < stored.length ? encodeCursor(chain, address, last) : null;
  return { chain, address, transactions, nextCursor };
};

const transactionOf = (address: string, { from, to, ...transfer }: StoredTransfer): Transaction => {
  const { hash, position, timestamp, asset, amount, usd } = transfer;
  const direction = from === to ? "self" : from === address ? "out" : "in";
  const counterparty = direction === "in" ? from : to;
  return { hash, position, timestamp, direction, counterparty, asset, amount, usd };
};
