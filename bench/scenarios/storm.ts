import { personalEvents, publishAll } from "../lib/personal-events.ts";
import {
  type Column,
  cell,
  cellsOf,
  count,
  decimals,
  headsOf,
  judge,
  type Measured,
  percent,
  ratios,
} from "../lib/report.ts";
import { formatTable } from "../lib/table.ts";
import { meter } from "../lib/usage.ts";
import { ledgercore, ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioStreams } from "../servers/socketio-redis.ts";
import type { TargetKind } from "../servers/target.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";
import { type Crowd, crowdName, measureCrowds, withFleet } from "./with-fleet.ts";

const KINDS = [ledgercore, ledgercoreInMemory, socketioStreams];
const PEER = socketioStreams.name;
/** Of the first connections, which are not measured. */
const AT_ONCE = 50;

interface Row extends Measured, Crowd {
  /** From the first beginning to come back to the last having its `connected`, ms. */
  readonly backMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly recovered: number;
  /** Over all sockets: events that never came, and that came again or late. */
  readonly lost: number;
  readonly repeated: number;
  /** CPU time of the server for one connection, µs. */
  readonly serverCpuUs: number | undefined;
  readonly clientBusy: number;
}

type Options = Context<"sockets" | "users" | "missed">;

const measure = (kind: TargetKind, crowd: Crowd, round: number, context: Options): Promise<Row> =>
  withFleet(kind, crowd, round, context, async ({ target, fleet }) => {
    const { sockets, users } = crowd;
    const last = 1 + context.options.missed;
    await fleet.connect(target, { ...crowd, atOnce: AT_ONCE });
    await publishAll(target, personalEvents(users, 1, 1));
    await fleet.await(1);
    await fleet.drop();
    await publishAll(target, personalEvents(users, 2, last));
    const used = meter(target.pids);
    const { elapsedMs, p50Ms, p99Ms, recovered, clientCpuMs } = await fleet.return();
    const { lost, repeated } = await fleet.await(last);
    const { serverCpuMs } = used();
    return {
      ...{
        round,
        contender: kind.name,
        ...crowd,
        backMs: elapsedMs,
        p50Ms,
        p99Ms,
        recovered,
        lost,
        repeated,
      },
      serverCpuUs: serverCpuMs && (serverCpuMs * 1_000) / sockets,
      clientBusy: clientCpuMs / elapsedMs,
    };
  });

const isWhole = ({ recovered, sockets, lost, repeated }: Row): boolean =>
  recovered === sockets && lost + repeated === 0;

/** What another server loses fails no run. */
const faultsOf = (row: Row): string[] =>
  row.contender === PEER || isWhole(row)
    ? []
    : [
        `${row.contender}, round ${row.round + 1}: ${row.recovered} of ${row.sockets} recovered, ` +
          `${row.lost} lost, ${row.repeated} repeated`,
      ];

const COLUMNS: readonly Column<Row>[] = [
  ["all back s", (row) => row.backMs / 1_000, decimals(1)],
  ["p50 s", (row) => row.p50Ms / 1_000, decimals(1)],
  ["p99 s", (row) => row.p99Ms / 1_000, decimals(1)],
  ["recovered", (row) => row.recovered / row.sockets, percent],
  ["lost", (row) => row.lost, decimals(0)],
  ["repeated", (row) => row.repeated, decimals(0)],
  ["server CPU µs", (row) => row.serverCpuUs, decimals(0)],
  ["load client busy", (row) => row.clientBusy, percent],
];

const table = (rows: readonly Row[]): string =>
  formatTable(
    [`time to ${PEER}`, "server", ...headsOf(COLUMNS)],
    KINDS.map(({ name }) => {
      const own = rows.filter(({ contender }) => contender === name);
      return [
        name === PEER
          ? "1"
          : cell(
              ratios(rows, name, PEER, (row) => row.backMs),
              decimals(2),
            ),
        name,
        ...cellsOf(own, COLUMNS),
      ];
    }),
  );

const goalsOf = (rows: readonly Row[]): Goal[] => {
  const own = rows.filter(({ contender }) => contender === ledgercore.name);
  return [
    judge(
      "Storm: every socket recovered",
      own.map(({ recovered, sockets }) => recovered / sockets),
      { atLeast: 1 },
      percent,
    ),
    judge(
      "Storm: no event lost, repeated or out of order",
      own.map(({ lost, repeated }) => lost + repeated),
      { atMost: 0 },
      decimals(0),
    ),
  ];
};

export const storm: Scenario<"sockets" | "users" | "missed"> = {
  name: "storm",
  summary: "all sockets lose their connections, and come back at once to what they missed",
  rounds: 3,
  options: {
    sockets: { default: 2_000, help: "sockets that come back" },
    users: { default: 500, help: "users they belong to" },
    missed: { default: 3, help: "events that each user's sockets miss" },
  },
  targets: KINDS,
  run: async (context): Promise<Report> => {
    const { sockets, users, missed } = context.options;
    const crowd: Crowd = { sockets, users };
    const { rows } = await measureCrowds(context, [crowd], KINDS, (kind, crowd, round) =>
      measure(kind, crowd, round, context),
    );
    const text = `${count(sockets)} sockets, ${crowdName(crowd)}, lose their TCP connections at once; each user gets
${missed} events; all come back at once with their \`pid\` and offset. \`lost\` and \`repeated\` count events over all
sockets. The streams adapter has no emitter for backends: its server emits the events itself.`;
    return {
      text: `${text}\n\n${table(rows)}`,
      rows,
      goals: goalsOf(rows),
      charts: [],
      faults: rows.flatMap(faultsOf),
    };
  },
};
