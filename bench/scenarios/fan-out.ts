import { LoadClient } from "../client/client.ts";
import type { Bar } from "../lib/chart.ts";
import {
  cell,
  count,
  decimals,
  judge,
  type Measured,
  megabytes,
  percent,
  ratios,
  thousands,
} from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { type Contender, type Contest, inTurn, runRounds, withContenders } from "../lib/turns.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import { measure, type Publishing, type Sample } from "./measure.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";

const KINDS = [ledgercore, bareDo, socketioRedis];
const FLOOR = bareDo.name;
const PEER = socketioRedis.name;

/** Requests on their way at a time, where there is more than one. */
const MANY = 8;
/** How events are published: a measurement each. */
const PACES: readonly Pace[] = [
  { batch: 1, atOnce: 1 },
  { batch: 5, atOnce: 1 },
  { batch: 50, atOnce: 1 },
  { batch: 1, atOnce: MANY },
];
/** Events before each measurement, not counted: they wake hibernating objects and warm the code. */
const WARM_UP_EVENTS = 50;

type Pace = Omit<Publishing, "events">;

/** Who listens. */
interface Audience {
  readonly sockets: number;
  /** Whether they offer permessage-deflate, as browsers do. */
  readonly offer: boolean;
  readonly paces: readonly Pace[];
}

interface Row extends Sample, Measured, Pace {
  readonly sockets: number;
  readonly offer: boolean;
}

type Options = Context<"sockets" | "few" | "deliveries">;

const audiencesOf = ({ options: { sockets, few } }: Options): readonly Audience[] => [
  { sockets, offer: false, paces: PACES },
  { sockets: few, offer: false, paces: PACES },
  { sockets, offer: true, paces: PACES.filter(({ batch }) => batch === 5) },
];

/** As many as make the wanted deliveries, in whole requests of any size. */
const eventsOf = (deliveries: number, sockets: number): number =>
  Math.ceil(deliveries / sockets / WARM_UP_EVENTS) * WARM_UP_EVENTS;

const measureOne = async (
  { target, load, kind }: Contender<LoadClient>,
  round: number,
  { sockets, offer }: Audience,
  publishing: Publishing,
): Promise<Row> => {
  const warmUp = await measure(target, load, sockets, { ...publishing, events: WARM_UP_EVENTS });
  const sample = await measure(target, load, sockets, publishing);
  return {
    round,
    contender: kind.name,
    sockets,
    offer,
    ...publishing,
    ...sample,
    // Not counted for speed, but no delivery may be wrong.
    lost: warmUp.lost + sample.lost,
    doubled: warmUp.doubled + sample.doubled,
    reordered: warmUp.reordered + sample.reordered,
  };
};

/** All that is measured with one audience in one round, each contender right after the other. */
const runAudience = (
  audience: Audience,
  round: number,
  { options, signal }: Options,
): Promise<readonly Row[]> => {
  const { sockets, offer, paces } = audience;
  const contest: Contest<LoadClient> = {
    kinds: KINDS,
    targetOptions: { sockets },
    createLoad: () => new LoadClient(),
    connect: (load, target) => load.connect(target, sockets, offer),
  };
  return withContenders(contest, round, signal, async (contenders) => {
    const rows: Row[] = [];
    for (const pace of inTurn(paces, round)) {
      for (const contender of contenders) {
        signal.throwIfAborted();
        const events = eventsOf(options.deliveries, sockets);
        rows.push(await measureOne(contender, round, audience, { ...pace, events }));
      }
    }
    return rows;
  });
};

const paceName = ({ batch, atOnce }: Pace): string =>
  `${batch} a request${atOnce === 1 ? "" : `, ${atOnce} at once`}`;

const audienceName = ({ sockets, offer }: Audience): string =>
  `1→${count(sockets)}${offer ? ", offering compression" : ""}`;

const faultsOf = (row: Row): string[] =>
  row.lost + row.doubled + row.reordered === 0
    ? []
    : [
        `${row.contender}, round ${row.round + 1}, 1→${row.sockets}, ${paceName(row)}: ` +
          `${row.lost} lost, ${row.doubled} doubled, ${row.reordered} reordered`,
      ];

