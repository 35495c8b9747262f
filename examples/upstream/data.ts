/** The files of data/ as tables of an SQLite in memory, which nobody can write from then on. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { constants, DatabaseSync } from "node:sqlite";
import { parse } from "csv-parse/sync";

const FOLDER = path.resolve(import.meta.dirname, "../../data");

const SCHEMA = `
  CREATE TABLE trades (symbol TEXT, venue TEXT, trade_id TEXT, timestamp INTEGER, price REAL, size REAL, side TEXT);
  CREATE TABLE transfers (chain TEXT, hash TEXT, position INTEGER, timestamp INTEGER, from_address TEXT, to_address TEXT,
    asset TEXT, amount TEXT, usd REAL);
  CREATE TABLE address_labels (chain TEXT, address TEXT, label TEXT, category TEXT, jurisdiction TEXT, source TEXT,
    as_of TEXT);
  CREATE INDEX transfers_by_receiver ON transfers (chain, to_address);`;

/** All that a SELECT does but recursion, which need not end. */
const READING: readonly number[] = [
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
];

export const openData = (): DatabaseSync => {
  const db = new DatabaseSync(":memory:");
  db.exec(SCHEMA);
  for (const base of ["btc", "eth"]) {
    fill(db, "trades", `trades-${base}-usdt-2024-08-09.csv`, ({ taker_side = null, ...trade }) => ({
      symbol: `${base.toUpperCase()}-USDT`,
      venue: "binance",
      side: taker_side,
      ...trade,
    }));
  }
  fill(db, "transfers", "transfers-synthetic-sample.csv");
  fill(db, "address_labels", "address-labels-ofac-2024-09-27.csv");
  fill(db, "address_labels", "address-labels-synthetic-sample.csv");
  // SQL comes from clients: whatever it says, it can only read, and only these tables.
  db.setAuthorizer((action, table) =>
    READING.includes(action) && !table?.startsWith("sqlite_") ? constants.SQLITE_OK : constants.SQLITE_DENY,
  );
  return db;
};

type Row = Record<string, string | null>;

const fill = (db: DatabaseSync, table: string, file: string, convert = (row: Row): Row => row): void => {
  const text = readFileSync(path.join(FOLDER, file), "utf8");
  const rows: Row[] = parse(text, { columns: true, cast: (value) => (value === "" ? null : value) });
  db.exec("BEGIN");
  for (const row of rows.map(convert)) {
    const columns = Object.keys(row);
    const marks = columns.map(() => "?").join(", ");
    db.prepare(`INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks})`).run(...Object.values(row));
  }
  db.exec("COMMIT");
};
