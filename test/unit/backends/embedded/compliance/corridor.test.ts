import { describe, expect, it } from "vitest";
import { corridorFlows, parseCorridor } from "../../../../../src/backends/embedded/compliance/corridor.ts";
import { importedRows, label, shippedDataset, TestDataset, transfer } from "./dataset.ts";

const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER };
const DAY = 86_400_000;
const { signal } = new AbortController();

const flowsOf = (dataset: TestDataset, corridor = "US-MX", range = ALL) => {
  const parsed = parseCorridor(corridor);
  if (!parsed.ok) throw new Error(parsed.error);
  return corridorFlows(dataset.rpc, parsed.value, range, signal);
};

const between = (
  labels: Readonly<Record<string, readonly string[]>>,
  options?: { readonly sliceRows: number },
) => {
  const dataset = new TestDataset(options);
  for (const [address, jurisdictions] of Object.entries(labels)) {
    for (const jurisdiction of jurisdictions) {
      dataset.insert("address_labels", [label({ address, jurisdiction, label: `in ${jurisdiction}` })]);
    }
  }
  return dataset;
};

describe("corridors", () => {
  it.each(["us-mx", "US", "US-MX-DE", "US-XX", "USA-MEX", "US MX", ""])("%j is none", (text) => {
    expect(parseCorridor(text)).toEqual({
      ok: false,
      error: "Write the corridor as two country codes of ISO 3166-1 alpha-2, such as US-MX.",
    });
  });

  it("crosses a border", () => {
    expect(parseCorridor("US-US")).toEqual({
      ok: false,
      error: "A corridor has two different countries, such as US-MX.",
    });
  });

  it("knows every country", () => {
    const names = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    const codes = letters.flatMap((a) => letters.map((b) => a + b));
    const known = codes.filter((code) => parseCorridor(code === "US" ? "US-MX" : `${code}-US`).ok);
    expect(known).toHaveLength(249);
    expect(known.filter((code) => names.of(code) === undefined)).toEqual([]);
  });
});

