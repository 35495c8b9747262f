import type { Bar } from "../lib/chart.ts";
import { residentBytes } from "../lib/memory.ts";
import { cell, count, decimals, judge, type Measured, percent, ratios } from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { inTurn, runRounds } from "../lib/turns.ts";
import { meter } from "../lib/usage.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore, ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { TargetKind } from "../servers/target.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";
import { type Crowd, crowdName, withFleet } from "./with-fleet.ts";

const KINDS = [ledgercore, ledgercoreInMemory, bareDo, socketioRedis];
const PEER = socketioRedis.name;
/** Those on the platform. */
const OWN = KINDS.filter(({ name }) => name !== PEER);

interface Row extends Measured, Crowd {
  readonly connectedPerSecond: number;
  /** From beginning to connect to the server's `connected`. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the server for one connection, µs. */
  readonly serverCpuUs: number | undefined;
  /** What its memory grew by, for one connection. */
  readonly bytesPerSocket: number | undefined;
  readonly clientBusy: number;
}

type Options = Context<"sockets" | "users" | "at-once">;

const measure = (kind: TargetKind, crowd: Crowd, round: number, context: Options): Promise<Row> =>
  withFleet(kind, crowd, round, context, async ({ target, fleet }) => {
    const { sockets } = crowd;
    const bytesBefore = residentBytes(target.pids);
    const used = meter(target.pids);
    const { elapsedMs, p50Ms, p99Ms, clientCpuMs } = await fleet.connect(target, {
      ...crowd,
      atOnce: context.options["at-once"],
    });
    const { serverCpuMs } = used();
    const bytes = residentBytes(target.pids);
    return {
      ...{ round, contender: kind.name, ...crowd, p50Ms, p99Ms },
      connectedPerSecond: sockets / (elapsedMs / 1_000),
      serverCpuUs: serverCpuMs && (serverCpuMs * 1_000) / sockets,
      bytesPerSocket: bytes && bytesBefore && (bytes - bytesBefore) / sockets,
      clientBusy: clientCpuMs / elapsedMs,
    };
  });

const speed = (row: Row): number => row.connectedPerSecond;

/** What was measured with one crowd. */
interface Case {
  readonly crowd: Crowd;
  readonly rows: readonly Row[];
}

const ratioTable = (cases: readonly Case[]): string =>
  formatTable(
    [`connections/s to ${PEER}`, ...OWN.map(({ name }) => name)],
    cases.map(({ crowd, rows }) => [
      `${count(crowd.sockets)} sockets ${crowdName(crowd)}`,
      ...OWN.map(({ name }) => cell(ratios(rows, name, PEER, speed), decimals(2))),
    ]),
  );

const detailTable = ({ rows }: Case): string => {
  const head = [
    "server",
    "connections/s",
    "p50 ms",
    "p99 ms",
    "server CPU µs",
    "memory KB",
    "load client busy",
  ];
  return formatTable(
    head,
    KINDS.map(({ name }) => {
      const own = rows.filter(({ contender }) => contender === name);
      const column = (value: (row: Row) => number | undefined, format: (value: number) => string): string =>
        cell(own.map(value), format);
      return [
        name,
        column(speed, decimals(0)),
        column((row) => row.p50Ms, decimals(0)),
        column((row) => row.p99Ms, decimals(0)),
        column((row) => row.serverCpuUs, decimals(0)),
        column((row) => row.bytesPerSocket && row.bytesPerSocket / 1_000, decimals(0)),
        column((row) => row.clientBusy, percent),
      ];
    }),
  );
};

const goalOf = ({ crowd, rows }: Case): Goal =>
  judge(
    `Connect ${crowdName(crowd)}: at least 1.0 × ${PEER}`,
    ratios(rows, ledgercore.name, PEER, speed),
    { atLeast: 1 },
    decimals(2),
  );

const barsOf = ({ crowd, rows }: Case): Bar[] =>
  KINDS.map(({ name }) => ({
    group: crowdName(crowd),
    series: name,
    ...spreadOf(rows.filter(({ contender }) => contender === name).map(speed)),
  }));

const NOTE = `CPU time and memory are those of one connection, of all the server's processes. Every user is a room
object of its own with a database of its own in LedgerCore, and what its answer to a client depends on is on disk by
then; ${PEER} stores nothing, and its Redis keeps what it has in memory. The ${bareDo.name} checks no
token and knows no user: it only opens WebSockets, and tells what the platform itself takes for that.`;

export const connect: Scenario<"sockets" | "users" | "at-once"> = {
  name: "connect",
  summary: "sockets that connect and authenticate with RS256 tokens",
  rounds: 5,
  options: {
    sockets: { default: 2_000, help: "sockets that connect" },
    users: { default: 500, help: "users they belong to; measured again with as many as sockets" },
    "at-once": { default: 50, help: "sockets that are connecting at a time" },
  },
  targets: KINDS,
  run: async (context): Promise<Report> => {
    const { sockets, users } = context.options;
    const crowds = [users, sockets].map((users): Crowd => ({ sockets, users }));
    const rows = await runRounds(context, async (round) => {
      const ofRound: Row[] = [];
      for (const crowd of inTurn(crowds, round)) {
        for (const kind of inTurn(KINDS, round)) ofRound.push(await measure(kind, crowd, round, context));
      }
      return ofRound;
    });
    const cases = crowds.map(
      (crowd): Case => ({ crowd, rows: rows.filter((row) => row.users === crowd.users) }),
    );
    const details = cases.map((one) => `### Connecting, ${crowdName(one.crowd)}\n\n${detailTable(one)}`);
    return {
      text: [ratioTable(cases), ...details, NOTE].join("\n\n"),
      rows,
      goals: cases.map(goalOf),
      charts: [
        {
          kind: "bars",
          name: "connect",
          title: "Connect: sockets a second",
          valueTitle: "connections/s, median, lowest and highest",
          bars: cases.flatMap(barsOf),
        },
      ],
      faults: [],
    };
  },
};
