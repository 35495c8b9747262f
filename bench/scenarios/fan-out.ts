import type { LoadClient } from "../client/client.ts";
import { type Contender, runInTurn, runRounds, withContenders } from "../lib/turns.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import { type Audience, type BurstRow, type Pace, reportOf } from "./fan-out-report.ts";
import { loadClients } from "./load-clients.ts";
import { measure, type Publishing } from "./measure.ts";
import type { Context, Scenario } from "./scenario.ts";

const KINDS = [ledgercore, bareDo, socketioRedis];

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

type Options = Context<"sockets" | "few" | "deliveries">;

const audiencesOf = ({ options: { sockets, few } }: Options): readonly Audience[] => [
  { sockets, offer: false, paces: PACES },
  ...(few === sockets ? [] : [{ sockets: few, offer: false, paces: PACES }]),
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
): Promise<BurstRow> => {
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
): Promise<readonly BurstRow[]> => {
  const { sockets, offer, paces } = audience;
  const contest = loadClients(KINDS, { sockets }, offer);
  const events = eventsOf(options.deliveries, sockets);
  return withContenders(contest, round, signal, (contenders) =>
    runInTurn(paces, round, signal, async (pace) => {
      const rows: BurstRow[] = [];
      for (const contender of contenders) {
        rows.push(await measureOne(contender, round, audience, { ...pace, events }));
      }
      return rows;
    }),
  );
};

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
  run: async (context) => {
    const audiences = audiencesOf(context);
    const rows = await runRounds(context, (round) =>
      runInTurn(audiences, round, context.signal, (audience) => runAudience(audience, round, context)),
    );
    return reportOf(audiences, rows);
  },
};
