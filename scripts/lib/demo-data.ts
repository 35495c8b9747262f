import path from "node:path";
import type { Table } from "../../src/backends/embedded/dataset/schema.ts";
import { ok } from "../../src/lib/result.ts";
import { type Bar, BarBuilder, readTrades } from "./bars.ts";
import { type ColumnSources, readCsv, sourceOf } from "./csv-rows.ts";
import { ImportClient } from "./import-client.ts";
import { type ImportSummary, importRows, type SourceRow } from "./import-rows.ts";
import { ROOT } from "./wrangler.ts";

/** The application that a fresh checkout has data of. */
export const DEMO_APPLICATION = "demo";

/** One source of the demo's data. */
export interface DemoPart {
  /** In data/; see data/README.md. */
  readonly file: string;
  readonly table: Table;
  readonly columns: ColumnSources;
  /** What its rows are, for people. */
  readonly what: string;
  /** Rows that are computed from the file, instead of those that are in it. */
  readonly rows?: (file: string) => AsyncIterable<SourceRow>;
}

const AS_IS: ColumnSources = { map: {}, set: {} };

const recorded = (symbol: string, file: string): readonly DemoPart[] => {
  const set = { symbol, venue: "binance" };
  return [
    {
      file,
      table: "trades",
      columns: { map: { side: "taker_side" }, set },
      what: `real trades of ${symbol} (Binance, 2024-08-09)`,
    },
    {
      file,
      table: "bars",
      columns: { map: {}, set },
      what: "1-second bars of them",
      rows: (path) => barRows(path, set),
    },
  ];
};

/** All that the demo has, of every file in data/ that is in the form of a table. */
export const DEMO_PARTS: readonly DemoPart[] = [
  ...recorded("BTC-USDT", "trades-btc-usdt-2024-08-09.csv"),
  ...recorded("ETH-USDT", "trades-eth-usdt-2024-08-09.csv"),
  {
    file: "address-labels-ofac-2024-09-27.csv",
    table: "address_labels",
    columns: AS_IS,
    what: "real labels (OFAC, as of 2024-09-27)",
  },
  {
    file: "address-labels-synthetic-sample.csv",
    table: "address_labels",
    columns: AS_IS,
    what: "synthetic labels",
  },
  {
    file: "transfers-synthetic-sample.csv",
    table: "transfers",
    columns: AS_IS,
    what: "synthetic transfers",
  },
];

async function* barRows(file: string, set: { symbol: string; venue: string }): AsyncGenerator<SourceRow> {
  const builder = new BarBuilder(set.symbol);
  const bars = new Map<number, Bar>();
  for (const trade of readTrades(file)) {
    const bar = builder.add(trade);
    bars.set(bar.timestamp, bar);
  }
  // They stand on no line of the file.
  for (const bar of bars.values()) yield { line: 0, row: ok({ ...bar, venue: set.venue }) };
}

export interface DemoOptions {
  /** Of the service. */
  readonly url: URL;
  /** An ingest token. */
  readonly token: string;
  readonly application: string;
  readonly signal?: AbortSignal;
}

export interface DemoImport {
  readonly part: DemoPart;
  readonly summary: ImportSummary;
}

/**
 * Imports what the application does not have yet. A bad row is reported on the console.
 * @throws FileError, ImportError
 */
export const importDemoData = async ({
  url,
  token,
  application,
  signal,
}: DemoOptions): Promise<DemoImport[]> => {
  const done: DemoImport[] = [];
  for (const part of DEMO_PARTS) {
    if (signal?.aborted) break;
    const { table, columns } = part;
    const csv = { file: path.join(ROOT, "data", part.file), table, columns };
    const summary = await importRows({
      client: new ImportClient({ url, application, table, token, ...(signal && { signal }) }),
      source: await sourceOf(csv),
      rows: part.rows?.(csv.file) ?? readCsv(csv),
      batch: 2_000,
      onBadRow: (line, reason) => console.error(`data/${part.file}:${line}: ${reason}`),
    });
    done.push({ part, summary });
  }
  return done;
};

/** What the demo has now, in one line. */
export const describeDemo = (done: readonly DemoImport[]): string => {
  const parts = done.map(({ part, summary }) => `${summary.imported} ${part.what}`);
  return `The application "${DEMO_APPLICATION}" has ${parts.join(", ")}.`;
};
