import Big from "big.js";
import type { Sql, SqlValue } from "../../../lib/sql.ts";
import type { CorridorFlow, CorridorQuery, CorridorSlice } from "./compliance-protocol.ts";

/** Transfers that one slice looks at: for longer the dataset should not be busy with it. */
const MAX_ROWS = 5_000;

interface Row extends Record<string, SqlValue> {
  timestamp: number;
  chain: string;
  hash: string;
  position: number;
  usd: number | null;
  /** Jurisdictions, joined by commas; null when there are none. */
  sender: string | null;
  receiver: string | null;
}

const jurisdictionsOf = (column: string): string =>
  `(SELECT group_concat(DISTINCT l.jurisdiction) FROM address_labels AS l
    WHERE l.chain = t.chain AND l.address = t.${column} AND l.jurisdiction <> '')`;

/** Transfers between labelled jurisdictions. */
export class CorridorStore {
  readonly #sql: Sql;
  readonly #maxRows: number;

  constructor(sql: Sql, maxRows = MAX_ROWS) {
    this.#sql = sql;
    this.#maxRows = maxRows;
  }

  labelledIn(jurisdictions: readonly string[]): Record<string, number> {
    const rows = this.#sql
      .exec<{ jurisdiction: string; addresses: number }>(
        `SELECT jurisdiction, count(*) AS addresses
         FROM (SELECT DISTINCT jurisdiction, chain, address FROM address_labels
               WHERE jurisdiction IN (SELECT value FROM json_each(?)))
         GROUP BY jurisdiction`,
        JSON.stringify(jurisdictions),
      )
      .toArray();
    const counted = new Map(rows.map(({ jurisdiction, addresses }) => [jurisdiction, addresses]));
    return Object.fromEntries(jurisdictions.map((code) => [code, counted.get(code) ?? 0]));
  }

  slice({ from, to, start, end, after }: CorridorQuery): CorridorSlice {
    const key = after ? [after.timestamp, after.chain, after.hash, after.position] : [];
    const rows = this.#sql
      .exec<Row>(
        `SELECT timestamp, chain, hash, position, usd,
           ${jurisdictionsOf("from_address")} AS sender, ${jurisdictionsOf("to_address")} AS receiver
         FROM transfers AS t WHERE timestamp >= ? AND timestamp < ?
         ${after ? "AND (timestamp, chain, hash, position) > (?, ?, ?, ?)" : ""}
         ORDER BY timestamp, chain, hash, position LIMIT ?`,
        // The bound that the index goes by must not be the window's own: each slice would begin there again.
        ...[after?.timestamp ?? start, end, ...key, this.#maxRows],
      )
      .toArray();
    const last = rows.length < this.#maxRows ? undefined : rows.at(-1);
    return {
      ...sum(rows, from, to),
      ...(last && {
        next: { timestamp: last.timestamp, chain: last.chain, hash: last.hash, position: last.position },
      }),
    };
  }
}

const sum = (rows: readonly Row[], from: string, to: string): Omit<CorridorSlice, "next"> => {
  const flows = new Map<
    string,
    { day: string; direction: CorridorFlow["direction"]; usd: Big; count: number; unvalued: number }
  >();
  let ambiguous = 0;
  for (const { timestamp, usd, sender, receiver } of rows) {
    const senders = sender?.split(",") ?? [];
    const receivers = receiver?.split(",") ?? [];
    const outbound = senders.includes(from) && receivers.includes(to);
    const inbound = senders.includes(to) && receivers.includes(from);
    if (!outbound && !inbound) continue;
    if (senders.length > 1 || receivers.length > 1) {
      ambiguous++;
      continue;
    }
    const day = new Date(timestamp).toISOString().slice(0, 10);
    const direction = outbound ? "outbound" : "inbound";
    const key = `${day} ${direction}`;
    const flow = flows.get(key) ?? { day, direction, usd: Big(0), count: 0, unvalued: 0 };
    flow.count++;
    if (usd === null) flow.unvalued++;
    else flow.usd = flow.usd.plus(usd);
    flows.set(key, flow);
  }
  return { flows: [...flows.values()].map((flow) => ({ ...flow, usd: flow.usd.toFixed() })), ambiguous };
};
