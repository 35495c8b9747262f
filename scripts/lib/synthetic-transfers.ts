/**
 * A made-up sample of transfers, so that the compliance requests of a fresh checkout have something to find. None of
 * it happened: not the transfers, not their hashes, and not that sanctioned addresses took part in them. All of it
 * follows from the text "ledgercore synthetic", so that it can be told and made again.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { createBase58check, hex, utf8 } from "@scure/base";
import type { LabelRow } from "./ofac-labels.ts";

/** A row of the table `transfers`, as a file for the importer has it. */
export interface TransferRow {
  readonly chain: string;
  readonly hash: string;
  readonly position: number;
  readonly timestamp: number;
  readonly from_address: string;
  readonly to_address: string;
  readonly asset: string;
  readonly amount: string;
  /** With cents; empty when unknown. */
  readonly usd: string;
}

/** All transfers lie in these days, the last included. */
export const SYNTHETIC_FROM = "2024-07-01";
export const SYNTHETIC_TO = "2024-09-26";

const START = Date.parse(SYNTHETIC_FROM);
const MINUTES = (Date.parse(SYNTHETIC_TO) - START) / 60_000 + 24 * 60;

const CHAINS = ["bitcoin", "ethereum", "tron"] as const;
type Chain = (typeof CHAINS)[number];

/** Prices are made up too, and do not move. In cents. */
const ASSETS: Readonly<Record<Chain, readonly { readonly asset: string; readonly cents: bigint }[]>> = {
  bitcoin: [{ asset: "BTC", cents: 6_000_000n }],
  ethereum: [
    { asset: "ETH", cents: 250_000n },
    { asset: "USDT", cents: 100n },
    { asset: "USDC", cents: 100n },
  ],
  tron: [{ asset: "USDT", cents: 100n }],
};

/** Services that are labelled, on each chain. */
const SERVICES: readonly { readonly category: string; readonly jurisdiction: string }[] = [
  { category: "exchange", jurisdiction: "US" },
  { category: "exchange", jurisdiction: "MX" },
  { category: "exchange", jurisdiction: "DE" },
  { category: "exchange", jurisdiction: "SG" },
  { category: "exchange", jurisdiction: "GB" },
  { category: "exchange", jurisdiction: "NG" },
  { category: "merchant", jurisdiction: "US" },
  { category: "merchant", jurisdiction: "MX" },
  { category: "merchant", jurisdiction: "SG" },
  { category: "gambling", jurisdiction: "GB" },
  { category: "mixer", jurisdiction: "" },
  { category: "scam", jurisdiction: "" },
];

const WALLETS = 12;

/** Really on OFAC's list of 2024-09-27; what is said of them here is made up. */
const SANCTIONED: Readonly<Record<Chain, string>> = {
  bitcoin: "123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX",
  ethereum: "0x8589427373d6d84e98730d7795d8f6f8731fda16",
  tron: "TUCsTq7TofTCJRRoHk6RvhMoS2mJLm5Yzq",
};

const CORRIDORS = ["US-MX", "US-MX", "MX-US", "DE-SG", "SG-DE", "US-GB", "GB-NG", "NG-US"] as const;

const base58check = createBase58check(sha256);

const digest = (what: string): Uint8Array => sha256(utf8.decode(`ledgercore synthetic ${what}`));

/** A number from 0 up to `below`, which follows from `what`. */
const draw = (what: string, below: number): number => new DataView(digest(what).buffer).getUint32(0) % below;

const pick = <T>(what: string, from: readonly T[]): T => {
  const picked = from[draw(what, from.length)];
  if (picked === undefined) throw new Error("Nothing to pick from.");
  return picked;
};

/** Of valid form: the hash in it is of no key, but of the text. */
const addressOf = (chain: Chain, n: number): string => {
  const hash = digest(String(n)).subarray(0, 20);
  switch (chain) {
    case "bitcoin":
      return base58check.encode(Uint8Array.of(0x00, ...hash));
    case "ethereum":
      return `0x${hex.encode(hash)}`;
    case "tron":
      return base58check.encode(Uint8Array.of(0x41, ...hash));
    default:
      return chain satisfies never;
  }
};

