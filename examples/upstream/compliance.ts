import type { DatabaseSync } from "node:sqlite";
import { type Call, invalid, notFound, type Said } from "./contract.ts";
import { rangeOf } from "./range.ts";

/** Hexadecimal addresses are kept in lower case. */
const normal = (address: string): string => (/^0x/i.test(address) ? address.toLowerCase() : address);

const checkKnown = (data: DatabaseSync, chain: string, address: string): void => {
  const known = data
    .prepare(
      `SELECT 1 FROM transfers WHERE chain = :chain AND :address IN (from_address, to_address)
        UNION ALL SELECT 1 FROM address_labels WHERE chain = :chain AND address = :address LIMIT 1`,
    )
    .get({ chain, address });
  if (known === undefined) throw notFound(`Nothing is known of this address on ${chain}. Check both.`);
};

const score = (hops: number): number => 100 / 2 ** hops;

const levelOf = (riskScore: number): string =>
  riskScore >= 50 ? "high" : riskScore >= 12.5 ? "medium" : riskScore > 0 ? "low" : "none";

/**
 * Looks for labels of sanctions among the senders before an address, hop by hop. The score is 100 for a listed
 * address, and half as much for each hop between it and the nearest that is listed.
 */
export function* analysis(data: DatabaseSync, { payload }: Call<"address_analysis">): Generator<Said> {
  const began = performance.now();
  const { chain, hops = 2 } = payload;
  const address = normal(payload.address);
  checkKnown(data, chain, address);
  yield { event: "address_analysis_started", data: {} };

  const labels = data.prepare("SELECT * FROM address_labels WHERE chain = ? AND address = ?");
  const senders = data.prepare(
    "SELECT DISTINCT from_address AS address FROM transfers WHERE chain = ? AND to_address = ?",
  );
  const seen = new Set([address]);
  const signals: { readonly hops: number; readonly [detail: string]: unknown }[] = [];
  let frontier = [address];
  for (let hop = 0; hop <= hops; hop++) {
    for (const at of frontier) {
      for (const { category, label, source, as_of } of labels.all(chain, at)) {
        if (category === "sanctions")
          signals.push({ type: category, address: at, hops: hop, label, source, as_of });
      }
    }
    frontier = frontier
      .flatMap((at) => senders.all(chain, at).map(({ address }) => String(address)))
      .filter((sender) => !seen.has(sender) && seen.add(sender));
    const pct = Math.round((100 * (hop + 1)) / (hops + 1));
    yield { event: "address_analysis_progress", data: { stage: `hop ${hop} of ${hops}`, pct } };
  }
  const riskScore = signals[0] === undefined ? 0 : score(signals[0].hops);
  yield {
    event: "address_analysis_response",
    data: { riskScore, riskLevel: levelOf(riskScore), clusters: [], signals },
  };
  const durationMs = Math.round(performance.now() - began);
  yield { event: "address_analysis_completed", data: { durationMs } };
}

/** An address's transfers, newest first. The cursor is the last one of the page before. */
export function* transactions(
  data: DatabaseSync,
  { payload }: Call<"address_transactions">,
): Generator<Said> {
  const { chain, limit = 50, cursor } = payload;
  const address = normal(payload.address);
  checkKnown(data, chain, address);
  const [timestamp, hash, position] = cursor === undefined ? [Number.MAX_SAFE_INTEGER, "", 0] : parse(cursor);
  const rows = data
    .prepare(
      `SELECT hash, position, timestamp, from_address, to_address, asset, amount, usd FROM transfers
        WHERE chain = :chain AND :address IN (from_address, to_address)
          AND (timestamp, hash, position) < (:timestamp, :hash, :position)
        ORDER BY timestamp DESC, hash DESC, position DESC LIMIT :limit`,
    )
    .all({ chain, address, timestamp, hash, position, limit: limit + 1 });
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1) : undefined;
  yield {
    event: "address_transactions_response",
    data: {
      chain,
      address,
      transactions: page,
      nextCursor: last ? btoa(JSON.stringify([last.timestamp, last.hash, last.position])) : null,
    },
  };
}

const parse = (cursor: string): [timestamp: number, hash: string, position: number] => {
  try {
    const [timestamp, hash, position] = JSON.parse(atob(cursor));
    return [Number(timestamp), String(hash), Number(position)];
  } catch {
    throw invalid("The cursor is none of an answer of address_transactions.");
  }
};

/** What went from addresses of one jurisdiction to those of the other, day by day, where its value is known. */
export function* flows(data: DatabaseSync, { payload }: Call<"cross_border_flows">): Generator<Said> {
  const { corridor, window } = payload;
  const [, from, to] = /^([A-Z]{2})-([A-Z]{2})$/.exec(corridor) ?? [];
  if (!from || !to) throw invalid("Write the corridor as two country codes, such as US-MX.");
  const range = rangeOf(window);
  const labelled = data.prepare("SELECT 1 FROM address_labels WHERE jurisdiction = ?");
  const unknown = [from, to].find((code) => labelled.get(code) === undefined);
  if (unknown) throw notFound(`No address is known to be in ${unknown}.`);
  const days = data.prepare(
    `SELECT date(timestamp / 1000, 'unixepoch') AS day, count(*) AS transfers,
        sum(CAST(round(usd * 100) AS INTEGER)) / 100.0 AS usd
      FROM transfers
      JOIN address_labels AS sender ON sender.chain = transfers.chain AND sender.address = from_address
      JOIN address_labels AS receiver ON receiver.chain = transfers.chain AND receiver.address = to_address
      WHERE sender.jurisdiction = ? AND receiver.jurisdiction = ? AND usd IS NOT NULL
        AND timestamp >= ? AND timestamp < ?
      GROUP BY day ORDER BY day`,
  );
  const along = (direction: string, ...ends: [string, string]) =>
    days.all(...ends, range.from, range.to).map((row) => ({ direction, ...row }));
  const outbound = along("outbound", from, to);
  const inbound = along("inbound", to, from);
  const total = (list: readonly object[]): string =>
    list.reduce((sum, row) => sum + ("usd" in row ? Number(row.usd) : 0), 0).toFixed(2);
  yield {
    event: "cross_border_flows_response",
    data: {
      corridor,
      flows: [...outbound, ...inbound],
      totalsUSD: { outbound: total(outbound), inbound: total(inbound) },
    },
  };
}
