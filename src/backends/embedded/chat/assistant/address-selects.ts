/** The SELECTs that answer a question about an address. Pure. */
import { all, inList, LIST_ROWS, type Select, WORTH, where } from "./selects.ts";

/** An address in its normal forms, and the chains that have such addresses. */
export interface AddressForms {
  readonly chains: readonly string[];
  readonly forms: readonly string[];
}

/** Addresses in hexadecimal are the same in upper and lower case. */
export const isHex = (address: string): boolean => /^0x[0-9a-f]+$/i.test(address);

/**
 * The labels of an address, those of sanctions lists first, so that the limit cuts off none of them while it leaves
 * others. On the named chain; else on any, also on those whose addresses are not checked, and are kept as written.
 */
export const addressLabels = (
  address: string,
  { forms }: AddressForms,
  chain: string | undefined,
): Select => {
  const anywhere: Select = isHex(address)
    ? { sql: "lower(address) = ?", params: [address.toLowerCase()] }
    : inList("address", [...new Set([...forms, address])]);
  const labels = chain === undefined ? anywhere : all([inList("chain", [chain]), inList("address", forms)]);
  return {
    sql: `SELECT chain, label, category, jurisdiction, source, as_of FROM address_labels${where(labels)} ORDER BY category = 'sanctions' DESC, chain, label LIMIT ${LIST_ROWS}`,
    params: labels.params,
  };
};

const SENT = "from_address";
const RECEIVED = "to_address";

/** Both directions in one result: a transfer to oneself is in both. */
const bothWays = (select: (direction: string, own: string, other: string) => Select): Select => {
  const received = select("received", RECEIVED, SENT);
  const sent = select("sent", SENT, RECEIVED);
  return {
    sql: `${received.sql} UNION ALL ${sent.sql}`,
    params: [...received.params, ...sent.params],
  };
};

export const addressTransfers = ({ chains, forms }: AddressForms): Select =>
  bothWays((direction, own) => {
    const transfers = all([inList("chain", chains), inList(own, forms)]);
    return {
      sql: `SELECT '${direction}' AS direction, count(*) AS transfers, ${WORTH} FROM transfers${where(transfers)}`,
      params: transfers.params,
    };
  });

/**
 * What an address has sent to, and received from, labelled addresses: its direct exposure. That to sanctioned ones comes
 * first, so that the limit cuts off none of it while it leaves other.
 */
export const addressExposure = ({ chains, forms }: AddressForms): Select => {
  const { sql, params } = bothWays((direction, own, other) => {
    const transfers = all([inList("t.chain", chains), inList(`t.${own}`, forms)]);
    return {
      sql: `SELECT '${direction}' AS direction, l.label AS label, l.category AS category, count(*) AS transfers, ${WORTH} FROM transfers t JOIN address_labels l ON l.chain = t.chain AND l.address = t.${other}${where(transfers)} GROUP BY l.label, l.category`,
      params: transfers.params,
    };
  });
  const order = "category = 'sanctions' DESC, direction, label";
  return {
    sql: `SELECT direction, label, category, transfers, with_usd, usd, synthetic FROM (${sql}) ORDER BY ${order} LIMIT ${LIST_ROWS}`,
    params,
  };
};
