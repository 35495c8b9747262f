import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { type Bar, BarBuilder, readTrades } from "../../../scripts/lib/bars.ts";

const fileOf = (pair: string) =>
  path.resolve(import.meta.dirname, `../../../data/trades-${pair}-usdt-2024-08-09.csv`);

/** A decimal in units of 10^-8, read by other means than the script's. */
const exact = (text: string): bigint => {
  const point = text.includes(".") ? text.indexOf(".") : text.length;
  const decimals = Math.max(0, text.length - point - 1);
  return BigInt(text.replace(".", "")) * 10n ** BigInt(8 - decimals);
};

const decimal = (units: bigint): number =>
  Number(`${units / 10n ** 8n}.${String(units % 10n ** 8n).padStart(8, "0")}`);

describe.each([
  ["btc", 10_147],
  ["eth", 8_409],
])("MKT-1 bars of the real trades in %s", (pair, count) => {
  const file = fileOf(pair);
  const rows = readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.split(","));
  const builder = new BarBuilder("X-USD");
  const updates = readTrades(file).map((trade) => builder.add(trade));

  it("give an update for every trade", () => {
    expect(rows.length).toBe(count);
    expect(updates.length).toBe(count);
  });

  it("are what the trades of their second say, volumes exact", () => {
    const seconds = Map.groupBy(rows, ([timestamp = ""]) => timestamp.slice(0, -3));
    const expected = [...seconds].map(([second, trades]): Bar => {
      const prices = trades.map(([, , price]) => Number(price));
      const volume = trades.reduce((sum, [, , , size = ""]) => sum + exact(size), 0n);
      return {
        symbol: "X-USD",
        open: prices[0] ?? Number.NaN,
        high: prices.toSorted((a, b) => b - a)[0] ?? Number.NaN,
        low: prices.toSorted((a, b) => a - b)[0] ?? Number.NaN,
        close: prices.at(-1) ?? Number.NaN,
        volume: decimal(volume),
        timestamp: Number(`${second}000`),
      };
    });
    const last = new Map(updates.map((bar) => [bar.timestamp, bar]));
    expect([...last.values()]).toEqual(expected);
  });

  it("replace their own earlier states: each continues the one before, or begins a later bar", () => {
    for (const [index, bar] of updates.entries()) {
      const before = updates[index - 1];
      expect(bar.low <= Math.min(bar.open, bar.close) && bar.high >= Math.max(bar.open, bar.close)).toBe(
        true,
      );
      if (before === undefined || bar.timestamp > before.timestamp) {
        expect(bar.open).toBe(bar.close);
        continue;
      }
      expect(bar.timestamp).toBe(before.timestamp);
      expect(bar.open).toBe(before.open);
      expect(bar.high >= before.high && bar.low <= before.low && bar.volume > before.volume).toBe(true);
    }
  });
});
