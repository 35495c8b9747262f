/** Small tables for tests of queries: the same rows wherever they are put. */
const SYMBOLS = ["BTC-USDT", "ETH-USDT", "SOL-USDT"];
const VENUES = ["binance", "kraken"];
const START = Date.UTC(2024, 7, 9);

export interface DataStatement {
  readonly sql: string;
  readonly values: readonly (string | number | null)[];
}

const insert = (table: string, values: DataStatement["values"]): DataStatement => ({
  sql: `INSERT INTO ${table} VALUES (${values.map(() => "?").join(", ")})`,
  values,
});

/** About `count` rows in each table. */
export function* queryData(count: number): Generator<DataStatement> {
  for (let n = 0; n < count; n++) {
    const symbol = SYMBOLS[n % 3] ?? "";
    const venue = VENUES[n % 2] ?? "";
    const price = 100 + ((n * 37) % 101) / 4;
    const at = START + n * 1_000;
    yield insert("bars", [symbol, venue, at, price, price + 1, price - 1, price + 0.5, n % 7]);
    yield insert("trades", [symbol, venue, `t${n}`, at, price, (n % 11) / 8, n % 5 === 0 ? "sell" : "buy"]);
    const sender = `0x${(n % 13).toString(16).padStart(40, "0")}`;
    const receiver = `0x${(n % 17).toString(16).padStart(40, "a")}`;
    const usd = n % 10 === 0 ? null : n * 1.5;
    yield insert("transfers", ["ethereum", `0x${n}`, 0, at, sender, receiver, "USDT", String(n), usd]);
    if (n < 17) {
      const country = ["US", "DE", ""][n % 3] ?? "";
      yield insert("address_labels", [
        "ethereum",
        receiver,
        `label ${n}`,
        "exchange",
        country,
        "test",
        "2024-08-09",
      ]);
    }
  }
}
