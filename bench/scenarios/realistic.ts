import { type Driven, drive, type Feed, type Feeds } from "../lib/drive.ts";
import { recordedTicks } from "../lib/recorded-bars.ts";
import { stampedBar } from "../lib/stamped.ts";
import { inTurn, runRounds, withContenders } from "../lib/turns.ts";
import { ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import { loadClients } from "./load-clients.ts";
import { personalFeed } from "./personal-feed.ts";
import { type RealisticRow, reportRealistic, SPEEDS, type Speed } from "./realistic-report.ts";
import type { Context, Scenario } from "./scenario.ts";

/** Before each measurement, not counted: wakes hibernating objects and warms the code. */
const WARM_UP_S = 2;
const SETTLE_MS = 30_000;

type Option = "sockets" | "users" | "markets" | "tick-ms" | "personal" | "seconds";

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

const runRound = ({ options, signal }: Context<Option>, round: number): Promise<RealisticRow[]> => {
  const { sockets, users, markets, personal, seconds } = options;
  const symbols = symbolsOf(markets);
  const rooms = symbols.map((symbol) => `market:${symbol}`);
  const feedsOf = (speed: Speed, seconds: number): Feeds => ({
    market: marketFeed(symbols, speed, options["tick-ms"], seconds),
    personal: personalFeed(personal, seconds, users),
  });
  return withContenders(
    loadClients(realistic.targets, { sockets, users, rooms: rooms.map((room) => [room]) }),
    round,
    signal,
    async (contenders) => {
      const rows: RealisticRow[] = [];
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

export const realistic: Scenario<Option> = {
  name: "realistic",
  summary: "many markets driven by recorded trades at 1 to 50 times their speed, and personal events",
  rounds: 3,
  options: {
    sockets: { default: 2_000, help: "sockets on each server, each in one market" },
    // As many as sockets: most users have one, and what comes for them rarely finds their room awake.
    users: { default: 2_000, help: "users they belong to" },
    markets: { default: 50, help: "markets" },
    "tick-ms": { default: 100, help: "ms between two requests of the feed, each with what has changed" },
    // Shares no beat with the ticks of the feed, so that it meets every moment between them.
    personal: { default: 47, help: "personal events a second" },
    seconds: { default: 20, help: "seconds of each measurement" },
  },
  targets: [ledgercoreInMemory, socketioRedis],
  run: async (context) =>
    reportRealistic(await runRounds(context, (round) => runRound(context, round)), realistic.targets),
};