const serviceAddress = (chain: Chain, service: number): string => addressOf(chain, service);
const walletAddress = (chain: Chain, wallet: number): string => addressOf(chain, 1_000 + wallet);

/** A service of the category or of the jurisdiction. */
const someService = (what: string, chain: Chain, matches: (service: (typeof SERVICES)[number]) => boolean) =>
  serviceAddress(chain, SERVICES.indexOf(pick(what, SERVICES.filter(matches))));

export const syntheticLabels = (): LabelRow[] =>
  CHAINS.flatMap((chain) =>
    SERVICES.map(({ category, jurisdiction }, n) => ({
      chain,
      address: serviceAddress(chain, n),
      label: `synthetic ${category}${jurisdiction && ` ${jurisdiction}`}`,
      category,
      jurisdiction,
      source: "synthetic sample (made up)",
      as_of: SYNTHETIC_TO,
    })),
  );

/** Who pays whom in the `n`th transfer of a chain. */
const partiesOf = (chain: Chain, n: number): [from: string, to: string] => {
  const what = `${chain} parties ${n}`;
  const wallet = walletAddress(chain, draw(`${what} wallet`, WALLETS));
  const rated = (category: string) => someService(what, chain, (service) => service.category === category);
  switch (n % 10) {
    case 0:
      // Some wallets have dealt with a sanctioned address, a mixer or a scam; the others with them.
      return [SANCTIONED[chain], walletAddress(chain, draw(what, 3))];
    case 1:
      return [rated("mixer"), walletAddress(chain, 3 + draw(what, 2))];
    case 2:
      return [wallet, pick(what, [rated("scam"), rated("gambling"), SANCTIONED[chain]])];
    case 3:
      return [rated("exchange"), wallet];
    case 4:
      return [
        wallet,
        walletAddress(chain, (draw(`${what} wallet`, WALLETS) + 1 + draw(what, WALLETS - 1)) % WALLETS),
      ];
    case 5:
      return [wallet, someService(what, chain, ({ category }) => category === "merchant")];
    default: {
      const [from, to] = pick(what, CORRIDORS).split("-");
      return [
        someService(`${what} from`, chain, ({ jurisdiction }) => jurisdiction === from),
        someService(`${what} to`, chain, ({ jurisdiction }) => jurisdiction === to),
      ];
    }
  }
};

/** How many transactions each chain has. */
const TRANSACTIONS = 120;

/** The transfers, ordered by time. */
export const syntheticTransfers = (): TransferRow[] =>
  CHAINS.flatMap((chain) =>
    Array.from({ length: TRANSACTIONS }, (_, n) => {
      const [from, to] = partiesOf(chain, n);
      const hash = `synthetic-${hex.encode(digest(`${chain} hash ${n}`)).slice(0, 32)}`;
      const timestamp = START + draw(`${chain} time ${n}`, MINUTES) * 60_000;
      const { asset, cents } = pick(`${chain} asset ${n}`, ASSETS[chain]);
      // A tenth of the transactions pays a second time, as change does.
      const receivers =
        n % 10 === 7 ? [to, walletAddress(chain, draw(`${chain} change ${n}`, WALLETS))] : [to];
      return receivers.map((receiver, position): TransferRow => {
        const what = `${chain} ${n} ${position}`;
        // From 10 to about 50,000 dollars, in millionths of the asset.
        const millionths = (BigInt(1_000 + draw(what, 5_000_000)) * 1_000_000n) / cents + 1n;
        // Nobody knows the price of one in eleven.
        const usd = draw(`${what} usd`, 11) === 0 ? "" : decimal((millionths * cents) / 1_000_000n, 2);
        return {
          chain,
          hash,
          position,
          timestamp,
          from_address: from,
          to_address: receiver,
          asset,
          amount: decimal(millionths, 6),
          usd,
        };
      });
    }).flat(),
  ).sort(
    (a, b) =>
      a.timestamp - b.timestamp || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : a.position - b.position),
  );

const decimal = (units: bigint, places: number): string => {
  const digits = units.toString().padStart(places + 1, "0");
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
};