describe("flows", () => {
  it("are transfers between labelled addresses, by day (UTC) and direction", async () => {
    const dataset = between({ A: ["US"], B: ["MX"], C: ["DE"], D: [""] });
    const day = Date.parse("2024-08-09");
    dataset.insert("transfers", [
      transfer({ hash: "1", timestamp: day, usd: 10.1 }),
      transfer({ hash: "2", timestamp: day + DAY - 1, usd: 0.2 }),
      transfer({ hash: "3", timestamp: day + DAY, usd: 5 }),
      transfer({ hash: "4", timestamp: day, from_address: "B", to_address: "A", usd: 3 }),
      transfer({ hash: "5", timestamp: day, to_address: "C", usd: 1_000 }),
      transfer({ hash: "6", timestamp: day, to_address: "D", usd: 1_000 }),
      transfer({ hash: "7", timestamp: day, to_address: "unlabelled", usd: 1_000 }),
      transfer({ hash: "8", timestamp: day, to_address: "A", usd: 1_000 }),
      transfer({ hash: "9", timestamp: day, chain: "other", usd: 1_000 }),
    ]);
    const out = { direction: "outbound", from: "US", to: "MX", unvalued: 0 };
    expect(await flowsOf(dataset)).toEqual({
      flows: [
        { ...out, day: "2024-08-09", count: 2, usd: "10.30" },
        { ...out, day: "2024-08-09", direction: "inbound", from: "MX", to: "US", count: 1, usd: "3.00" },
        { ...out, day: "2024-08-10", count: 1, usd: "5.00" },
      ],
      totalsUSD: { outbound: "15.30", inbound: "3.00", net: "12.30" },
      ...{ count: 4, unvalued: 0, ambiguous: 0 },
    });
    expect(await flowsOf(dataset, "MX-US")).toMatchObject({
      totalsUSD: { outbound: "3.00", inbound: "15.30", net: "-12.30" },
    });
  });

  it("transfers without a value are counted, not guessed", async () => {
    const dataset = between({ A: ["US"], B: ["MX"] });
    dataset.insert("transfers", [transfer({ hash: "1", usd: 7 }), transfer({ hash: "2", usd: null })]);
    expect(await flowsOf(dataset)).toMatchObject({
      flows: [{ count: 2, unvalued: 1, usd: "7.00" }],
      ...{ totalsUSD: { outbound: "7.00" }, count: 2, unvalued: 1 },
    });
  });

  it.each([1, 5_000])(
    "labels that disagree make a transfer ambiguous; others do not (%i rows a slice)",
    async (sliceRows) => {
      const dataset = between({ A: ["US", "DE"], B: ["MX"], C: ["US", ""] }, { sliceRows });
      dataset.insert("address_labels", [label({ address: "C", jurisdiction: "US", label: "again" })]);
      dataset.insert("transfers", [
        transfer({ hash: "1", timestamp: 1, usd: 7 }),
        transfer({ hash: "2", timestamp: 2, from_address: "B", to_address: "A", usd: 7 }),
        transfer({ hash: "3", timestamp: 3, from_address: "C", usd: 8 }),
      ]);
      expect(await flowsOf(dataset)).toMatchObject({
        totalsUSD: { outbound: "8.00" },
        count: 1,
        ambiguous: 2,
      });
    },
  );

  it("of a window begin at its beginning and end before its end", async () => {
    const dataset = between({ A: ["US"], B: ["MX"] });
    dataset.insert(
      "transfers",
      [9, 10, 19, 20].map((timestamp) => transfer({ hash: `${timestamp}`, timestamp })),
    );
    expect(await flowsOf(dataset, "US-MX", { from: 10, to: 20 })).toMatchObject({ count: 2 });
    expect(await flowsOf(dataset, "US-MX", { from: 30, to: 40 })).toMatchObject({
      flows: [],
      totalsUSD: { outbound: "0.00", inbound: "0.00", net: "0.00" },
    });
  });

  it("are the same however the reads are sliced", async () => {
    const whole = await flowsOf(shippedDataset());
    for (const sliceRows of [1, 7, 396]) expect(await flowsOf(shippedDataset({ sliceRows }))).toEqual(whole);
  });

  it("add up to the cent, where doubles do not", async () => {
    const dataset = between({ A: ["US"], B: ["MX"] });
    dataset.insert(
      "transfers",
      Array.from({ length: 1_000 }, (_, n) => transfer({ hash: `${n}`, usd: 0.1 })).concat(
        transfer({ hash: "large", usd: 9_007_199_254_740.25 }),
      ),
    );
    expect((await flowsOf(dataset)).totalsUSD.outbound).toBe("9007199254840.25");
  });

  it.each(["US-MX", "MX-US", "DE-SG", "GB-NG", "NG-US", "SG-US"])(
    "of the synthetic sample along %s are what whole cents add up to",
    async (corridor) => {
      const [from, to] = corridor.split("-");
      const labels = importedRows("address-labels-synthetic-sample.csv", "address_labels");
      const where = new Map(labels.map((row) => [`${row.chain} ${row.address}`, row.jurisdiction]));
      const cents = { outbound: 0n, inbound: 0n };
      const days = new Map<string, bigint>();
      let count = 0;
      for (const { chain, timestamp, from_address, to_address, usd } of importedRows(
        "transfers-synthetic-sample.csv",
        "transfers",
      )) {
        const sender = where.get(`${chain} ${from_address}`);
        const receiver = where.get(`${chain} ${to_address}`);
        const direction =
          sender === from && receiver === to
            ? "outbound"
            : sender === to && receiver === from
              ? "inbound"
              : undefined;
        if (!direction) continue;
        count++;
        const worth = usd === null ? 0n : BigInt(Number(usd).toFixed(2).replace(".", ""));
        const day = `${new Date(Number(timestamp)).toISOString().slice(0, 10)} ${direction}`;
        cents[direction] += worth;
        days.set(day, (days.get(day) ?? 0n) + worth);
      }
      const inCents = (usd: string) => BigInt(usd.replace(".", ""));
      const found = await flowsOf(shippedDataset(), corridor);
      expect(found.count).toBe(count);
      expect(inCents(found.totalsUSD.outbound)).toBe(cents.outbound);
      expect(inCents(found.totalsUSD.inbound)).toBe(cents.inbound);
      expect(inCents(found.totalsUSD.net)).toBe(cents.outbound - cents.inbound);
      expect(
        new Map(found.flows.map(({ day, direction, usd }) => [`${day} ${direction}`, inCents(usd)])),
      ).toEqual(days);
    },
  );

  it("the synthetic sample has flows along its corridors", async () => {
    for (const corridor of ["US-MX", "DE-SG", "GB-NG"]) {
      const { flows, totalsUSD, unvalued } = await flowsOf(shippedDataset(), corridor);
      expect(flows.length, corridor).toBeGreaterThan(5);
      expect(Number(totalsUSD.outbound), corridor).toBeGreaterThan(0);
      expect(unvalued, corridor).toBeGreaterThanOrEqual(0);
    }
  });
});
