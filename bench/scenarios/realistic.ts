import { LoadClient } from "../client/client.ts";
import { type Driven, drive, type Feed, type Feeds, lostOf } from "../lib/drive.ts";
import { recordedTicks } from "../lib/recorded-bars.ts";
import { type Column, cell, cellsOf, decimals, headsOf, judge, percent, ratios } from "../lib/report.ts";
import { CLASSES, stampedBar } from "../lib/stamped.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { inTurn, runRounds, withContenders } from "../lib/turns.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import { COST_COLUMNS, type DrivenRow, faultsOf, latency, latencyColumns } from "./driven-table.ts";
import { personalFeed } from "./personal-feed.ts";
import type { Context, Report, Scenario } from "./scenario.ts";

/** Recorded seconds per second. */
const SPEEDS = [1, 10, 50] as const;
type Speed = (typeof SPEEDS)[number];

/** Before each measurement, not counted: wakes hibernating objects and warms the code. */
const WARM_UP_S = 2;
const SETTLE_MS = 30_000;

type Option = "sockets" | "markets" | "tick-ms" | "personal" | "seconds";

interface Row extends DrivenRow {
  readonly speed: Speed;
}

const marketFeed = (symbols: readonly string[], speed: Speed, tickMs: number, seconds: number): Feed => {
  const ticks = Math.ceil((seconds * 1_000) / tickMs);
  const recorded = recordedTicks({ symbols, speed, tickMs, ticks, startAt: Date.now() });
  return {
    intervalMs: tickMs,
    ticks,
    events: (tick) => (recorded[tick] ?? []).map((bar) => (stamp) => stampedBar(bar, stamp)),
  };
};

const symbolsOf = (markets: number): string[] =>
  Array.from({ length: markets }, (_, market) => `M${market}-USD`);

const runRound = ({ options, signal }: Context<Option>, round: number): Promise<Row[]> => {
  const { sockets, markets, personal, seconds } = options;
  const symbols = symbolsOf(markets);
  const rooms = symbols.map((symbol) => `market:${symbol}`);
  // One socket a user: a personal event finds its room asleep, as it mostly will.
  const users = sockets;
  const feedsOf = (speed: Speed, seconds: number): Feeds => ({
    market: marketFeed(symbols, speed, options["tick-ms"], seconds),
    personal: personalFeed(personal, seconds, users),
  });
  return withContenders(
    {
      kinds: realistic.targets,
      targetOptions: { sockets, users, rooms: rooms.map((room) => [room]) },
      createLoad: () => new LoadClient(),
      connect: (client, target) => client.connect(target, sockets),
    },
    round,
    signal,
    async (contenders) => {
      const rows: Row[] = [];
      for (const speed of inTurn(SPEEDS, round)) {
        for (const { kind, target, load } of contenders) {
          const run = (feeds: Feeds): Promise<Driven> =>
            drive(target, load, feeds, { audience: { sockets, rooms, users }, settleMs: SETTLE_MS, signal });
          await run(feedsOf(speed, WARM_UP_S));
          rows.push({ round, contender: kind.name, speed, ...(await run(feedsOf(speed, seconds))) });
        }
      }
      return rows;
    },
  );
};

const offeredPerSecond = ({ offered, startedAt, endedAt }: Driven): number =>
  offered.market.deliveries / ((endedAt - startedAt) / 1_000);

/** States that newer ones replaced before they were sent. */
const replaced = (row: Driven): number => lostOf(row, "market") / row.offered.market.deliveries;

const report = (rows: readonly Row[]): Report => {
  const columns: readonly Column<Driven>[] = [
    ["deliveries offered/s", offeredPerSecond, decimals(0)],
    ...CLASSES.flatMap(latencyColumns),
    ["market states replaced", replaced, percent],
    ...COST_COLUMNS,
  ];
  const of = (speed: Speed): Row[] => rows.filter((row) => row.speed === speed);
  const ratiosOf = (speed: Speed, contender: string): number[] =>
    ratios(of(speed), contender, socketioRedis.name, latency("personal", "p99"));
  const lines = SPEEDS.flatMap((speed) =>
    realistic.targets.map(({ name }) => [
      name === socketioRedis.name ? "1" : cell(ratiosOf(speed, name), decimals(2)),
      name,
      `${speed}×`,
      ...cellsOf(
        of(speed).filter(({ contender }) => contender === name),
        columns,
      ),
    ]),
  );
  return {
    text: formatTable(
      [`personal p99 to ${socketioRedis.name}`, "server", "speed", ...headsOf(columns)],
      lines,
    ),
    rows,
    goals: [
      judge(
        `at 50×, p99 of personal events at most that of ${socketioRedis.name}`,
        ratiosOf(50, ledgercore.name),
        { atMost: 1 },
        decimals(2),
      ),
    ],
    charts: CLASSES.map((name) => ({
      kind: "bars",
      name: `realistic-${name}`,
      title: `p99 of ${name} events while recorded trades are replayed`,
      valueTitle: "ms",
      bars: SPEEDS.flatMap((speed) =>
        realistic.targets.map((target) => ({
          group: `${speed}×`,
          series: target.name,
          ...spreadOf(
            of(speed)
              .filter(({ contender }) => contender === target.name)
              .map(latency(name, "p99")),
          ),
        })),
      ),
    })),
    faults: rows.flatMap((row) => faultsOf(row, `${row.speed}×`, true)),
  };
};

export const realistic: Scenario<Option> = {
  name: "realistic",
  summary: "many markets driven by recorded trades at 1 to 50 times their speed, and personal events",
  rounds: 3,
  options: {
    sockets: { default: 2_000, help: "sockets on each server, each in one market and of a user of its own" },
    markets: { default: 50, help: "markets" },
    "tick-ms": { default: 100, help: "ms between two requests of the feed, each with what has changed" },
    // Shares no beat with the ticks of the feed, so that it meets every moment between them.
    personal: { default: 47, help: "personal events a second" },
    seconds: { default: 20, help: "seconds of each measurement" },
  },
  targets: [ledgercore, socketioRedis],
  run: async (context) => report(await runRounds(context, (round) => runRound(context, round))),
};
