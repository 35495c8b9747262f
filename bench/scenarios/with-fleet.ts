import { Fleet } from "../client/fleet.ts";
import type { Measured } from "../lib/report.ts";
import { withContenders } from "../lib/turns.ts";
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
