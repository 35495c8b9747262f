/** What entrypoints and endpoints say to a dataset over RPC. */
import type { BadRow } from "./rows.ts";
import type { Table } from "./schema.ts";

/** Some rows of a source: a file, say, as it is to be imported with certain options. */
export interface ImportBatch {
  /** Names the source. */
  readonly source: string;
  /** How many rows of the source come before these. */
  readonly position: number;
  /** As they came: what is wrong with them is for the dataset to say. */
  readonly rows: readonly unknown[];
}

/** How much of a source is in. */
export interface ImportProgress {
  /** Rows of the source that have been read, good and bad. */
  readonly position: number;
  /** Of those: rows that were new. */
  readonly inserted: number;
  /** Rows that took the place of others with the same key. */
  readonly replaced: number;
  /** Rows that were there already. */
  readonly unchanged: number;
  /** Bad rows. */
  readonly skipped: number;
}

/**
 * - `imported`: `progress` is that of the source with this batch, `rejected` the batch's bad rows by their index in it
 * - `out_of_order`: nothing has been done; the source goes on at `position`
 */
export type ImportAnswer =
  | {
      readonly status: "imported";
      readonly progress: ImportProgress;
      readonly rejected: readonly (BadRow & { readonly index: number })[];
    }
  | { readonly status: "out_of_order"; readonly position: number };

/** Rows in each table. */
export type TableCounts = Readonly<Record<Table, number>>;

export interface DatasetRpc {
  /** Stores a batch, once however often it is sent. */
  importBatch(table: Table, batch: ImportBatch): Promise<ImportAnswer>;
  importProgress(table: Table, source: string): Promise<ImportProgress>;
  tableCounts(): Promise<TableCounts>;
  /** Removes all rows of a table, and all memory of their sources. */
  emptyTable(table: Table): Promise<void>;
}
