import { readFileSync } from "node:fs";

/** Files of real trades; see data/README.md. */
export const TRADE_FILES = ["btc", "eth"].map((asset) => `data/trades-${asset}-usdt-2024-08-09.csv`);

/** Resolutions and their seconds, written out once more, so that no mistake is made twice. */
export const SECONDS = Object.entries({
  ...{ "1s": 1n, "5s": 5n, "15s": 15n, "30s": 30n, "1m": 60n, "5m": 300n },
  ...{ "15m": 900n, "30m": 1_800n, "1h": 3_600n, "4h": 14_400n, "1d": 86_400n },
});

const DECIMALS = 12;

/** A decimal in units of 10^-12, exact: everything that tests compare and add has fewer decimals. */
export const units = (value: number | string): bigint => {
  const [, whole = "", fraction = ""] = /^(\d+)(?:\.(\d+))?$/.exec(String(value)) ?? [];
  if (whole === "" || fraction.length > DECIMALS) throw new Error(`Not a decimal this can hold: ${value}`);
  return BigInt(whole + fraction.padEnd(DECIMALS, "0"));
};

/** Candle by candle `time open high low close volume`, straight from the file: whole numbers only, no bars. */
export const candlesOfTrades = (file: string, seconds: bigint): bigint[][] => {
  const candles: bigint[][] = [];
  for (const line of readFileSync(file, "utf8").trim().split("\n").slice(1)) {
    const [timestamp = "", , price = "", size = ""] = line.split(",");
    const start = (BigInt(timestamp) / (seconds * 1_000n)) * seconds * 1_000n;
    const p = units(price);
    const last = candles.at(-1);
    if (last?.[0] !== start) {
      candles.push([start, p, p, p, p, units(size)]);
      continue;
    }
    const [, open = 0n, high = 0n, low = 0n, , volume = 0n] = last;
    const values = [start, open, p > high ? p : high, p < low ? p : low, p, volume + units(size)];
    candles[candles.length - 1] = values;
  }
  return candles;
};

interface Candle {
  readonly timestamp: number;
  readonly open: number | string;
  readonly high: number | string;
  readonly low: number | string;
  readonly close: number | string;
  readonly volume: number | string;
}

/** The same of candles that have been received. */
export const exactly = (candles: readonly Candle[]): bigint[][] =>
  candles.map(({ timestamp, open, high, low, close, volume }) => [
    BigInt(timestamp),
    ...[open, high, low, close, volume].map(units),
  ]);
