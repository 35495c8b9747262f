/** The tables of a dataset, as `query` sees them. Pure. */

/** Times are ms since the Unix epoch. A number that is not known is NULL, a text that is not known the empty string. */
export const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS bars (
    symbol TEXT NOT NULL,
    venue TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    open REAL NOT NULL,
    high REAL NOT NULL,
    low REAL NOT NULL,
    close REAL NOT NULL,
    volume REAL NOT NULL,
    PRIMARY KEY (symbol, venue, timestamp)
  ) WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS trades (
    symbol TEXT NOT NULL,
    venue TEXT NOT NULL,
    trade_id TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    price REAL NOT NULL,
    size REAL NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('buy', 'sell')),
    PRIMARY KEY (symbol, venue, trade_id)
  ) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS trades_by_time ON trades (symbol, timestamp)",
  // `position` tells the transfers of one transaction apart.
  `CREATE TABLE IF NOT EXISTS transfers (
    chain TEXT NOT NULL,
    hash TEXT NOT NULL,
    position INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    from_address TEXT NOT NULL,
    to_address TEXT NOT NULL,
    asset TEXT NOT NULL,
    amount TEXT NOT NULL,
    usd REAL,
    PRIMARY KEY (chain, hash, position)
  ) WITHOUT ROWID`,
  "CREATE INDEX IF NOT EXISTS transfers_by_sender ON transfers (chain, from_address, timestamp, hash, position)",
  "CREATE INDEX IF NOT EXISTS transfers_by_receiver ON transfers (chain, to_address, timestamp, hash, position)",
  "CREATE INDEX IF NOT EXISTS transfers_by_time ON transfers (timestamp)",
  // `jurisdiction` is an ISO 3166-1 alpha-2 code; `as_of` the date (YYYY-MM-DD) of the source.
  `CREATE TABLE IF NOT EXISTS address_labels (
    chain TEXT NOT NULL,
    address TEXT NOT NULL,
    label TEXT NOT NULL,
    category TEXT NOT NULL,
    jurisdiction TEXT NOT NULL,
    source TEXT NOT NULL,
    as_of TEXT NOT NULL,
    PRIMARY KEY (chain, address, label)
  ) WITHOUT ROWID`,
];

export const TABLES = ["bars", "trades", "transfers", "address_labels"] as const;

export type Table = (typeof TABLES)[number];

export const isTable = (name: string): name is Table => (TABLES as readonly string[]).includes(name);
