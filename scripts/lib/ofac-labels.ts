import { parse } from "csv-parse/sync";
import * as z from "zod";
import { normalizeAddress } from "../../src/backends/embedded/compliance/addresses.ts";

/** A row of the table `address_labels`, as a file for the importer has it. */
export interface LabelRow {
  readonly chain: string;
  readonly address: string;
  readonly label: string;
  readonly category: string;
  readonly jurisdiction: string;
  readonly source: string;
  readonly as_of: string;
}

/** The date of the list that is shipped. */
export const OFAC_AS_OF = "2024-09-27";

/** The chains of the list's tickers. Tokens, which live on several chains, go by the form of the address. */
const CHAINS: Readonly<Record<string, string>> = {
  ARB: "arbitrum",
  BCH: "bitcoin-cash",
  BSC: "bsc",
  BSV: "bitcoin-sv",
  BTG: "bitcoin-gold",
  DASH: "dash",
  ETC: "ethereum-classic",
  ETH: "ethereum",
  LTC: "litecoin",
  SOL: "solana",
  TRX: "tron",
  XBT: "bitcoin",
  XMR: "monero",
  XRP: "ripple",
  XVG: "verge",
  ZEC: "zcash",
};

const TOKENS: Readonly<Record<string, readonly string[]>> = {
  USDC: ["ethereum"],
  // On bitcoin by the Omni layer.
  USDT: ["ethereum", "tron", "bitcoin"],
};

const listed = z.array(z.strictObject({ asset: z.string(), address: z.string() }));

/**
 * The labels of OFAC's list (CSV of asset and address), ordered by chain and address. An address that is listed for
 * several assets of one chain is one label.
 * @throws Error for a ticker without a chain, and for what is no address of its chain: the list must be looked at.
 */
export const ofacLabels = (csv: string): LabelRow[] => {
  const labels = new Map<string, LabelRow>();
  for (const { asset, address } of listed.parse(parse(csv, { columns: true }))) {
    const [chain, normal] = place(asset, address);
    labels.set(`${chain},${normal}`, {
      chain,
      address: normal,
      label: "OFAC SDN",
      category: "sanctions",
      // The list of addresses does not say where their owners are.
      jurisdiction: "",
      source: "US Treasury OFAC SDN list",
      as_of: OFAC_AS_OF,
    });
  }
  return [...labels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, label]) => label);
};

const place = (asset: string, address: string): [chain: string, address: string] => {
  const chain = CHAINS[asset];
  const candidates = chain === undefined ? TOKENS[asset] : [chain];
  // One address is listed as XBT although only Tron has addresses of its form.
  for (const candidate of [...(candidates ?? []), ...(asset === "XBT" ? ["tron"] : [])]) {
    const normal = normalizeAddress(candidate, address);
    if (normal.ok) return [candidate, normal.value];
  }
  throw new Error(`No chain for ${asset} ${address}.`);
};
