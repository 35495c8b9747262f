import { residentBytes } from "../lib/memory.ts";
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
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore, ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { TargetKind } from "../servers/target.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";
import { type Case, type Crowd, crowdBars, crowdName, measureCrowds, withFleet } from "./with-fleet.ts";

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

const ratioTable = (cases: readonly Case<Row>[]): string =>
  formatTable(
    [`connections/s to ${PEER}`, ...OWN.map(({ name }) => name)],
    cases.map(({ crowd, rows }) => [
      `${count(crowd.sockets)} sockets ${crowdName(crowd)}`,
      ...OWN.map(({ name }) => cell(ratios(rows, name, PEER, speed), decimals(2))),
    ]),
  );

const COLUMNS: readonly Column<Row>[] = [
  ["connections/s", speed, decimals(0)],
  ["p50 ms", (row) => row.p50Ms, decimals(0)],
  ["p99 ms", (row) => row.p99Ms, decimals(0)],
  ["server CPU µs", (row) => row.serverCpuUs, decimals(0)],
  ["memory KB", (row) => row.bytesPerSocket && row.bytesPerSocket / 1_000, decimals(0)],
  ["load client busy", (row) => row.clientBusy, percent],
];

const detailTable = ({ rows }: Case<Row>): string =>
  formatTable(
    ["server", ...headsOf(COLUMNS)],
    KINDS.map(({ name }) => [
      name,
      ...cellsOf(
        rows.filter(({ contender }) => contender === name),
        COLUMNS,
      ),
    ]),
  );

const goalOf = ({ crowd, rows }: Case<Row>): Goal =>
  judge(
    `Connect ${crowdName(crowd)}: at least 1.0 × ${PEER}`,
    ratios(rows, ledgercore.name, PEER, speed),
    { atLeast: 1 },
    decimals(2),
  );

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
    const { rows, cases } = await measureCrowds(context, crowds, KINDS, (kind, crowd, round) =>
      measure(kind, crowd, round, context),
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
          bars: cases.flatMap((one) => crowdBars(one, KINDS, speed)),
        },
      ],
      faults: [],
    };
  },
};
