import { WsClients } from "../client/ws-clients.ts";
import { cpuMs } from "../lib/cpu.ts";
import { publicationOf } from "../lib/events.ts";
import { residentBytes } from "../lib/memory.ts";
import { recordedBars } from "../lib/recorded-bars.ts";
import { formatSpread, spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import type { Options, Report, Scenario } from "./scenario.ts";

const SYMBOL = "BTC-USD";
/** Events in one publish request, as from a feed that gathers for a moment. */
const BATCH = 5;
const WARM_UP_EVENTS = 20;

interface Row {
  readonly round: number;
  readonly compressed: boolean;
  readonly bytesPerDelivery: number;
  readonly serverCpuUs: number;
  readonly deliveriesPerSecond: number;
  /** Resident memory of the server that its sockets added, once each had got events. */
  readonly memoryPerSocket: number;
}

/** A fresh server, all of whose clients ask for compression, or none. */
const measure = async (
  round: number,
  compressed: boolean,
  { sockets, events }: Options,
  signal: AbortSignal,
): Promise<Row> => {
  signal.throwIfAborted();
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
    const memoryBefore = residentBytes(target.pids) ?? Number.NaN;
    await clients.connect(target, sockets, compressed);
    await publish(0, WARM_UP_EVENTS);
    const memoryPerSocket = ((residentBytes(target.pids) ?? Number.NaN) - memoryBefore) / sockets;
    const bytesBefore = clients.bytesRead();
    const cpuBefore = cpuMs(target.pids) ?? Number.NaN;
    const startedAt = performance.now();
    await publish(WARM_UP_EVENTS, WARM_UP_EVENTS + events);
    const elapsedMs = performance.now() - startedAt;
    const deliveries = sockets * events;
    return {
      round,
      compressed,
      bytesPerDelivery: (clients.bytesRead() - bytesBefore) / deliveries,
      serverCpuUs: (((cpuMs(target.pids) ?? Number.NaN) - cpuBefore) * 1_000) / deliveries,
      deliveriesPerSecond: deliveries / (elapsedMs / 1_000),
      memoryPerSocket,
    };
  } finally {
    clients.stop();
    await target.stop();
  }
};

const format = (rows: readonly Row[]): string => {
  const plainOf = (round: number): Row | undefined =>
    rows.find((row) => row.round === round && !row.compressed);
  const ratio = (own: readonly Row[], value: (row: Row) => number): string => {
    const ratios = own.flatMap((row) => {
      const plain = plainOf(row.round);
      return plain === undefined ? [] : [value(row) / value(plain)];
    });
    return formatSpread(spreadOf(ratios), (x) => x.toFixed(2));
  };
  const measures: readonly (readonly [name: string, value: (row: Row) => number, digits: number])[] = [
    ["bytes a delivery", (row) => row.bytesPerDelivery, 0],
    ["server CPU µs/delivery", (row) => row.serverCpuUs, 1],
    ["deliveries/s", (row) => row.deliveriesPerSecond, 0],
    ["server memory KB/socket", (row) => row.memoryPerSocket / 1_000, 1],
  ];
  const lines = measures.map(([name, value, digits]) => {
    const of = (compressed: boolean): Row[] => rows.filter((row) => row.compressed === compressed);
    const spread = (own: readonly Row[]): string =>
      formatSpread(spreadOf(own.map(value)), (x) => x.toFixed(digits));
    return [name, spread(of(false)), spread(of(true)), ratio(of(true), value)];
  });
  return formatTable(["", "plain", "permessage-deflate", "ratio"], lines);
};

export const compression: Scenario = {
  summary: "recorded market events to clients with and without permessage-deflate",
  targets: [ledgercore],
  run: async (options, progress, signal): Promise<Report> => {
    const rows: Row[] = [];
    for (let round = 0; round < options.rounds; round++) {
      progress(`round ${round + 1} of ${options.rounds}`);
      for (const compressed of round % 2 === 0 ? [false, true] : [true, false]) {
        rows.push(await measure(round, compressed, options, signal));
      }
    }
    return { text: format(rows), samples: rows, faults: [] };
  },
};
