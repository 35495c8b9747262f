import type { Row } from "../../../../../src/backends/embedded/dataset/rows.ts";
import type { Table } from "../../../../../src/backends/embedded/dataset/schema.ts";

export const ADDRESS = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

interface GoodRow {
  /** As a CSV file has it. */
  readonly text: Readonly<Record<string, string>>;
  readonly stored: Row;
}

/** A good row of each table. */
export const GOOD: Readonly<Record<Table, GoodRow>> = {
  bars: {
    text: {
      symbol: "BTC-USDT",
      venue: "binance",
      timestamp: "1723161601000",
      open: "61685.99",
      high: "61690",
      low: "61680.1",
      close: "61686",
      volume: "1.52345",
    },
    stored: {
      symbol: "BTC-USDT",
      venue: "binance",
      timestamp: 1723161601000,
      open: 61685.99,
      high: 61690,
      low: 61680.1,
      close: 61686,
      volume: 1.52345,
    },
  },
  trades: {
    text: {
      symbol: "BTC-USDT",
      venue: "binance",
      trade_id: "3735693016",
      timestamp: "1723161601437",
      price: "61685.99",
      size: "0.00017",
      side: "sell",
    },
    stored: {
      symbol: "BTC-USDT",
      venue: "binance",
      trade_id: "3735693016",
      timestamp: 1723161601437,
      price: 61685.99,
      size: 0.00017,
      side: "sell",
    },
  },
  transfers: {
    text: {
      chain: "bitcoin",
      hash: "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
      position: "0",
      timestamp: "1723161601437",
      from_address: ADDRESS,
      to_address: "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S",
      asset: "BTC",
      amount: "10.00",
      usd: "616859.9",
    },
    stored: {
      chain: "bitcoin",
      hash: "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16",
      position: 0,
      timestamp: 1723161601437,
      from_address: ADDRESS,
      to_address: "12cbQLTFMXRnSzktFkuoG3eHoMeFtpTu3S",
      asset: "BTC",
      amount: "10.00",
      usd: 616859.9,
    },
  },
  address_labels: {
    text: {
      chain: "bitcoin",
      address: ADDRESS,
      label: "Genesis",
      category: "miner",
      jurisdiction: "DE",
      source: "example",
      as_of: "2024-09-27",
    },
    stored: {
      chain: "bitcoin",
      address: ADDRESS,
      label: "Genesis",
      category: "miner",
      jurisdiction: "DE",
      source: "example",
      as_of: "2024-09-27",
    },
  },
};
