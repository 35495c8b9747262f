import { setTimeout as sleep } from "node:timers/promises";
import { cpuMs } from "../lib/cpu.ts";
import { residentBytes } from "../lib/memory.ts";
import { personalEvents, publishAll } from "../lib/personal-events.ts";
import { cell, decimals, judge, type Measured, ratios } from "../lib/report.ts";
import { formatTable } from "../lib/table.ts";
import { wakeUps } from "../lib/wakeups.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { Target, TargetKind } from "../servers/target.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";
import { type Case, type Crowd, crowdBars, crowdName, measureCrowds, withFleet } from "./with-fleet.ts";

const KINDS = [ledgercore, bareDo, socketioRedis];
const PEER = socketioRedis.name;
const AT_ONCE = 50;

interface Row extends Measured, Crowd {
  /** What the server's memory grew by, for one socket: once all was quiet, and again after events. */
  readonly bytesPerSocket: number;
  readonly bytesAfterEvents: number | undefined;
  /** For 1,000 sockets and a minute. */
  readonly cpuSeconds: number;
  readonly wakeUps: number;
}

type Options = Context<"sockets" | "users" | "own" | "events" | "settle" | "seconds">;

/** What only Linux tells. */
const known = (value: number | undefined): number => {
  if (value === undefined) throw new Error("This platform does not tell what an idle server uses.");
  return value;
};

/** What the server uses in `seconds` of nothing but pings. */
const idleUse = async ({ pids }: Target, sockets: number, seconds: number) => {
  const [cpuBefore, wakeUpsBefore] = [known(cpuMs(pids)), known(wakeUps(pids))];
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const thousandMinutes = ((performance.now() - startedAt) / 60_000) * (sockets / 1_000);
  return {
    cpuSeconds: (known(cpuMs(pids)) - cpuBefore) / 1_000 / thousandMinutes,
    wakeUps: (known(wakeUps(pids)) - wakeUpsBefore) / thousandMinutes,
  };
};

const measure = (kind: TargetKind, crowd: Crowd, round: number, context: Options): Promise<Row> =>
  withFleet(kind, crowd, round, context, async ({ target, fleet }) => {
    const { sockets, users } = crowd;
    const { events, settle, seconds } = context.options;
    const quiet = async (): Promise<number> => {
      await sleep(settle * 1_000);
      return known(residentBytes(target.pids));
    };
    const before = await quiet();
    await fleet.connect(target, { ...crowd, atOnce: AT_ONCE });
    const bytesPerSocket = ((await quiet()) - before) / sockets;
    const use = await idleUse(target, sockets, seconds);
    let bytesAfterEvents: number | undefined;
    if (kind !== bareDo) {
      await publishAll(target, personalEvents(users, 1, events));
      const { lost, repeated } = await fleet.await(events);
      if (lost + repeated > 0) throw new Error(`${lost} events were lost, ${repeated} came again or late.`);
      bytesAfterEvents = ((await quiet()) - before) / sockets;
    }
    return { round, contender: kind.name, ...crowd, bytesPerSocket, bytesAfterEvents, ...use };
  });

const MEASURES: readonly (readonly [
  name: string,
  value: (row: Row) => number | undefined,
  digits: number,
])[] = [
  ["memory KB/socket", (row) => row.bytesPerSocket / 1_000, 1],
  ["memory KB/socket after events", (row) => row.bytesAfterEvents && row.bytesAfterEvents / 1_000, 1],
  ["CPU s for 1,000 sockets and a minute", (row) => row.cpuSeconds, 2],
  ["wake-ups for 1,000 sockets and a minute", (row) => row.wakeUps, 0],
];

const table = (cases: readonly Case<Row>[]): string =>
  formatTable(
    ["", "sockets", "ratio", ...KINDS.map(({ name }) => name)],
    MEASURES.flatMap(([name, value, digits]) =>
      cases.map(({ crowd, rows }) => [
        name,
        crowdName(crowd),
        cell(ratios(rows, ledgercore.name, PEER, value), decimals(2)),
        ...KINDS.map((kind) =>
          cell(rows.filter(({ contender }) => contender === kind.name).map(value), decimals(digits)),
        ),
      ]),
    ),
  );

const memory = (row: Row): number => row.bytesPerSocket;

const goalOf = ({ crowd, rows }: Case<Row>): Goal =>
  judge(
    `Idle ${crowdName(crowd)}: at most 0.6 × ${PEER}'s memory a socket`,
    ratios(rows, ledgercore.name, PEER, memory),
    { atMost: 0.6 },
    decimals(2),
  );

export const idle: Scenario<"sockets" | "users" | "own" | "events" | "settle" | "seconds"> = {
  name: "idle",
  summary: "memory, CPU time and wake-ups of sockets on which nothing happens but pings",
  rounds: 2,
  options: {
    sockets: { default: 5_000, help: "sockets that are there" },
    users: { default: 50, help: "users they belong to" },
    own: { default: 1_000, help: "sockets in a second measurement, each of a user of its own" },
    events: { default: 20, help: "events that each user's sockets get in the end" },
    settle: { default: 20, help: "seconds after which objects hibernate, and memory is read" },
    seconds: { default: 75, help: "seconds of idleness that are measured" },
  },
  targets: KINDS,
  run: async (context): Promise<Report> => {
    const { sockets, users, own, events, settle, seconds } = context.options;
    const crowds: readonly Crowd[] = [
      { sockets, users },
      // Every room has files open: as many rooms as sockets would be too many for one process.
      { sockets: own, users: own },
    ];
    const { rows, cases } = await measureCrowds(context, crowds, KINDS, (kind, crowd, round) =>
      measure(kind, crowd, round, context),
    );
    const text = `Sockets with pings every 25 s, as by default. Memory is what all the server's
processes grew by, ${settle} s after the last connection or event; CPU time and wake-ups are those of ${seconds} s of
idleness, and a wake-up is a voluntary context switch of any thread. Later each user gets ${events === 1 ? "an event" : `${events} events`}. The
${bareDo.name} pings nobody and knows no user: what it has is what the platform itself takes for a WebSocket.`;
    return {
      text: `${text}\n\n${table(cases)}`,
      rows,
      goals: cases.map(goalOf),
      charts: [
        {
          kind: "bars",
          name: "idle",
          title: "Idle: memory of a socket",
          valueTitle: "KB/socket, median, lowest and highest",
          bars: cases.flatMap((one) => crowdBars(one, KINDS, (row) => memory(row) / 1_000)),
        },
      ],
      faults: [],
    };
  },
};
