import type { BarChart } from "../lib/chart.ts";
import { type Driven, lostOf } from "../lib/drive.ts";
import { type Column, cell, cellsOf, decimals, headsOf, judge, percent, ratios } from "../lib/report.ts";
import { CLASSES, type EventClass } from "../lib/stamped.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { TargetKind } from "../servers/target.ts";
import { COST_COLUMNS, type DrivenRow, faultsOf, latency, latencyColumns } from "./driven-table.ts";
import type { Report } from "./scenario.ts";

/** Recorded seconds per second. */
export const SPEEDS = [1, 10, 50] as const;
export type Speed = (typeof SPEEDS)[number];

export interface RealisticRow extends DrivenRow {
  readonly speed: Speed;
}

const offeredPerSecond = ({ offered, startedAt, endedAt }: Driven): number =>
  offered.market.deliveries / ((endedAt - startedAt) / 1_000);

/** States that newer ones replaced before they were sent. */
const replaced = (row: Driven): number => lostOf(row, "market") / row.offered.market.deliveries;

const LATENCY_COLUMNS: readonly Column<Driven>[] = [
  ["deliveries offered/s", offeredPerSecond, decimals(0)],
  ...CLASSES.flatMap(latencyColumns),
  ["states left out", replaced, percent],
];

const ratiosOf = (rows: readonly RealisticRow[], name: EventClass, speed: Speed): number[] =>
  ratios(
    rows.filter((row) => row.speed === speed),
    ledgercoreInMemory.name,
    socketioRedis.name,
    latency(name, "p99"),
  );

const ratioTable = (rows: readonly RealisticRow[]): string =>
  formatTable(
    [`LedgerCore's p99 to ${socketioRedis.name}`, ...CLASSES.map((name) => `${name} events`)],
    SPEEDS.map((speed) => [
      `${speed}×`,
      ...CLASSES.map((name) => cell(ratiosOf(rows, name, speed), decimals(2))),
    ]),
  );

const chartOf = (
  name: EventClass,
  kinds: readonly TargetKind[],
  of: (speed: Speed, kind: TargetKind) => readonly RealisticRow[],
): BarChart => ({
  kind: "bars",
  name: `realistic-${name}`,
  title: `p99 of ${name} events while recorded trades are replayed`,
  valueTitle: "ms",
  bars: SPEEDS.flatMap((speed) =>
    kinds.map((kind) => ({
      group: `${speed}×`,
      series: kind.name,
      ...spreadOf(of(speed, kind).map(latency(name, "p99"))),
    })),
  ),
});

export const reportRealistic = (rows: readonly RealisticRow[], kinds: readonly TargetKind[]): Report => {
  const of = (speed: Speed, { name }: TargetKind): readonly RealisticRow[] =>
    rows.filter((row) => row.speed === speed && row.contender === name);
  const details = [LATENCY_COLUMNS, COST_COLUMNS].map((columns) =>
    formatTable(
      ["speed", "server", ...headsOf(columns)],
      SPEEDS.flatMap((speed) =>
        kinds.map((kind) => [`${speed}×`, kind.name, ...cellsOf(of(speed, kind), columns)]),
      ),
    ),
  );
  return {
    text: [ratioTable(rows), ...details].join("\n\n"),
    rows,
    goals: [
      judge(
        `at 50×, p99 of personal events at most that of ${socketioRedis.name}`,
        ratiosOf(rows, "personal", 50),
        { atMost: 1 },
        decimals(2),
      ),
    ],
    charts: CLASSES.map((name) => chartOf(name, kinds, of)),
    faults: rows.flatMap((row) => faultsOf(row, `${row.speed}×`, true)),
  };
};