/** What was measured of one pace with one audience. */
interface Case {
  readonly audience: Audience;
  readonly pace: Pace;
  readonly rows: readonly Row[];
}

const casesOf = (audiences: readonly Audience[], rows: readonly Row[]): Case[] =>
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

const speed = (row: Row): number => row.deliveriesPerSecond;

const ratioTable = (cases: readonly Case[]): string =>
  formatTable(
    ["LedgerCore's deliveries/s", `to ${FLOOR}`, `to ${PEER}`],
    cases.map(({ audience, pace, rows }) => [
      `${audienceName(audience)}, ${paceName(pace)}`,
      ...[FLOOR, PEER].map((other) => cell(ratios(rows, ledgercore.name, other, speed), decimals(2))),
    ]),
  );

const detailTable = (cases: readonly Case[]): string =>
  formatTable(
    ["published", "server", "deliveries/s", "server CPU µs/delivery", "peak memory MB", "load client busy"],
    cases.flatMap(({ pace, rows }) =>
      KINDS.map(({ name }) => {
        const own = rows.filter(({ contender }) => contender === name);
        return [
          paceName(pace),
          name,
          cell(own.map(speed), thousands),
          cell(
            own.map((row) => row.serverCpuUs),
            decimals(1),
          ),
          cell(
            own.map((row) => row.serverPeakBytes),
            megabytes,
          ),
          cell(
            own.map((row) => row.clientBusy),
            percent,
          ),
        ];
      }),
    ),
  );

const goalsOf = ({ audience, pace, rows }: Case): Goal[] => {
  const name = `Burst ${audienceName(audience)}, ${paceName(pace)}`;
  const of = (other: string) => ratios(rows, ledgercore.name, other, speed);
  return [
    judge(`${name}: at least 0.95 of the ${FLOOR}`, of(FLOOR), { atLeast: 0.95 }, decimals(2)),
    judge(`${name}: at least 1.2 × ${PEER}`, of(PEER), { atLeast: 1.2 }, decimals(2)),
  ];
};

const barsOf = ({ audience, pace, rows }: Case): Bar[] =>
  KINDS.map(({ name }) => ({
    group: `${audienceName(audience)}, ${paceName(pace)}`,
    series: name,
    ...spreadOf(rows.filter(({ contender }) => contender === name).map(speed)),
  }));

const format = (audiences: readonly Audience[], cases: readonly Case[]): string =>
  [
    ratioTable(cases),
    ...audiences.map(
      (audience) =>
        `### ${audienceName(audience)}\n\n${detailTable(cases.filter((one) => one.audience === audience))}`,
    ),
  ].join("\n\n");

export const fanOut: Scenario<"sockets" | "few" | "deliveries"> = {
  name: "fan-out",
  summary: "market events as fast as can be to all sockets of one room",
  rounds: 5,
  options: {
    sockets: { default: 1_000, help: "sockets of the large room" },
    few: { default: 100, help: "sockets of the small room" },
    deliveries: { default: 200_000, help: "deliveries in each measurement, at least" },
  },
  targets: KINDS,
  run: async (context): Promise<Report> => {
    const audiences = audiencesOf(context);
    const rows = await runRounds(context, async (round) => {
      const ofRound: Row[] = [];
      for (const audience of inTurn(audiences, round)) {
        ofRound.push(...(await runAudience(audience, round, context)));
      }
      return ofRound;
    });
    const cases = casesOf(audiences, rows);
    return {
      text: format(audiences, cases),
      rows,
      goals: cases.flatMap(goalsOf),
      charts: [
        {
          kind: "bars",
          name: "fan-out",
          title: "Burst: deliveries a second",
          valueTitle: "deliveries/s, median, lowest and highest",
          bars: cases.flatMap(barsOf),
        },
      ],
      faults: rows.flatMap(faultsOf),
    };
  },
};
