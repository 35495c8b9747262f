import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { io, type Socket } from "socket.io-client";
import { readTrades } from "../../scripts/lib/bars.ts";
import { ROOT } from "../../scripts/lib/wrangler.ts";
import { createEvents, EVENT, publicationOf, ROOM } from "../lib/events.ts";
import { cell, decimals, type Measured } from "../lib/report.ts";
import { percentile } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { runInTurn, runRounds } from "../lib/turns.ts";
import { meter, type Usage } from "../lib/usage.ts";
import { type LedgerCoreTarget, ledgercore } from "../servers/ledgercore.ts";
import type { Report, Scenario } from "./scenario.ts";

const ROWS = 100_000;
/** Between two ticks, in ms. */
const TICK_MS = 5;
const IMPORT_BATCH = 5_000;
const FIRST_TICK = 1_723_161_600_000;

/** Every trade of the file, ten times over. */
const SQL = `SELECT t.* FROM trades t,
  (VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9), (10)) LIMIT ${ROWS}`;

/** What may be sent before the client has read, in characters: as configured by default, and more than there is. */
const PACES = { "as it is read": "", "all at once": "100000000" } as const;

type Pace = keyof typeof PACES;

/** What is compared is the pace. */
interface Row extends Measured {
  readonly contender: Pace;
  /** ms from publishing a tick to its arrival, while nothing else happens and while the rows arrive. */
  readonly idle: readonly number[];
  readonly during: readonly number[];
  /** ms from the request to `query_completed`. */
  readonly queryMs: number;
  readonly bytes: number;
  /** What the server used during the query. */
  readonly usage: Usage;
}

const importTrades = async (target: LedgerCoreTarget): Promise<void> => {
  const trades = readTrades(path.join(ROOT, "data/trades-btc-usdt-2024-08-09.csv"));
  for (let position = 0; position < trades.length; position += IMPORT_BATCH) {
    const rows = trades.slice(position, position + IMPORT_BATCH).map(({ timestamp, price }, index) => ({
      ...{ symbol: "BTC-USDT", venue: "binance", trade_id: String(position + index) },
      ...{ timestamp: String(timestamp), price: String(price), size: "0.00017", side: "buy" },
    }));
    await target.post("/api/applications/demo/import/trades", { source: "bench", position, rows });
  }
};

/** A stock client that has subscribed, and the ticks on their way to it. */
class TickClient {
  readonly socket: Socket;
  readonly #target: LedgerCoreTarget;
  readonly #publishedAt = new Map<number, number>();
  readonly #arrivals = new Map<number, () => void>();
  #latencies: number[] = [];
  #next = FIRST_TICK;

  constructor(target: LedgerCoreTarget) {
    this.#target = target;
    this.socket = io(target.url.href, {
      transports: ["websocket"],
      forceNew: true,
      auth: { token: target.plan.protocol === "socket.io" ? target.plan.tokens[0] : "" },
    });
    this.socket.on(EVENT, ({ timestamp }: { timestamp: number }) => {
      this.#latencies.push(performance.now() - (this.#publishedAt.get(timestamp) ?? Number.NaN));
      this.#arrivals.get(timestamp)?.();
    });
  }

  async subscribe(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once("connect_error", reject);
      this.socket.once("subscribed", () => resolve());
      this.socket.emit("subscribe", { room: ROOM });
    });
  }

  /** Publishes ticks until told to stop, waits for all of them, and returns their latencies. */
  async tick(goOn: () => boolean): Promise<readonly number[]> {
    this.#latencies = [];
    const arrived: Promise<void>[] = [];
    while (goOn()) {
      const timestamp = this.#next++;
      arrived.push(new Promise((resolve) => this.#arrivals.set(timestamp, resolve)));
      this.#publishedAt.set(timestamp, performance.now());
      await this.#target.publish(createEvents(timestamp, 1).map(publicationOf));
      await sleep(TICK_MS);
    }
    await Promise.all(arrived);
    return this.#latencies;
  }
}

const runQuery = (socket: Socket): Promise<{ ms: number; bytes: number; rows: number }> =>
  new Promise((resolve, reject) => {
    const startedAt = performance.now();
    let bytes = 0;
    let rows = 0;
    socket.io.engine.on("packet", ({ data }: { data?: string }) => {
      bytes += data?.length ?? 0;
    });
    socket.on("query_response", (answer: { rows: unknown[] }) => {
      rows += answer.rows.length;
    });
    socket.once("query_completed", () => resolve({ ms: performance.now() - startedAt, bytes, rows }));
    socket.once("query_error", ({ message }: { message: string }) => reject(new Error(message)));
    socket.emit("query", { sql: SQL, applicationId: "demo" });
  });

const measure = async (round: number, pace: Pace, events: number): Promise<Row> => {
  const target = await ledgercore.start({
    sockets: 10,
    vars: { STREAM_WINDOW: PACES[pace], CREDIT_COSTS: "none" },
  });
  const client = new TickClient(target);
  try {
    await importTrades(target);
    await client.subscribe();
    await client.tick(ticks(50));
    const idle = await client.tick(ticks(events));
    const usage = meter(target.pids);
    let done = false;
    const answer = runQuery(client.socket).finally(() => {
      done = true;
    });
    const [during, { ms: queryMs, bytes, rows }] = await Promise.all([client.tick(() => !done), answer]);
    if (rows !== ROWS) throw new Error(`${rows} rows came instead of ${ROWS}.`);
    return { round, contender: pace, idle, during, queryMs, bytes, usage: usage() };
  } finally {
    client.socket.disconnect();
    await target.stop();
  }
};

const ticks = (count: number): (() => boolean) => {
  let left = count;
  return () => left-- > 0;
};

const format = (rows: readonly Row[]): string => {
  const lines = (Object.keys(PACES) as Pace[]).map((pace) => {
    const own = rows.filter(({ contender }) => contender === pace);
    const column = (value: (row: Row) => number, digits: number): string =>
      cell(own.map(value), decimals(digits));
    return [
      ...[0.5, 0.99].map((p) => column(({ idle, during }) => percentile(during, p) / percentile(idle, p), 2)),
      pace,
      ...[0.5, 0.99].map(
        (p) =>
          `${column(({ idle }) => percentile(idle, p), 1)} → ${column(({ during }) => percentile(during, p), 1)}`,
      ),
      column(({ queryMs }) => queryMs, 0),
      column(({ bytes }) => bytes / 1e6, 1),
    ];
  });
  const head = ["p50 ratio", "p99 ratio", "answers", "p50 ms, idle → during", "p99 ms, idle → during"];
  return formatTable([...head, "query ms", "MB"], lines);
};

export const query: Scenario<"events"> = {
  name: "query",
  summary: `latency of ticks to a socket that receives ${ROWS} rows of a query`,
  rounds: 5,
  options: { events: { default: 200, help: "ticks before the query" } },
  targets: [ledgercore],
  run: async (context): Promise<Report> => {
    const rows = await runRounds(context, (round) =>
      runInTurn(Object.keys(PACES) as Pace[], round, context.signal, async (pace) => [
        await measure(round, pace, context.options.events),
      ]),
    );
    return { text: format(rows), rows, goals: [], charts: [], faults: [] };
  },
};
