/**
 * The form of addresses, chain by chain: whether a text is an address, and the one form in which it is stored and
 * looked up. Pure.
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { base58, base58xmr, base58xrp, bech32, bech32m, createBase58check, hex } from "@scure/base";
import { err, ok, type Result } from "../../../lib/result.ts";
import { encodeCashAddr, parseCashAddr } from "./cashaddr.ts";

interface AddressFormat {
  /** What an address looks like, for the message to someone whose address is none. */
  readonly expected: string;
  /** The address in its normal form; undefined when the text is none. */
  normalize(text: string): string | undefined;
}

const base58check = createBase58check(sha256);

/** Version bytes and the hash after them, when the checksum holds. */
const base58Payload = (text: string): Uint8Array | undefined => {
  try {
    return base58check.decode(text);
  } catch {
    return undefined;
  }
};

const versionOf = (payload: Uint8Array, length: number): number =>
  payload.subarray(0, length).reduce((version, byte) => version * 256 + byte, 0);

/** Base58 with a checksum, of 20 bytes after one of these versions. */
const isBase58 = (text: string, versions: readonly number[], versionLength: number): boolean => {
  const payload = base58Payload(text);
  return payload?.length === 20 + versionLength && versions.includes(versionOf(payload, versionLength));
};

/** A SegWit address (BIP 173, BIP 350), in lower case. */
const segwit = (text: string, prefix: string): string | undefined => {
  const original = bech32.decodeUnsafe(text);
  const decoded = original ?? bech32m.decodeUnsafe(text);
  if (decoded?.prefix !== prefix) return undefined;
  const [version = -1, ...words] = decoded.words;
  const length = bech32.fromWordsUnsafe(words)?.length ?? 0;
  // Version 0 has the checksum of Bech32, later ones that of Bech32m.
  const valid =
    version === 0
      ? original !== undefined && (length === 20 || length === 32)
      : original === undefined && version <= 16 && length >= 2 && length <= 40;
  return valid ? text.toLowerCase() : undefined;
};

/** A chain that descends from Bitcoin: Base58 with these versions, and SegWit addresses if it has a prefix for them. */
const bitcoinLike = (
  expected: string,
  versions: readonly number[],
  { prefix, versionLength = 1 }: { readonly prefix?: string; readonly versionLength?: number } = {},
): AddressFormat => ({
  expected,
  normalize: (text) => {
    if (isBase58(text, versions, versionLength)) return text;
    return prefix === undefined ? undefined : segwit(text, prefix);
  },
});

const evm: AddressFormat = {
  expected: "0x and 40 hexadecimal digits, in one case or with the checksum of EIP-55",
  normalize: (text) => {
    if (!/^0x[0-9a-fA-F]{40}$/.test(text)) return undefined;
    const digits = text.slice(2);
    const lower = digits.toLowerCase();
    if (digits !== lower && digits !== digits.toUpperCase() && digits !== checksummed(lower))
      return undefined;
    return `0x${lower}`;
  },
};

/** The digits in the cases that EIP-55 gives them. */
const checksummed = (lower: string): string => {
  const hash = hex.encode(keccak_256(new TextEncoder().encode(lower)));
  return Array.from(lower, (digit, i) =>
    Number.parseInt(hash.charAt(i), 16) >= 8 ? digit.toUpperCase() : digit,
  ).join("");
};

const tron: AddressFormat = bitcoinLike("T and 33 characters of Base58 with their checksum", [0x41]);

const bitcoinCash: AddressFormat = {
  expected: "a CashAddr (with or without bitcoincash:) or a legacy address, with its checksum",
  normalize: (text) => {
    const payload = base58Payload(text);
    if (payload?.length !== 21) return parseCashAddr(text);
    if (payload[0] === 0) return encodeCashAddr("p2pkh", payload.subarray(1));
    return payload[0] === 5 ? encodeCashAddr("p2sh", payload.subarray(1)) : undefined;
  },
};

const ripple: AddressFormat = {
  expected: "a classic address, r and 24 to 34 characters of Base58 with their checksum",
  normalize: (text) => {
    const bytes = decodeOr(base58xrp, text);
    if (bytes?.length !== 25 || bytes[0] !== 0) return undefined;
    const checksum = sha256(sha256(bytes.subarray(0, 21)));
    return bytes.subarray(21).every((byte, i) => byte === checksum[i]) ? text : undefined;
  },
};

/** Network bytes: standard, integrated and sub-addresses. */
const MONERO_NETWORKS: readonly number[] = [18, 19, 42];

const monero: AddressFormat = {
  // Sanctions lists name payment ids too: 32 bytes that went along with an address, without a checksum.
  expected: "95 or 106 characters of Base58 with their checksum, or a payment id of 64 hexadecimal digits",
  normalize: (text) => {
    if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
    const bytes = decodeOr(base58xmr, text);
    if (!bytes || (bytes.length !== 69 && bytes.length !== 77)) return undefined;
    if (!MONERO_NETWORKS.includes(bytes[0] ?? -1)) return undefined;
    const checksum = keccak_256(bytes.subarray(0, -4));
    return bytes.subarray(-4).every((byte, i) => byte === checksum[i]) ? text : undefined;
  },
};

const solana: AddressFormat = {
  expected: "32 bytes in Base58: 32 to 44 characters",
  normalize: (text) => (decodeOr(base58, text)?.length === 32 ? text : undefined),
};

const decodeOr = (coder: { decode(text: string): Uint8Array }, text: string): Uint8Array | undefined => {
  try {
    return coder.decode(text);
  } catch {
    return undefined;
  }
};

const FORMATS: ReadonlyMap<string, AddressFormat> = new Map([
  ["arbitrum", evm],
  ["avalanche", evm],
  ["base", evm],
  ["bitcoin", bitcoinLike("1…, 3… or bc1…, with its checksum", [0x00, 0x05], { prefix: "bc" })],
  ["bitcoin-cash", bitcoinCash],
  ["bitcoin-gold", bitcoinLike("G…, A… or btg1…, with its checksum", [38, 23], { prefix: "btg" })],
  ["bitcoin-sv", bitcoinLike("1… or 3…, with its checksum", [0x00, 0x05])],
  ["bsc", evm],
  ["dash", bitcoinLike("X… or 7…, with its checksum", [76, 16])],
  ["ethereum", evm],
  ["ethereum-classic", evm],
  ["litecoin", bitcoinLike("L…, M… or ltc1…, with its checksum", [48, 50], { prefix: "ltc" })],
  ["monero", monero],
  ["optimism", evm],
  ["polygon", evm],
  ["ripple", ripple],
  ["solana", solana],
  ["tron", tron],
  ["verge", bitcoinLike("D… or E…, with its checksum", [30, 33])],
  [
    "zcash",
    bitcoinLike("a transparent address, t1… or t3…, with its checksum", [0x1cb8, 0x1cbd], {
      versionLength: 2,
    }),
  ],
]);

/** The chains whose addresses are checked. */
export const checkedChains: readonly string[] = [...FORMATS.keys()];

/**
 * The normal form of an address: EVM and SegWit addresses in lower case, Bitcoin Cash as CashAddr without prefix,
 * others as they are. Of a chain that is not in `checkedChains` any text is an address. Fails with a sentence that
 * says what an address of the chain looks like, without the text.
 */
export const normalizeAddress = (chain: string, address: string): Result<string, string> => {
  const format = FORMATS.get(chain);
  if (format === undefined) return ok(address);
  const normal = format.normalize(address);
  if (normal !== undefined) return ok(normal);
  return err(`This is no address of ${chain}. Expected ${format.expected}.`);
};
