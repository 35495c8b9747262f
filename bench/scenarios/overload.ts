import type { LoadClient } from "../client/client.ts";
import { drive, type Feed } from "../lib/drive.ts";
import { createEvents, type MarketEvent } from "../lib/events.ts";
import { stampedBar } from "../lib/stamped.ts";
import { runRounds, withContenders } from "../lib/turns.ts";
import { type LedgerCoreTarget, ledgercoreInMemory } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { Target } from "../servers/target.ts";
import { calibrate } from "./calibrate.ts";
import { loadClients } from "./load-clients.ts";
import { type OverloadRow, reportOverload } from "./overload-report.ts";
import { personalFeed } from "./personal-feed.ts";
import type { Context, Scenario } from "./scenario.ts";

const SAMPLE_MS = 100;
/** What waits for the slowest server after the offering must have time to come. */
const SETTLE_MS = 60_000;
const SOCKETS_OF_A_USER = 10;
const BAR_MS = 1_000;
/** Events before the calibration, not counted: they wake hibernating objects and warm the code. */
const WARM_UP_EVENTS = 100;

type Option =
  | "sockets"
  | "markets"
  | "publishers"
  | "calibration"
  | "batch"
  | "times"
  | "tick-ms"
  | "personal"
  | "seconds";

const symbolOf = (market: number): string => `M${market}-USD`;

/** `events` bars of their own, shared out to the markets. */
const distinctBars = (base: number, events: number, markets: number): MarketEvent[][] =>
  Array.from({ length: markets }, (_, market) =>
    createEvents(base, Math.ceil(events / markets)).map((bar) => ({ ...bar, symbol: symbolOf(market) })),
  );

/** `rate` states a second of the bars that are open now, to each market in turn; those due within a tick in one go. */
const stateFeed = (
  rate: number,
  { markets, publishers, seconds, "tick-ms": tickMs }: Readonly<Record<Option, number>>,
  base: number,
): Feed => {
  const dueBy = (tick: number): number => Math.floor((rate * tick * tickMs) / 1_000);
  return {
    intervalMs: tickMs,
    ticks: Math.ceil((seconds * 1_000) / tickMs),
    publishers,
    events: (tick) => {
      const [bar] = createEvents(base + Math.floor((tick * tickMs) / BAR_MS) * BAR_MS, 1);
      if (bar === undefined) return [];
      const first = dueBy(tick);
      return Array.from({ length: dueBy(tick + 1) - first }, (_, index) => {
        const state = { ...bar, symbol: symbolOf((first + index) % markets) };
        return (stamp) => stampedBar(state, stamp);
      });
    },
  };
};

/** States that newer ones replaced, as the service counts them; absent for others. */
const conflatedIn = async (target: Target, rooms: readonly string[]): Promise<number | undefined> => {
  if (!("get" in target)) return undefined;
  const { get } = target as LedgerCoreTarget;
  const counts = await Promise.all(rooms.map((room) => get(`/api/rooms/${room}`)));
  return counts.reduce<number>((sum, count) => sum + (count as { conflated: number }).conflated, 0);
};

const runRound = ({ options, signal }: Context<Option>, round: number): Promise<OverloadRow[]> => {
  const { sockets, markets, calibration, batch, times, personal, seconds } = options;
  const rooms = Array.from({ length: markets }, (_, market) => `market:${symbolOf(market)}`);
  const users = Math.ceil(sockets / SOCKETS_OF_A_USER);

  const measure = async (target: Target, client: LoadClient) => {
    // On whole bars, and apart from each other.
    const base = Math.floor(Date.now() / BAR_MS) * BAR_MS;
    const warmUp = distinctBars(base - 2 * BAR_MS, WARM_UP_EVENTS, markets);
    await calibrate(target, client, warmUp, batch);
    const burst = distinctBars(base - BAR_MS, calibration, markets);
    const capacity = await calibrate(target, client, burst, batch);
    const rate = capacity * times;
    const before = await conflatedIn(target, rooms);
    const feeds = {
      market: stateFeed(rate, options, base),
      personal: personalFeed(personal, seconds, users),
    };
    const driven = await drive(target, client, feeds, {
      audience: { sockets, rooms, users },
      sampleMs: SAMPLE_MS,
      settleMs: SETTLE_MS,
      signal,
    });
    const after = await conflatedIn(target, rooms);
    return {
      ...driven,
      capacity,
      rate,
      stoppedAt: driven.startedAt + (feeds.market.ticks - 1) * feeds.market.intervalMs,
      ...(before !== undefined && after !== undefined && { conflated: after - before }),
    };
  };

  return withContenders(
    loadClients(overload.targets, { sockets, users, rooms: rooms.map((room) => [room]) }),
    round,
    signal,
    async (contenders) => {
      const rows: OverloadRow[] = [];
      for (const { kind, target, load } of contenders) {
        rows.push({ round, contender: kind.name, ...(await measure(target, load)) });
      }
      return rows;
    },
  );
};

export const overload: Scenario<Option> = {
  name: "overload",
  summary: "more than the server can deliver: how old what subscribers see becomes, and what is lost",
  rounds: 3,
  options: {
    sockets: { default: 1_000, help: "sockets on each server, each in one market" },
    markets: { default: 4, help: "markets" },
    publishers: {
      default: 4,
      help: "publishers that share the markets out, each with one request on its way",
    },
    calibration: { default: 400, help: "events that tell how many a second the server can deliver" },
    batch: { default: 1, help: "of them in one request" },
    times: { default: 2, help: "times as many are then offered" },
    "tick-ms": { default: 5, help: "ms between two requests of the publisher, each with what is due" },
    personal: { default: 10, help: "personal events a second" },
    seconds: { default: 10, help: "seconds of overload" },
  },
  targets: [ledgercoreInMemory, socketioRedis],
  run: async (context) =>
    reportOverload(
      await runRounds(context, (round) => runRound(context, round)),
      overload.targets,
      context.options.seconds,
    ),
};
