import { expect, it } from "vitest";
import { complianceFiles } from "../../../scripts/compliance-data.ts";
import { ofacLabels } from "../../../scripts/lib/ofac-labels.ts";
import { SYNTHETIC_FROM, SYNTHETIC_TO } from "../../../scripts/lib/synthetic-transfers.ts";
import { dataFile, importedRows } from "../backends/embedded/compliance/dataset.ts";

const OFAC = "address-labels-ofac-2024-09-27.csv";

it("the files in data/ are what the script makes, to the byte", () => {
  const files = complianceFiles(dataFile("ofac-sanctioned-addresses.csv"));
  expect(Object.keys(files)).toHaveLength(3);
  for (const [name, content] of Object.entries(files)) expect(content, name).toBe(dataFile(name));
});

it("tickers become chains, and tokens go by the form of the address", () => {
  const counts: Record<string, number> = {};
  for (const { chain } of importedRows(OFAC, "address_labels"))
    counts[String(chain)] = (counts[String(chain)] ?? 0) + 1;
  const listed = dataFile("ofac-sanctioned-addresses.csv");
  const distinct = (...assets: string[]) =>
    new Set(
      listed.split("\n").flatMap((line) => {
        const [asset = "", address = ""] = line.split(",");
        return assets.some((one) => one === asset) ? [address.toLowerCase()] : [];
      }),
    ).size;
  expect(counts).toMatchObject({
    monero: 3,
    dash: 3,
    zcash: 3,
    litecoin: 10,
    arbitrum: 1,
    bsc: 1,
    ripple: 1,
    verge: 1,
  });
  expect(counts["bitcoin-cash"]).toBe(7);
  // 6 under TRX, 11 under USDT, one under XBT.
  expect(counts.tron).toBe(18);
  expect(counts.ethereum).toBeGreaterThanOrEqual(distinct("ETH"));
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(644);
});

it("a ticker that is not known, or an address of no form, is not passed over", () => {
  expect(() => ofacLabels("asset,address\nDOGE2,abc\n")).toThrow("No chain for DOGE2 abc.");
  expect(() => ofacLabels("asset,address\nXMR,abc\n")).toThrow("No chain for XMR abc.");
});

it("what is made up says so in every row, and keeps to its days", () => {
  const transfers = importedRows("transfers-synthetic-sample.csv", "transfers");
  expect(transfers.length).toBeGreaterThan(300);
  for (const { hash, timestamp } of transfers) {
    expect(hash).toMatch(/^synthetic-[0-9a-f]{32}$/);
    expect(timestamp).toBeGreaterThanOrEqual(Date.parse(SYNTHETIC_FROM));
    expect(timestamp).toBeLessThan(Date.parse(SYNTHETIC_TO) + 86_400_000);
  }
  for (const { label, source } of importedRows("address-labels-synthetic-sample.csv", "address_labels")) {
    expect(label).toMatch(/^synthetic /);
    expect(source).toBe("synthetic sample (made up)");
  }
});

it("of real addresses only sanctioned ones take part in made-up transfers, three of them", () => {
  const sanctioned = new Set(importedRows(OFAC, "address_labels").map(({ address }) => address));
  const parties = importedRows("transfers-synthetic-sample.csv", "transfers").flatMap(
    ({ from_address, to_address }) => [from_address, to_address],
  );
  expect([...new Set(parties)].filter((party) => sanctioned.has(party))).toHaveLength(3);
});
