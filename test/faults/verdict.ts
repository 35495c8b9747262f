import { marketRoom } from "../../src/events/rooms.ts";
import { accountFor } from "./account.ts";
import { eventually } from "./eventually.ts";
import type { Listener, Outage } from "./listener.ts";
import { type Stage, SYMBOLS } from "./stage.ts";

export interface Verdict {
  /** Personal events that ingest accepted, and how many deliveries to sockets they are. */
  readonly accepted: number;
  readonly due: number;
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
  readonly outages: readonly Outage[];
  readonly unrecovered: number;
  readonly staleBars: number;
  /** Sockets that rooms count although they are gone, or do not count although they are there. */
  readonly ghosts: number;
  /** Whatever else went wrong, and where. */
  readonly problems: readonly string[];
}

/** How long a client's answer may take. */
const ANSWER_MS = 5_000;
/** Beyond the heartbeat, for the calls in which gateways and rooms speak of it. */
const GRACE_MS = 1_500;

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

/** Ends the run: lets everything arrive, then compares what was promised with what came. */
export const judge = async (stage: Stage): Promise<Verdict> => {
  const { publisher, listeners } = stage;
  const problems: string[] = [];
  await publisher.finish();
  problems.push(...(await stage.missing()));
  const present = [stage.watcher, ...listeners].filter(({ connected }) => connected);
  // What comes twice comes after what was awaited.
  if (!(await within(Promise.all(present.map((listener) => listener.settled()))))) {
    problems.push("not every client was answered");
  }
  const accounts = listeners.map((listener) => {
    const account = accountFor(stage.sentTo(listener), listener.personal);
    if (sum(Object.values(account)) > 0) problems.push(`${listener.name}: ${JSON.stringify(account)}`);
    if (account.unknown > 0) problems.push(`${listener.name} got events that nobody published`);
    return account;
  });
  for (const { name, unrecovered, staleBars } of listeners) {
    if (unrecovered + staleBars > 0) problems.push(`${name}: ${JSON.stringify({ unrecovered, staleBars })}`);
  }
  const ghosts = await countGhosts(stage, problems);
  const every = [stage.watcher, ...listeners];
  return {
    accepted: sum([...publisher.personal.values()].map(({ length }) => length)),
    due: sum(listeners.map((listener) => stage.sentTo(listener).length)),
    received: sum(listeners.map(({ personal }) => personal.length)),
    lost: sum(accounts.map(({ lost }) => lost)),
    doubled: sum(accounts.map(({ doubled }) => doubled)),
    disordered: sum(accounts.map(({ disordered }) => disordered)),
    outages: every.flatMap(({ outages }) => outages),
    unrecovered: sum(every.map(({ unrecovered }) => unrecovered)),
    staleBars: sum(every.map(({ staleBars }) => staleBars)),
    ghosts,
    problems: [
      ...problems,
      ...stage.problems,
      ...publisher.problems,
      ...every.flatMap((listener) => listener.problems),
    ],
  };
};

const within = (promise: Promise<unknown>): Promise<boolean> =>
  Promise.race([
    promise.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, ANSWER_MS, false).unref()),
  ]);

/** Counts and presence, with everyone there, and when all but the watcher have gone. */
const countGhosts = async (stage: Stage, problems: string[]): Promise<number> => {
  const { watcher, listeners, users } = stage;
  const rooms = SYMBOLS.map(marketRoom);
  const off = async (live: number): Promise<number> => {
    const counts = await Promise.all(rooms.map((room) => watcher.subscriberCount(room)));
    return Math.max(...counts.map((count) => Math.abs(count - live)));
  };
  const settle = async (live: number, when: string): Promise<number> => {
    let ghosts = 0;
    const right = await eventually(async () => {
      ghosts = await off(live);
      return ghosts === 0;
    }, stage.heartbeatMs + GRACE_MS);
    if (!right) problems.push(`market rooms count ${ghosts} sockets wrongly ${when}`);
    return ghosts;
  };
  const there = listeners.filter(({ connected }) => connected).length;
  const withAll = await settle(there + 1, "with everyone there");
  const own = await Promise.all(listeners.map((listener) => offOwnRoom(listeners, listener)));
  if (sum(own) > 0) problems.push(`personal rooms count sockets wrongly: ${own}`);

  watcher.presence.length = 0;
  for (const listener of listeners) listener.close();
  const withoutThem = await settle(1, "when all had gone");
  const left = users.flatMap((user) => rooms.map((room) => `${user} left ${room}`)).sort();
  const told = await eventually(() => watcher.presence.length >= left.length, GRACE_MS);
  if (!told || watcher.presence.toSorted().join() !== left.join()) {
    problems.push(`the watcher heard ${watcher.presence.join(", ") || "of nobody"}`);
  }
  return Math.max(withAll, withoutThem, ...own);
};

const offOwnRoom = async (listeners: readonly Listener[], listener: Listener): Promise<number> => {
  if (!listener.connected) return 0;
  const live = listeners.filter(({ connected, user }) => connected && user === listener.user).length;
  return Math.abs((await listener.subscriberCount(`user:${listener.user}`)) - live);
};
