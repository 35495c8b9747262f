import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "csv-parse/sync";
import { assistant } from "../../../../../src/backends/embedded/chat/assistant/assistant.ts";
import { dataOf } from "../../../../../src/backends/embedded/chat/assistant/dataset-data.ts";
import type { ChatEngine, ChatPart, Turn } from "../../../../../src/backends/embedded/chat/engine.ts";
import { Queries } from "../../../../../src/backends/embedded/query/queries.ts";
import type { Clock } from "../../../../../src/lib/clock.ts";
import { TestQueryStorage } from "../../../../support/query-storage.ts";

const ASKER = { applicationId: "demo", userId: "user_1" };
const never = new AbortController().signal;
const noSleep = async () => {};

export interface Trade {
  readonly timestamp: number;
  readonly id: bigint;
  /** As in the file. */
  readonly price: string;
  readonly size: string;
  readonly side: string;
}

const read = (file: string): Record<string, string>[] =>
  parse(readFileSync(path.resolve(import.meta.dirname, "../../../../../data", file)), { columns: true });

/** The real trades, as the files have them. */
export const realTrades = (coin: "btc" | "eth"): Trade[] =>
  read(`trades-${coin}-usdt-2024-08-09.csv`).map((row) => ({
    timestamp: Number(row.timestamp),
    id: BigInt(row.trade_id ?? ""),
    price: row.price ?? "",
    size: row.size ?? "",
    side: row.taker_side ?? "",
  }));

/** A dataset with all of data/, and the engine that answers `query` over it. */
export class RealData {
  readonly storage = new TestQueryStorage();
  readonly queries: Queries;
  readonly trades = { btc: realTrades("btc"), eth: realTrades("eth") };

  constructor(clock: Clock = Date.now) {
    const { database } = this.storage;
    const insert = (table: string, rows: readonly (string | number | null)[][]) => {
      const places = rows[0]?.map(() => "?").join(", ");
      const statement = database.prepare(`INSERT OR IGNORE INTO ${table} VALUES (${places})`);
      for (const row of rows) statement.run(...row);
    };
    database.exec("BEGIN");
    for (const [coin, trades] of Object.entries(this.trades)) {
      insert(
        "trades",
        trades.map((trade) => [
          ...[`${coin.toUpperCase()}-USDT`, "binance", String(trade.id), trade.timestamp],
          ...[Number(trade.price), Number(trade.size), trade.side],
        ]),
      );
    }
    for (const file of ["address-labels-ofac-2024-09-27.csv", "address-labels-synthetic-sample.csv"]) {
      insert("address_labels", read(file).map(Object.values));
    }
    const transfers = read("transfers-synthetic-sample.csv").map((row) =>
      Object.entries(row).map(([name, value]) =>
        name === "usd" && value === ""
          ? null
          : ["position", "timestamp", "usd"].includes(name)
            ? Number(value)
            : value,
      ),
    );
    insert("transfers", transfers);
    database.exec("COMMIT");
    this.queries = new Queries({
      storage: this.storage,
      clock,
      after: () => () => {},
      yieldToOthers: async () => {},
    });
  }

  engine(): ChatEngine {
    return assistant({ dataOf: dataOf({ getByName: () => this.queries }, noSleep) });
  }

  /** Rows of one SELECT, through the engine that answers `query`. */
  async query(sql: string): Promise<readonly Record<string, unknown>[]> {
    const rows = await dataOf({ getByName: () => this.queries }, noSleep)(ASKER, never).ask(sql, []);
    if (!rows.ok) throw new Error(rows.error.message);
    return rows.value;
  }
}

export interface Answered {
  readonly text: string;
  /** The text without the SQL that it shows. */
  readonly prose: string;
  readonly sql: string | undefined;
  readonly deltas: number;
  readonly parts: readonly ChatPart[];
}

/** A conversation, as the handler leads it. */
export class TestConversation {
  readonly #engine: ChatEngine;
  readonly #clock: Clock;
  readonly #turns: Turn[] = [];

  constructor(engine: ChatEngine, clock: Clock = Date.now) {
    this.#engine = engine;
    this.#clock = clock;
  }

  async ask(message: string, context = ""): Promise<Answered> {
    const history = [...this.#turns];
    const at = this.#clock();
    const question = { history, message, context, at, ...ASKER };
    const parts: ChatPart[] = [];
    for await (const part of this.#engine.answer(question, new AbortController().signal)) parts.push(part);
    const deltas = parts.flatMap((part) => (part.type === "delta" ? [part.text] : []));
    const text = deltas.join("");
    const last = parts.at(-1);
    this.#turns.push({ message, context, at, answer: text });
    const sql = last?.type === "done" ? last.sql : undefined;
    return { text, prose: text.split("\n\n```sql")[0] ?? "", sql, deltas: deltas.length, parts };
  }
}
