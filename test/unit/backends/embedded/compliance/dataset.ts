import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import type { LabelRow } from "../../../../../scripts/lib/ofac-labels.ts";
import type { TransferRow as FileRow } from "../../../../../scripts/lib/synthetic-transfers.ts";
import { AddressStore } from "../../../../../src/backends/embedded/dataset/address-store.ts";
import type { ComplianceRpc } from "../../../../../src/backends/embedded/dataset/compliance-protocol.ts";
import { CorridorStore } from "../../../../../src/backends/embedded/dataset/corridor-store.ts";
import { readRow } from "../../../../../src/backends/embedded/dataset/rows.ts";
import { SCHEMA, type Table } from "../../../../../src/backends/embedded/dataset/schema.ts";
import type { Sql } from "../../../../../src/lib/sql.ts";
import { TestStorage } from "../../../../support/sqlite.ts";

/** As the table has it: a value that is not known is null. */
export type TransferRow = Omit<FileRow, "usd"> & { readonly usd: number | null };

export type { LabelRow };

/** The dataset of an application, on real SQLite, without its object. */
export class TestDataset {
  readonly sql: Sql;
  readonly rpc: ComplianceRpc;

  constructor({ sliceRows = 5_000 } = {}) {
    this.sql = new TestStorage().sql;
    for (const statement of SCHEMA) this.sql.exec(statement);
    const addresses = new AddressStore(this.sql);
    const corridors = new CorridorStore(this.sql, sliceRows);
    this.rpc = {
      addressLabels: async (chain, address) => addresses.labels(chain, address),
      addressPage: async (page) => addresses.page(page),
      transfersOf: async (query) => addresses.transfers(query),
      labelledIn: async (jurisdictions) => corridors.labelledIn(jurisdictions),
      corridorSlice: async (query) => corridors.slice(query),
    };
  }

  insert(table: Table, rows: readonly object[]): void {
    for (const row of rows) {
      const columns = Object.keys(row);
      const marks = columns.map(() => "?").join(", ");
      this.sql.exec(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`, ...Object.values(row));
    }
  }
}

/** A row of a transfer; what a test does not care for is left out. */
export const transfer = (fields: Partial<TransferRow> & Pick<TransferRow, "hash">): TransferRow => ({
  chain: "made-up",
  position: 0,
  timestamp: 0,
  from_address: "A",
  to_address: "B",
  asset: "X",
  amount: "1",
  usd: null,
  ...fields,
});

/** A row of a label; what a test does not care for is left out. */
export const label = (fields: Partial<LabelRow> & Pick<LabelRow, "address">): LabelRow => ({
  chain: "made-up",
  label: `the ${fields.category ?? "label"}`,
  category: "exchange",
  jurisdiction: "",
  source: "a test",
  as_of: "2024-01-01",
  ...fields,
});

export const dataFile = (name: string): string =>
  readFileSync(path.resolve(import.meta.dirname, "../../../../../data", name), "utf8");

/** The rows of a file in data/, as the importer reads them. */
export const importedRows = (name: string, table: Table): Readonly<Record<string, unknown>>[] =>
  parse(dataFile(name), { columns: true }).map((row: unknown) => {
    const read = readRow(table, row);
    if (!read.ok) throw new Error(`${name}: ${read.error.column}: ${read.error.message}`);
    return read.value;
  });

/** The data that is shipped: OFAC's list, and the synthetic sample. */
export const shippedDataset = (options?: { readonly sliceRows?: number }): TestDataset => {
  const dataset = new TestDataset(options);
  dataset.insert("transfers", importedRows("transfers-synthetic-sample.csv", "transfers"));
  dataset.insert("address_labels", importedRows("address-labels-synthetic-sample.csv", "address_labels"));
  dataset.insert("address_labels", importedRows("address-labels-ofac-2024-09-27.csv", "address_labels"));
  return dataset;
};
