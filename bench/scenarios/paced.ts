import { type Driven, drive, type Feed, NO_FEED } from "../lib/drive.ts";
import { createEvents, ROOM } from "../lib/events.ts";
import { cell, cellsOf, decimals, headsOf, judge, ratios } from "../lib/report.ts";
import { stampedBar } from "../lib/stamped.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { runRounds, withContenders } from "../lib/turns.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import { DEFAULT_USERS } from "../servers/target.ts";
import { COST_COLUMNS, type DrivenRow, faultsOf, latency, latencyColumns } from "./driven-table.ts";
import { loadClients } from "./load-clients.ts";
import type { Context, Report, Scenario } from "./scenario.ts";

/** Before each measurement, not counted: wakes hibernating objects and warms the code. */
const WARM_UP_S = 2;
const SETTLE_MS = 30_000;

type Option = "sockets" | "rate" | "seconds";

/** Every event is a bar of its own, so nothing may be left out. */
const feedOf = (rate: number, seconds: number, base: number): Feed => {
  const ticks = rate * seconds;
  const bars = createEvents(base, ticks);
  return {
    intervalMs: 1_000 / rate,
    ticks,
    events: (tick) => {
      const bar = bars[tick];
      return bar === undefined ? [] : [(stamp) => stampedBar(bar, stamp)];
    },
  };
};

const runRound = (context: Context<Option>, round: number): Promise<DrivenRow[]> => {
  const { options, signal } = context;
  const { sockets, rate } = options;
  return withContenders(loadClients(paced.targets, { sockets }), round, signal, async (contenders) => {
    const rows: DrivenRow[] = [];
    for (const { kind, target, load } of contenders) {
      const run = (seconds: number): Promise<Driven> =>
        drive(
          target,
          load,
          { market: feedOf(rate, seconds, Date.now()), personal: NO_FEED },
          { audience: { sockets, rooms: [ROOM], users: DEFAULT_USERS }, settleMs: SETTLE_MS, signal },
        );
      await run(WARM_UP_S);
      rows.push({ round, contender: kind.name, ...(await run(options.seconds)) });
    }
    return rows;
  });
};

const report = (rows: readonly DrivenRow[]): Report => {
  const columns = [...latencyColumns("market"), ...COST_COLUMNS];
  const of = (name: string): DrivenRow[] => rows.filter(({ contender }) => contender === name);
  const p99 = latency("market", "p99");
  const ratiosOf = (name: string): number[] => ratios(rows, name, socketioRedis.name, p99);
  const lines = paced.targets.map(({ name }) => [
    name === socketioRedis.name ? "1" : cell(ratiosOf(name), decimals(2)),
    name,
    ...cellsOf(of(name), columns),
  ]);
  return {
    text: formatTable([`p99 to ${socketioRedis.name}`, "server", ...headsOf(columns)], lines),
    rows,
    goals: [
      judge(
        `p99 at most that of ${socketioRedis.name}`,
        ratiosOf(ledgercoreInMemory.name),
        { atMost: 1 },
        decimals(2),
      ),
    ],
    charts: [
      {
        kind: "bars",
        name: "paced",
        title: "From publishing to receiving, at a steady pace",
        valueTitle: "ms",
        bars: (["p50", "p99"] as const).flatMap((figure) =>
          paced.targets.map(({ name }) => ({
            group: figure,
            series: name,
            ...spreadOf(of(name).map(latency("market", figure))),
          })),
        ),
      },
    ],
    faults: rows.flatMap((row) => faultsOf(row, "paced", false)),
  };
};

export const paced: Scenario<Option> = {
  name: "paced",
  summary: "how long an event takes from publishing to receiving, at a steady pace to one room",
  rounds: 5,
  options: {
    sockets: { default: 1_000, help: "sockets on each server, all in one room" },
    rate: { default: 50, help: "events a second" },
    seconds: { default: 20, help: "seconds of each measurement" },
  },
  targets: [ledgercoreInMemory, socketioRedis, bareDo],
  run: async (context) => report(await runRounds(context, (round) => runRound(context, round))),
};
