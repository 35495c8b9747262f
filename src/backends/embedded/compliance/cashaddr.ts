/**
 * Bitcoin Cash addresses in CashAddr form: https://github.com/bitcoincashorg/bitcoincash.org/blob/master/spec/cashaddr.md
 * Pure.
 */
import { bech32 } from "@scure/base";

const PREFIX = "bitcoincash";
const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECKSUM_LENGTH = 8;
const GENERATORS = [0x98f2bc8e61n, 0x79b76d99e2n, 0xf33e5fb3c4n, 0xae2eabe2a8n, 0x1e4f43e470n] as const;

export type CashAddrType = "p2pkh" | "p2sh";

/** Type bits of the version byte; the other bits say that the hash has 160 bits. */
const TYPES: Readonly<Record<CashAddrType, number>> = { p2pkh: 0, p2sh: 8 };

/** The form without its prefix, in lower case. */
export const encodeCashAddr = (type: CashAddrType, hash: Uint8Array): string => {
  const payload = bech32.toWords(Uint8Array.of(TYPES[type], ...hash));
  const checksum = polymod([...expandedPrefix(), ...payload, ...new Array<number>(CHECKSUM_LENGTH).fill(0)]);
  const tail = Array.from({ length: CHECKSUM_LENGTH }, (_, i) =>
    Number((checksum >> BigInt(5 * (CHECKSUM_LENGTH - 1 - i))) & 31n),
  );
  return [...payload, ...tail].map((word) => CHARSET[word]).join("");
};

/** The same address without prefix and in lower case; undefined if it is none of a 160-bit hash. */
export const parseCashAddr = (text: string): string | undefined => {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined;
  const lower = text.toLowerCase();
  const body = lower.startsWith(`${PREFIX}:`) ? lower.slice(PREFIX.length + 1) : lower;
  const symbols = [...body].map((symbol) => CHARSET.indexOf(symbol));
  // 42 symbols: a version byte, 20 bytes of hash and the checksum.
  if (symbols.length !== 42 || symbols.includes(-1)) return undefined;
  if (polymod([...expandedPrefix(), ...symbols]) !== 0n) return undefined;
  const [version = -1] = bech32.fromWordsUnsafe(symbols.slice(0, -CHECKSUM_LENGTH)) ?? [];
  return Object.values(TYPES).includes(version) ? body : undefined;
};

const expandedPrefix = (): number[] => [...[...PREFIX].map((symbol) => symbol.charCodeAt(0) & 31), 0];

const polymod = (values: readonly number[]): bigint => {
  let checksum = 1n;
  for (const value of values) {
    const top = checksum >> 35n;
    checksum = ((checksum & 0x07ffffffffn) << 5n) ^ BigInt(value);
    for (const [bit, generator] of GENERATORS.entries()) {
      if ((top >> BigInt(bit)) & 1n) checksum ^= generator;
    }
  }
  return checksum ^ 1n;
};
