import { parse } from "csv-parse/sync";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkedChains,
  normalizeAddress,
} from "../../../../../src/backends/embedded/compliance/addresses.ts";
import { dataFile, importedRows } from "./dataset.ts";

const normal = (chain: string, address: string): string | undefined => {
  const result = normalizeAddress(chain, address);
  return result.ok ? result.value : undefined;
};

const labels = importedRows("address-labels-ofac-2024-09-27.csv", "address_labels").map(
  ({ chain, address }) => ({ chain: String(chain), address: String(address) }),
);

const listed: { asset: string; address: string }[] = parse(dataFile("ofac-sanctioned-addresses.csv"), {
  columns: true,
});

it("every one of the 654 addresses of OFAC's list is an address of a chain, and in the labels in its normal form", () => {
  const known = new Set(labels.map(({ chain, address }) => `${chain} ${address}`));
  const missing = listed.filter(
    ({ address }) => !checkedChains.some((chain) => known.has(`${chain} ${normal(chain, address)}`)),
  );
  expect(listed).toHaveLength(654);
  expect(missing).toEqual([]);
  expect(labels.filter(({ chain, address }) => normal(chain, address) !== address)).toEqual([]);
});

it("an address with one character changed is no address, of all that have a checksum", () => {
  const checksummed = labels.filter(({ address }) => !/^(0x)?[0-9a-f]{40,64}$/.test(address));
  const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0";
  fc.assert(
    fc.property(
      fc.constantFrom(...checksummed),
      fc.nat(),
      fc.constantFrom(...alphabet),
      ({ chain, address }, at, character) => {
        const i = at % address.length;
        fc.pre(address[i]?.toLowerCase() !== character.toLowerCase());
        expect(normal(chain, address.slice(0, i) + character + address.slice(i + 1))).toBeUndefined();
      },
    ),
    { numRuns: 500 },
  );
});

it("nothing throws, and a normal form is its own", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...checkedChains),
      fc.oneof(fc.string({ maxLength: 110 }), fc.constantFrom(...labels.map(({ address }) => address))),
      (chain, text) => {
        const once = normal(chain, text);
        if (once !== undefined) expect(normal(chain, once)).toBe(once);
      },
    ),
    { numRuns: 1_000 },
  );
});

describe("each chain", () => {
  // EIP-55's own examples.
  it.each([
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
  ])("ethereum: %s is stored in lower case", (address) => {
    expect(normal("ethereum", address)).toBe(address.toLowerCase());
    expect(normal("ethereum", `0x${address.slice(2).toUpperCase()}`)).toBe(address.toLowerCase());
  });

  it("ethereum: mixed case must be the checksum", () => {
    expect(normal("ethereum", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1Beaed")).toBeUndefined();
    expect(normal("ethereum", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")).toBeUndefined();
    expect(normal("ethereum", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae")).toBeUndefined();
  });

  // BIP 173 and BIP 350.
  it.each([
    ["BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", true],
    ["bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", true],
    ["BC1SW50QGDZ25J", true],
    ["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", true],
    ["tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", false],
    ["bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", false],
    ["BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", false],
    ["bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", false],
    ["BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", false],
    ["bc1pw5dgrnzv", false],
    ["bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", false],
    ["bc1gmk9yu", false],
  ])("bitcoin: SegWit %s", (address, valid) => {
    expect(normal("bitcoin", address)).toBe(valid ? address.toLowerCase() : undefined);
  });

  // The translations of the CashAddr specification.
  it.each([
    ["1BpEi6DfDAUFd7GtittLSdBeYJvcoaVggu", "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"],
    ["1KXrWXciRDZUpQwQmuM1DbwsKDLYAYsVLR", "qr95sy3j9xwd2ap32xkykttr4cvcu7as4y0qverfuy"],
    ["16w1D5WRVKJuZUsSRzdLp9w3YGcgoxDXb", "qqq3728yw0y47sqn6l2na30mcw6zm78dzqre909m2r"],
    ["3CWFddi6m4ndiGyKqzYvsFYagqDLPVMTzC", "ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"],
    ["3LDsS579y7sruadqu11beEJoTjdFiFCdX4", "pr95sy3j9xwd2ap32xkykttr4cvcu7as4yc93ky28e"],
    ["31nwvkZwyPdgzjBJZXfDmSWsC4ZLKpYyUw", "pqq3728yw0y47sqn6l2na30mcw6zm78dzq5ucqzc37"],
  ])("bitcoin-cash: %s is %s", (legacy, cashAddr) => {
    for (const form of [
      legacy,
      cashAddr,
      `bitcoincash:${cashAddr}`,
      `BITCOINCASH:${cashAddr.toUpperCase()}`,
    ]) {
      expect(normal("bitcoin-cash", form)).toBe(cashAddr);
    }
    expect(normal("bitcoin-cash", `bchtest:${cashAddr}`)).toBeUndefined();
  });

  it.each([
    ["ripple", "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"],
    ["ripple", "rrrrrrrrrrrrrrrrrrrrrhoLvTp"],
    ["solana", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"],
    ["solana", "11111111111111111111111111111111"],
    ["tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"],
    ["zcash", "t3Vz22vK5z2LcKEdg16Yv4FFneEL1zg9ojd"],
    [
      "monero",
      "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
    ],
  ])("%s: %s is an address", (chain, address) => {
    expect(normal(chain, address)).toBe(address);
  });

  it("addresses of one chain are none of another", () => {
    expect(normal("bitcoin", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t")).toBeUndefined();
    expect(normal("litecoin", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4")).toBeUndefined();
    expect(normal("tron", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed")).toBeUndefined();
  });

  it("the message says what an address looks like, and not what came", () => {
    expect(normalizeAddress("tron", "a secret")).toEqual({
      ok: false,
      error: "This is no address of tron. Expected T and 33 characters of Base58 with their checksum.",
    });
  });

  it("addresses of chains without a check are taken as they are", () => {
    expect(normal("some-other-chain", "Any Text")).toBe("Any Text");
  });
});
