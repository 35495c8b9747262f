import type { Sql, SqlValue } from "../../../lib/sql.ts";
import type {
  AddressLabel,
  AddressPage,
  OnChain,
  SideTransfer,
  StoredTransfer,
  TransfersAnswer,
  TransfersQuery,
} from "./compliance-protocol.ts";

/** Transfers that one call reads: for longer the dataset should not be busy with it. */
const MAX_ROWS = 5_000;

interface LabelRow extends Record<string, SqlValue> {
  address: string;
  label: string;
  category: string;
  jurisdiction: string;
  source: string;
  as_of: string;
}

interface TransferRow extends Record<string, SqlValue> {
  timestamp: number;
  hash: string;
  position: number;
  from_address: string;
  to_address: string;
  asset: string;
  amount: string;
  usd: number | null;
}

interface SideRow extends Record<string, SqlValue> {
  counterparty: string;
  timestamp: number;
  asset: string;
  amount: string;
  usd: number | null;
}

const LABEL_COLUMNS = "l.address, l.label, l.category, l.jurisdiction, l.source, l.as_of";

/** Newest first; (timestamp, hash, position) is the rest of the indexes by sender and by receiver. */
const NEWEST_FIRST = "ORDER BY timestamp DESC, hash DESC, position DESC";

/** Reads transfers by address, and what addresses are labelled with. Times are in ms since the epoch. */
export class AddressStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  labels(chain: string, address: string): OnChain<readonly AddressLabel[]> {
    return this.#onChain(chain, () => this.#labelsOf(chain, [address]));
  }

  page({ chain, address, limit, after }: AddressPage): OnChain<readonly StoredTransfer[]> {
    return this.#onChain(chain, () => {
      const older = after ? "AND (timestamp, hash, position) < (?, ?, ?)" : "";
      const key = after ? [after.timestamp, after.hash, after.position] : [];
      const columns = "timestamp, hash, position, from_address, to_address, asset, amount, usd";
      // Each half is read in the order of its index, no further than the page reaches.
      const half = (mine: string, others: string) =>
        `SELECT * FROM (SELECT ${columns} FROM transfers WHERE chain = ? AND ${mine} = ? ${others} ${older}
         ${NEWEST_FIRST} LIMIT ?)`;
      const rows = this.#sql
        .exec<TransferRow>(
          `${half("from_address", "")} UNION ALL ${half("to_address", "AND from_address <> to_address")}
           ${NEWEST_FIRST} LIMIT ?`,
          ...[chain, address, ...key, limit],
          ...[chain, address, ...key, limit],
          limit,
        )
        .toArray();
      return rows.map(({ from_address: from, to_address: to, ...row }) => ({ ...row, from, to }));
    });
  }

  transfers({ chain, side, addresses, perAddress }: TransfersQuery): TransfersAnswer {
    const found: { address: string; transfers: SideTransfer[]; more: boolean }[] = [];
    const counterparties = new Set<string>();
    let rows = 0;
    for (const { address, time } of addresses) {
      if (rows >= MAX_ROWS) break;
      const transfers = this.#side(chain, side, address, time, perAddress + 1);
      const more = transfers.length > perAddress;
      if (more) transfers.pop();
      for (const { counterparty } of transfers) counterparties.add(counterparty);
      found.push({ address, transfers, more });
      rows += transfers.length;
    }
    return { addresses: found, labels: this.#labelsOf(chain, [...counterparties]) };
  }

  #side(
    chain: string,
    side: TransfersQuery["side"],
    address: string,
    time: number,
    limit: number,
  ): SideRow[] {
    const [mine, theirs, bound] =
      side === "in"
        ? ["to_address", "from_address", "timestamp <= ?"]
        : ["from_address", "to_address", "timestamp >= ?"];
    return this.#sql
      .exec<SideRow>(
        `SELECT ${theirs} AS counterparty, timestamp, asset, amount, usd FROM transfers
         WHERE chain = ? AND ${mine} = ? AND ${theirs} <> ${mine} AND ${bound} ${NEWEST_FIRST} LIMIT ?`,
        ...[chain, address, time, limit],
      )
      .toArray();
  }

  #labelsOf(chain: string, addresses: readonly string[]): AddressLabel[] {
    return this.#sql
      .exec<LabelRow>(
        `SELECT ${LABEL_COLUMNS} FROM json_each(?) AS asked
         CROSS JOIN address_labels AS l ON l.chain = ? AND l.address = asked.value`,
        JSON.stringify(addresses),
        chain,
      )
      .toArray()
      .map(({ as_of: asOf, ...label }) => ({ ...label, asOf }));
  }

  #onChain<T>(chain: string, read: () => T): OnChain<T> {
    return this.#hasChain(chain) ? { known: true, value: read() } : { known: false, chains: this.#chains() };
  }

  #hasChain(chain: string): boolean {
    const query = `SELECT EXISTS (SELECT 1 FROM transfers WHERE chain = ?)
      OR EXISTS (SELECT 1 FROM address_labels WHERE chain = ?) AS found`;
    return this.#sql.exec<{ found: number }>(query, chain, chain).toArray()[0]?.found === 1;
  }

  /** Steps from one chain to the next: the index holds a row for every transfer. */
  #chains(): string[] {
    const next = (bound: string) =>
      `(SELECT min(chain) FROM (SELECT min(chain) AS chain FROM transfers ${bound}
        UNION ALL SELECT min(chain) FROM address_labels ${bound}))`;
    return this.#sql
      .exec<{ chain: string }>(
        `WITH RECURSIVE chains(chain) AS (
           SELECT ${next("")} UNION ALL
           SELECT ${next("WHERE chain > chains.chain")} FROM chains WHERE chain IS NOT NULL)
         SELECT chain FROM chains WHERE chain IS NOT NULL`,
      )
      .toArray()
      .map(({ chain }) => chain);
  }
}
