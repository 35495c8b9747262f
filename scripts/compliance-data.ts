import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { OFAC_AS_OF, ofacLabels } from "./lib/ofac-labels.ts";
import { syntheticLabels, syntheticTransfers } from "./lib/synthetic-transfers.ts";

/** Writes the files of data/ that hold labels and transfers; data/README.md says what they are. */
const DATA = path.resolve(import.meta.dirname, "../data");

/** @throws Error for a value that CSV would have to quote: none of ours needs it. */
export const toCsv = (rows: readonly object[]): string => {
  const lines = [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row).map(String))];
  if (lines.flat().some((value) => /[",\r\n]/.test(value))) throw new Error("A value has to be quoted.");
  return `${lines.map((values) => values.join(",")).join("\n")}\n`;
};

/** The files by name. `listed`: the content of data/ofac-sanctioned-addresses.csv. */
export const complianceFiles = (listed: string): Readonly<Record<string, string>> => ({
  [`address-labels-ofac-${OFAC_AS_OF}.csv`]: toCsv(ofacLabels(listed)),
  "address-labels-synthetic-sample.csv": toCsv(syntheticLabels()),
  "transfers-synthetic-sample.csv": toCsv(syntheticTransfers()),
});

if (import.meta.main) {
  const listed = readFileSync(path.join(DATA, "ofac-sanctioned-addresses.csv"), "utf8");
  for (const [name, content] of Object.entries(complianceFiles(listed))) {
    writeFileSync(path.join(DATA, name), content);
    console.log(`data/${name}: ${content.split("\n").length - 2} rows`);
  }
}
