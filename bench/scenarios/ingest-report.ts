import type { Bar, Chart } from "../lib/chart.ts";
import {
  type Column,
  cell,
  cellsOf,
  decimals,
  headsOf,
  type Measured,
  percent,
  ratios,
  thousands,
} from "../lib/report.ts";
import type { EventClass } from "../lib/stamped.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { ledgercore, ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";

export const KINDS = [ledgercore, ledgercoreInMemory, socketioRedis];
export const PEER = socketioRedis.name;
const OWN = [ledgercore.name, ledgercoreInMemory.name];

/** How events are published, and to whom. */
export interface Job {
  readonly eventClass: EventClass;
  /** Markets or users, with one subscriber each. */
  readonly rooms: number;
  readonly batch: number;
  /** Requests on their way at a time. */
  readonly atOnce: number;
  /** Whether each event has an id. */
  readonly ids: boolean;
}

export interface Row extends Job, Measured {
  /** Until the server has taken all of them. */
  readonly acceptedPerSecond: number;
  /** Until the subscribers have all of them. */
  readonly deliveredPerSecond: number;
  /** CPU time of the server for one event, from its acceptance to its delivery, µs. */
  readonly serverCpuUs: number | undefined;
  readonly publisherBusy: number;
  readonly lost: number;
  readonly doubled: number;
  readonly reordered: number;
}

/** Whom the events are for. */
const audienceName = ({ eventClass, rooms }: Job): string =>
  `${eventClass} events, ${rooms} ${eventClass === "market" ? "room" : "user"}${rooms === 1 ? "" : "s"}`;

const paceName = ({ batch, atOnce, ids }: Job): string =>
  [`${batch} a request`, ...(atOnce === 1 ? [] : [`${atOnce} at once`]), ...(ids ? ["ids"] : [])].join(", ");

const jobName = (job: Job): string => `${audienceName(job)}, ${paceName(job)}`;

interface Case {
  readonly job: Job;
  readonly rows: readonly Row[];
}

const rowsOf = ({ rows }: Case, name: string): readonly Row[] =>
  rows.filter(({ contender }) => contender === name);

const RATIOS: readonly Column<Row>[] = [
  ["accepted/s", (row) => row.acceptedPerSecond, decimals(2)],
  ["delivered/s", (row) => row.deliveredPerSecond, decimals(2)],
  ["CPU", (row) => row.serverCpuUs, decimals(2)],
];

/** Only without ids, which the peer does not know. */
const ratioTable = (cases: readonly Case[], name: string): string =>
  formatTable(
    [`${name} to ${PEER}`, ...headsOf(RATIOS)],
    cases
      .filter(({ job }) => !job.ids)
      .map(({ job, rows }) => [
        jobName(job),
        ...RATIOS.map(([, value, format]) => cell(ratios(rows, name, PEER, value), format)),
      ]),
  );

const COLUMNS: readonly Column<Row>[] = [
  ["accepted events/s", (row) => row.acceptedPerSecond, thousands],
  ["delivered events/s", (row) => row.deliveredPerSecond, thousands],
  ["server CPU µs/event", (row) => row.serverCpuUs, decimals(1)],
  ["publisher busy", (row) => row.publisherBusy, percent],
];

const detailTable = (cases: readonly Case[], audience: string): string =>
  formatTable(
    [audience, "server", ...headsOf(COLUMNS)],
    cases
      .filter(({ job }) => audienceName(job) === audience)
      .flatMap((one) =>
        KINDS.map(({ name }) => ({ name, own: rowsOf(one, name) }))
          .filter(({ own }) => own.length > 0)
          .map(({ name, own }) => [paceName(one.job), name, ...cellsOf(own, COLUMNS)]),
      ),
  );

/** Ratios first, then a table of each audience. */
export const tables = (cases: readonly Case[]): string[] => [
  ...OWN.map((name) => ratioTable(cases, name)),
  ...[...new Set(cases.map(({ job }) => audienceName(job)))].map((audience) => detailTable(cases, audience)),
];

export const casesOf = (jobs: readonly Job[], rows: readonly Row[]): Case[] =>
  jobs.map((job) => ({ job, rows: rows.filter((row) => jobName(row) === jobName(job)) }));

const barsOf = (one: Case): Bar[] =>
  KINDS.map(({ name }) => ({
    group: jobName(one.job),
    series: name,
    ...spreadOf(rowsOf(one, name).map((row) => row.deliveredPerSecond)),
  }));

export const chartOf = (cases: readonly Case[]): Chart => ({
  kind: "bars",
  name: "ingest",
  title: "Ingest: events from publisher to subscriber",
  valueTitle: "events/s",
  bars: cases.filter(({ job }) => !job.ids).flatMap(barsOf),
});

export const faultsOf = (row: Row): string[] =>
  row.lost + row.doubled + row.reordered === 0
    ? []
    : [
        `${row.contender}, round ${row.round + 1}, ${jobName(row)}: ` +
          `${row.lost} lost, ${row.doubled} doubled, ${row.reordered} reordered`,
      ];
