import { type Driven, disorderOf, lostOf } from "../lib/drive.ts";
import { type Column, decimals, type Measured, megabytes, percent } from "../lib/report.ts";
import { CLASSES, type EventClass } from "../lib/stamped.ts";

/** One contender's share of a round. */
export interface DrivenRow extends Measured, Driven {}

export const latency =
  (name: EventClass, figure: "p50" | "p99" | "max") =>
  ({ watched }: Driven): number =>
    watched.classes[name][figure];

const received = ({ watched }: Driven): number =>
  CLASSES.reduce((sum, name) => sum + watched.classes[name].count, 0);

export const latencyColumns = (name: EventClass): readonly Column<Driven>[] =>
  (["p50", "p99", "max"] as const).map((figure) => [
    `${name} ${figure} ms`,
    latency(name, figure),
    decimals(1),
  ]);

/** What it cost, and whether something else than the server was the bottleneck. */
export const COST_COLUMNS: readonly Column<Driven>[] = [
  [
    "server CPU µs/delivery",
    (row) => row.usage.serverCpuMs && (row.usage.serverCpuMs * 1_000) / received(row),
    decimals(1),
  ],
  ["server peak MB", ({ usage }) => usage.serverPeakBytes, megabytes],
  ["publisher late p99 ms", ({ offered }) => offered.market.offeredLate.p99, decimals(1)],
  ["sent late p99 ms", ({ offered }) => offered.market.sentLate.p99, decimals(1)],
  ["load client busy", ({ watched }) => watched.clientCpuMs / watched.elapsedMs, percent],
];

const plural = (count: number, what: string): string[] => (count === 0 ? [] : [`${count} ${what}`]);

/** What went wrong. `mayDrop`: states of a market may be left out, if its newest comes. */
export const faultsOf = (row: DrivenRow, what: string, mayDrop: boolean): string[] => {
  const faults = [
    ...plural(mayDrop ? 0 : lostOf(row, "market"), "market events lost"),
    ...plural(row.watched.behind, "sockets without the newest state"),
    ...plural(lostOf(row, "personal"), "personal events lost"),
    ...CLASSES.flatMap((name) => plural(disorderOf(row, name), `${name} events doubled or out of order`)),
  ];
  return faults.length === 0
    ? []
    : [`${row.contender}, round ${row.round + 1}, ${what}: ${faults.join(", ")}`];
};
