import type { Bar } from "../lib/chart.ts";
import {
  type Column,
  cell,
  cellsOf,
  count,
  decimals,
  headsOf,
  judge,
  type Measured,
  megabytes,
  percent,
  ratios,
  thousands,
} from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { Publishing, Sample } from "./measure.ts";
import type { Goal, Report } from "./scenario.ts";

const SERVERS = [ledgercore.name, bareDo.name, socketioRedis.name];
/** What the service is compared with, and the least share of its speed that the service is to have. */
const AIMS: readonly (readonly [other: string, atLeast: number])[] = [
  [bareDo.name, 0.95],
  [socketioRedis.name, 1.2],
];

export type Pace = Omit<Publishing, "events">;

/** Who listens, and how it is published to them. */
export interface Audience {
  readonly sockets: number;
  /** Whether they offer permessage-deflate, as browsers do. */
  readonly offer: boolean;
  readonly paces: readonly Pace[];
}

export interface BurstRow extends Sample, Measured, Publishing {
  readonly sockets: number;
  readonly offer: boolean;
}

/** What was measured of one pace with one audience. */
interface Case {
  readonly audience: Audience;
  readonly pace: Pace;
  readonly rows: readonly BurstRow[];
}

const casesOf = (audiences: readonly Audience[], rows: readonly BurstRow[]): Case[] =>
  audiences.flatMap((audience) =>
    audience.paces.map((pace) => ({
      audience,
      pace,
      rows: rows.filter(
        (row) =>
          row.sockets === audience.sockets &&
          row.offer === audience.offer &&
          row.batch === pace.batch &&
          row.atOnce === pace.atOnce,
      ),
    })),
  );

const paceName = ({ batch, atOnce }: Pace): string =>
  `${batch} a request${atOnce === 1 ? "" : `, ${atOnce} at once`}`;

const audienceName = ({ sockets, offer }: Omit<Audience, "paces">): string =>
  `1→${count(sockets)}${offer ? ", offering compression" : ""}`;

const caseName = ({ audience, pace }: Case): string => `${audienceName(audience)}, ${paceName(pace)}`;

const speed = (row: BurstRow): number => row.deliveriesPerSecond;

const ratiosTo = (other: string, { rows }: Case): number[] => ratios(rows, ledgercore.name, other, speed);

const ratioTable = (cases: readonly Case[]): string =>
  formatTable(
    ["LedgerCore's deliveries/s", ...AIMS.map(([other]) => `to ${other}`)],
    cases.map((one) => [caseName(one), ...AIMS.map(([other]) => cell(ratiosTo(other, one), decimals(2)))]),
  );

const COLUMNS: readonly Column<BurstRow>[] = [
  ["deliveries/s", speed, thousands],
  ["server CPU µs/delivery", (row) => row.serverCpuUs, decimals(1)],
  ["server peak MB", (row) => row.serverPeakBytes, megabytes],
  ["load client busy", (row) => row.clientBusy, percent],
  ["publisher busy", (row) => row.publisherBusy, percent],
];

const detailTable = (cases: readonly Case[]): string =>
  formatTable(
    ["published", "server", ...headsOf(COLUMNS)],
    cases.flatMap(({ pace, rows }) =>
      SERVERS.map((name) => [
        paceName(pace),
        name,
        ...cellsOf(
          rows.filter(({ contender }) => contender === name),
          COLUMNS,
        ),
      ]),
    ),
  );

const goalsOf = (one: Case): Goal[] =>
  AIMS.map(([other, atLeast]) =>
    judge(
      `Burst ${caseName(one)}: at least ${atLeast} × ${other}`,
      ratiosTo(other, one),
      { atLeast },
      decimals(2),
    ),
  );

const barsOf = (one: Case): Bar[] =>
  SERVERS.map((series) => ({
    group: caseName(one),
    series,
    ...spreadOf(one.rows.filter(({ contender }) => contender === series).map(speed)),
  }));

const faultsOf = (row: BurstRow): string[] =>
  row.lost + row.doubled + row.reordered === 0
    ? []
    : [
        `${row.contender}, round ${row.round + 1}, ${audienceName(row)}, ${paceName(row)}: ` +
          `${row.lost} lost, ${row.doubled} doubled, ${row.reordered} reordered`,
      ];

export const reportOf = (audiences: readonly Audience[], rows: readonly BurstRow[]): Report => {
  const cases = casesOf(audiences, rows);
  const details = audiences.map((audience) =>
    [
      `### ${audienceName(audience)}`,
      // Any that got it would have failed.
      ...(audience.offer ? ["Every client offered permessage-deflate; no server took it."] : []),
      detailTable(cases.filter((one) => one.audience === audience)),
    ].join("\n\n"),
  );
  return {
    text: [ratioTable(cases), ...details].join("\n\n"),
    rows,
    goals: cases.flatMap(goalsOf),
    charts: [
      {
        kind: "bars",
        name: "fan-out",
        title: "Burst: deliveries a second",
        valueTitle: "deliveries/s: median, lowest and highest",
        bars: cases.flatMap(barsOf),
      },
    ],
    faults: rows.flatMap(faultsOf),
  };
};
