import { Fleet } from "../client/fleet.ts";
import type { Bar } from "../lib/chart.ts";
import type { Measured } from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { runInTurn, runRounds, withContenders } from "../lib/turns.ts";
import type { Target, TargetKind } from "../servers/target.ts";
import type { Context } from "./scenario.ts";

/** The sockets of one measurement. */
export interface Crowd {
  readonly sockets: number;
  /** Users they belong to, evenly. */
  readonly users: number;
}

/** Sockets that have connected and gone before anything is measured: they warm the code. */
const WARM_UP_SOCKETS = 200;
/** Users of their own, so that nothing is known yet of those that are measured. */
const WARM_UP_USERS = 20;

export interface Fight {
  readonly target: Target;
  readonly fleet: Fleet;
}

/** Starts a fresh server and a fleet that has not connected yet, and stops them whatever happens. */
export const withFleet = <Row extends Measured>(
  kind: TargetKind,
  { sockets, users }: Crowd,
  round: number,
  { signal, progress }: Pick<Context, "signal" | "progress">,
  use: (fight: Fight) => Promise<Row>,
): Promise<Row> => {
  progress(`${kind.name}, ${sockets} sockets of ${users} users`);
  const contest = {
    kinds: [kind],
    targetOptions: { sockets: sockets + WARM_UP_SOCKETS, users: users + WARM_UP_USERS, rooms: [[]] },
    createLoad: () => new Fleet(),
    connect: (_: Fleet, target: Target) => warmUp(target, users),
  };
  return withContenders(contest, round, signal, async ([contender]) => {
    if (contender === undefined) throw new Error("There is one kind.");
    return use({ target: contender.target, fleet: contender.load });
  });
};

/** What was measured with one crowd. */
export interface Case<Row> {
  readonly crowd: Crowd;
  readonly rows: readonly Row[];
}

/** Measures every kind of server with every crowd, each in its round's order. */
export const measureCrowds = async <Row extends Measured & Crowd>(
  context: Pick<Context, "rounds" | "progress" | "signal">,
  crowds: readonly Crowd[],
  kinds: readonly TargetKind[],
  measure: (kind: TargetKind, crowd: Crowd, round: number) => Promise<Row>,
): Promise<{ rows: Row[]; cases: Case<Row>[] }> => {
  const { signal } = context;
  const rows = await runRounds(context, (round) =>
    runInTurn(crowds, round, signal, (crowd) =>
      runInTurn(kinds, round, signal, async (kind) => [await measure(kind, crowd, round)]),
    ),
  );
  const cases = crowds.map((crowd) => ({
    crowd,
    rows: rows.filter(({ sockets, users }) => sockets === crowd.sockets && users === crowd.users),
  }));
  return { rows, cases };
};

/** A bar for each kind of server. */
export const crowdBars = <Row extends Measured>(
  { crowd, rows }: Case<Row>,
  kinds: readonly TargetKind[],
  value: (row: Row) => number,
): Bar[] =>
  kinds.map(({ name }) => ({
    group: crowdName(crowd),
    series: name,
    ...spreadOf(rows.filter(({ contender }) => contender === name).map(value)),
  }));

const warmUp = async (target: Target, firstUser: number): Promise<void> => {
  const fleet = new Fleet();
  try {
    await fleet.connect(target, { sockets: WARM_UP_SOCKETS, users: WARM_UP_USERS, firstUser, atOnce: 20 });
    await fleet.drop();
  } finally {
    await fleet.stop();
  }
};

export const crowdName = ({ sockets, users }: Crowd): string =>
  sockets === users ? "each of a user of its own" : `of ${users.toLocaleString("en-US")} users`;
