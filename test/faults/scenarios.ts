import {
  everyoneIsBack,
  evictSomething,
  failNetworks,
  killAndRestart,
  killInSilence,
  pause,
  repeat,
} from "./actions.ts";
import type { Part, Stage, StageOptions } from "./stage.ts";

export interface Scenario {
  readonly name: string;
  /** What `times` counts. */
  readonly fault: string;
  readonly times: { readonly ci: number; readonly full: number };
  readonly stage: Omit<StageOptions, "random" | "cast">;
  readonly cast: readonly Part[];
  /** Does the faults, while events are published. */
  play(stage: Stage, times: number): Promise<void>;
}

/** Two sockets each of three users, over every transport and both namespaces. */
const EVERYONE: readonly Part[] = [
  { user: "user_a", transports: "websocket" },
  { user: "user_a", transports: "polling" },
  { user: "user_b", transports: "default" },
  { user: "user_b", transports: "websocket", namespace: "/ws" },
  { user: "user_c", transports: "polling", namespace: "/ws" },
  { user: "user_c", transports: "default" },
];
const ON_WEBSOCKETS = EVERYONE.map((part) => ({ ...part, transports: "websocket" as const }));
const POLLING = EVERYONE.map((part) => ({ ...part, transports: "polling" as const }));

const SHORT_HEARTBEAT = { pingInterval: 1_000, pingTimeout: 1_000, inTurn: false };
/** The shortest with hibernatable WebSockets. */
const HIBERNATING = { pingInterval: 10_000, pingTimeout: 5_000, inTurn: true };
export const SCENARIOS: readonly Scenario[] = [
  {
    name: "1. kill -9 at random moments, and restart",
    fault: "kills",
    times: { ci: 3, full: 20 },
    stage: { ...SHORT_HEARTBEAT, networks: false, unrulyPublisher: false },
    cast: EVERYONE,
    play: (stage, times) =>
      repeat(times, async () => {
        // Often before everyone has come back from the one before.
        await pause(stage, 0, 1_500);
        await (stage.random.chance(30) ? killInSilence(stage) : killAndRestart(stage));
      }),
  },
  {
    name: "2. eviction of gateways and rooms",
    fault: "evictions",
    times: { ci: 12, full: 150 },
    stage: { ...HIBERNATING, networks: false, unrulyPublisher: false },
    cast: ON_WEBSOCKETS,
    play: (stage, times) =>
      repeat(times, async () => {
        await pause(stage, 0, 150);
        await evictSomething(stage);
      }),
  },
  {
    name: "3. networks that reset, stall, drop and delay",
    fault: "network faults",
    times: { ci: 2, full: 20 },
    stage: { ...SHORT_HEARTBEAT, networks: true, unrulyPublisher: false },
    cast: EVERYONE,
    play: failNetworks,
  },
  {
    name: "4. publishes repeated and out of order",
    fault: "kills",
    times: { ci: 1, full: 5 },
    stage: { ...SHORT_HEARTBEAT, networks: false, unrulyPublisher: true },
    cast: EVERYONE,
    play: (stage, times) =>
      repeat(times, async () => {
        await pause(stage, 500, 1_500);
        await killAndRestart(stage);
        await everyoneIsBack(stage);
      }),
  },
  {
    name: "5. outages longer than the heartbeat",
    fault: "outages",
    times: { ci: 1, full: 6 },
    stage: { ...SHORT_HEARTBEAT, networks: true, unrulyPublisher: false },
    cast: EVERYONE,
    play: (stage, times) =>
      repeat(times, async () => {
        await pause(stage, 200, 800);
        const silent = stage.networks.filter(() => stage.random.chance(50));
        for (const network of silent) network.stall("up", "down");
        await killAndRestart(stage, stage.heartbeatMs + 500 + stage.random.int(2_000));
        for (const network of silent) network.heal();
        await everyoneIsBack(stage);
      }),
  },
  {
    name: "6. polling clients through all of it",
    fault: "faults",
    times: { ci: 2, full: 40 },
    stage: { ...SHORT_HEARTBEAT, networks: true, unrulyPublisher: true },
    cast: POLLING,
    play: (stage, times) =>
      repeat(times, async () => {
        await pause(stage, 100, 500);
        switch (stage.random.int(3)) {
          case 0:
            return killAndRestart(stage, stage.random.chance(20) ? stage.heartbeatMs + 500 : 0);
          case 1: {
            const { rooms, random, service } = stage;
            await service.evict("Room", rooms[random.int(rooms.length)] ?? "", "hibernate");
            return;
          }
          default:
            return failNetworks(stage, 1);
        }
      }),
  },
  {
    name: "7. everyone, and everything at once",
    fault: "times everything",
    times: { ci: 2, full: 25 },
    stage: { ...SHORT_HEARTBEAT, networks: true, unrulyPublisher: true },
    cast: EVERYONE,
    play: async (stage, times) => {
      await Promise.all([
        failNetworks(stage, times),
        repeat(times, async () => {
          await pause(stage, 0, 1_500);
          await killAndRestart(stage);
        }),
      ]);
    },
  },
];
