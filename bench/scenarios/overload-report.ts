import type { LineChart } from "../lib/chart.ts";
import { type Driven, lostOf } from "../lib/drive.ts";
import { type Column, cellsOf, count, decimals, headsOf, judge, percent } from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { ledgercoreInMemory } from "../servers/ledgercore.ts";
import type { TargetKind } from "../servers/target.ts";
import { COST_COLUMNS, type DrivenRow, faultsOf, latencyColumns } from "./driven-table.ts";
import type { Report } from "./scenario.ts";

export interface OverloadRow extends DrivenRow {
  /** Events a second that the server was found to deliver, and that were then offered. */
  readonly capacity: number;
  readonly rate: number;
  /** When the last event was due, see `monotonicMs`. */
  readonly stoppedAt: number;
  /** States that the server says it left out for newer ones, counted for each gateway; absent where it does not say. */
  readonly conflated?: number;
}

/** The end of the offering, ms: so long before it stops. */
const END_MS = 1_000;
/** One point of the chart, in s. */
const POINT_S = 0.5;
const MAX_STALENESS_MS = 250;

const staleAtEnd =
  (figure: "p50" | "p99") =>
  ({ watched, stoppedAt }: OverloadRow): number =>
    spreadOf(
      watched.staleness
        .filter(({ at }) => at > stoppedAt - END_MS && at <= stoppedAt)
        .map((sample) => sample[figure]),
    ).median;

/** How long after the last event was due everyone had the newest state. */
const drainMs = ({ watched, stoppedAt }: OverloadRow): number | undefined =>
  watched.behind > 0 || watched.lastAt === undefined ? undefined : watched.lastAt - stoppedAt;

/** Events a second that came to everyone until all were up to date. */
const deliveredPerSecond = ({ offered: { market }, watched, startedAt }: OverloadRow): number | undefined =>
  watched.lastAt === undefined
    ? undefined
    : (market.events * watched.classes.market.count) /
      market.deliveries /
      ((watched.lastAt - startedAt) / 1_000);

const dropped = (row: Driven): number => lostOf(row, "market") / row.offered.market.deliveries;

const MARKET_COLUMNS: readonly Column<OverloadRow>[] = [
  ["staleness at the end, median ms", staleAtEnd("p50"), decimals(0)],
  ["p99 ms", staleAtEnd("p99"), decimals(0)],
  ["all up to date after ms", drainMs, decimals(0)],
  ["can deliver events/s", ({ capacity }) => capacity, decimals(0)],
  ["offered events/s", ({ rate }) => rate, decimals(0)],
  ["delivered events/s", deliveredPerSecond, decimals(0)],
  ["states left out", dropped, percent],
  ["conflated by its own count", ({ conflated }) => conflated, count],
];

const PERSONAL_COLUMNS: readonly Column<OverloadRow>[] = [
  ["personal lost", (row) => lostOf(row, "personal"), count],
  ["personal later than 1 s", ({ watched }) => watched.classes.personal.late, count],
  ...latencyColumns("personal"),
  ...COST_COLUMNS,
];

const chartOf = (rows: readonly OverloadRow[], kinds: readonly TargetKind[]): LineChart => ({
  kind: "lines",
  name: "overload",
  title: "Overload: age of the newest state that subscribers have",
  xTitle: "seconds",
  yTitle: "median staleness, ms",
  yScale: "log",
  points: kinds.flatMap(({ name }) => {
    const bins = new Map<number, number[]>();
    for (const { watched, startedAt, stoppedAt } of rows.filter(({ contender }) => contender === name)) {
      for (const { at, p50 } of watched.staleness) {
        if (at > stoppedAt) break;
        const x = Math.round((at - startedAt) / 1_000 / POINT_S) * POINT_S;
        bins.set(x, [...(bins.get(x) ?? []), p50]);
      }
    }
    return [...bins].map(([x, values]) => ({ series: name, x, y: spreadOf(values).median }));
  }),
});

export const reportOverload = (
  rows: readonly OverloadRow[],
  kinds: readonly TargetKind[],
  seconds: number,
): Report => {
  const of = (name: string): OverloadRow[] => rows.filter(({ contender }) => contender === name);
  const own = of(ledgercoreInMemory.name);
  return {
    text: [MARKET_COLUMNS, PERSONAL_COLUMNS]
      .map((columns) =>
        formatTable(
          ["server", ...headsOf(columns)],
          kinds.map(({ name }) => [name, ...cellsOf(of(name), columns)]),
        ),
      )
      .join("\n\n"),
    rows,
    goals: [
      judge(
        `median staleness after ${seconds} s at most ${MAX_STALENESS_MS} ms`,
        own.map(staleAtEnd("p50")),
        { atMost: MAX_STALENESS_MS },
        decimals(0),
      ),
      judge(
        "0 personal events lost",
        own.map((row) => lostOf(row, "personal")),
        { atMost: 0 },
        count,
      ),
    ],
    charts: [chartOf(rows, kinds)],
    faults: rows.flatMap((row) => faultsOf(row, "overload", true)),
  };
};
