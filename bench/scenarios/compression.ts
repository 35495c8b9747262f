import { WsClients } from "../client/ws-clients.ts";
import { publicationOf } from "../lib/events.ts";
import { residentBytes } from "../lib/memory.ts";
import { recordedBars } from "../lib/recorded-bars.ts";
import { type Column, cell, decimals, type Measured, megabytes, ratios, thousands } from "../lib/report.ts";
import { formatTable } from "../lib/table.ts";
import { runInTurn, runRounds } from "../lib/turns.ts";
import { meter } from "../lib/usage.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import type { Context, Report, Scenario } from "./scenario.ts";

const SYMBOL = "BTC-USD";
/** Events in one publish request, as from a feed that gathers for a moment. */
const BATCH = 5;
const WARM_UP_EVENTS = 20;

/** What is compared: what clients ask for, and get. */
const PLAIN = "plain";
const DEFLATE = "permessage-deflate";

interface Row extends Measured {
  readonly bytesPerDelivery: number;
  readonly deliveriesPerSecond: number;
  /** What the server used; absent where the platform does not tell. */
  readonly serverCpuUs?: number;
  readonly serverPeakBytes?: number;
  /** Resident memory that its sockets added, once each had got events. */
  readonly memoryPerSocket?: number;
}

/** A fresh server, all of whose clients ask for compression, or none. */
const measure = async (
  round: number,
  contender: string,
  { sockets, events }: Context<"sockets" | "events">["options"],
): Promise<Row> => {
  const target = await ledgercore.start({ sockets, compression: true });
  const clients = new WsClients();
  const bars = recordedBars(SYMBOL, WARM_UP_EVENTS + events).map(publicationOf);
  const publish = async (from: number, to: number): Promise<void> => {
    for (let start = from; start < to; start += BATCH) {
      await target.publish(bars.slice(start, Math.min(start + BATCH, to)));
    }
    await clients.until(to * sockets);
  };
  try {
    const memoryBefore = residentBytes(target.pids);
    await clients.connect(target, sockets, contender === DEFLATE);
    await publish(0, WARM_UP_EVENTS);
    const memoryAfter = residentBytes(target.pids);
    const bytesBefore = clients.bytesRead();
    const usage = meter(target.pids);
    const startedAt = performance.now();
    await publish(WARM_UP_EVENTS, WARM_UP_EVENTS + events);
    const elapsedMs = performance.now() - startedAt;
    const { serverCpuMs, serverPeakBytes } = usage();
    const deliveries = sockets * events;
    return {
      round,
      contender,
      bytesPerDelivery: (clients.bytesRead() - bytesBefore) / deliveries,
      deliveriesPerSecond: deliveries / (elapsedMs / 1_000),
      ...(serverCpuMs !== undefined && { serverCpuUs: (serverCpuMs * 1_000) / deliveries }),
      ...(serverPeakBytes !== undefined && { serverPeakBytes }),
      ...(memoryBefore !== undefined &&
        memoryAfter !== undefined && { memoryPerSocket: (memoryAfter - memoryBefore) / sockets }),
    };
  } finally {
    clients.stop();
    await target.stop();
  }
};

const MEASURES: readonly Column<Row>[] = [
  ["bytes a delivery", (row) => row.bytesPerDelivery, decimals(0)],
  ["server CPU µs/delivery", (row) => row.serverCpuUs, decimals(1)],
  ["deliveries/s", (row) => row.deliveriesPerSecond, thousands],
  ["server memory KB/socket", (row) => row.memoryPerSocket, (bytes) => (bytes / 1e3).toFixed(1)],
  ["peak memory MB", (row) => row.serverPeakBytes, megabytes],
];

const format = (rows: readonly Row[]): string =>
  formatTable(
    [`ratio of ${DEFLATE} to ${PLAIN}`, "", PLAIN, DEFLATE],
    MEASURES.map(([name, value, format]) => [
      cell(ratios(rows, DEFLATE, PLAIN, value), decimals(2)),
      name,
      ...[PLAIN, DEFLATE].map((contender) =>
        cell(rows.filter((row) => row.contender === contender).map(value), format),
      ),
    ]),
  );

export const compression: Scenario<"sockets" | "events"> = {
  name: "compression",
  summary: "recorded market events to clients with and without permessage-deflate",
  rounds: 5,
  options: {
    sockets: { default: 500, help: "clients on the ws package" },
    events: { default: 200, help: "events in each measurement" },
  },
  targets: [ledgercore],
  run: async (context): Promise<Report> => {
    const rows = await runRounds(context, (round) =>
      runInTurn([PLAIN, DEFLATE], round, context.signal, async (contender) => [
        await measure(round, contender, context.options),
      ]),
    );
    return { text: format(rows), rows, goals: [], charts: [], faults: [] };
  },
};
