import { setTimeout } from "node:timers/promises";
import type { FaultyProxy } from "../support/faulty-proxy.ts";
import { eventually } from "./eventually.ts";
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
const BACK_WITHIN_MS = 15_000;

const pause = (stage: Stage, from: number, to: number): Promise<void> =>
  setTimeout(from + stage.random.int(to - from));

const repeat = async (times: number, action: (turn: number) => Promise<void>): Promise<void> => {
  for (let turn = 0; turn < times; turn++) await action(turn);
};

/** Whether they come back is what the verdict says; here it is only waited for. */
const everyoneIsBack = (stage: Stage): Promise<boolean> =>
  eventually(() => stage.listeners.every(({ connected }) => connected), BACK_WITHIN_MS);

const killAndRestart = async (stage: Stage, downMs = 0): Promise<void> => {
  await stage.kill();
  await setTimeout(downMs);
  await stage.start();
};

/** Evicts a gateway or a room, whatever it is doing. */
const evictSomething = async (stage: Stage): Promise<void> => {
  const { random, gateways, rooms } = stage;
  for (;;) {
    const gateway = random.chance(50);
    const names = gateway ? gateways : rooms;
    const name = names[random.int(names.length)] ?? "";
    if (await stage.evict(gateway ? "Gateway" : "Room", name, random.chance(30) ? "close" : "hibernate"))
      return;
    await setTimeout(10);
  }
};

/** Something happens to one client's network, for longer or shorter than its heartbeat. */
const NETWORK_FAULTS: readonly ((network: FaultyProxy, stage: Stage) => unknown)[] = [
  (network) => network.reset(),
  (network) => network.halfOpen("client"),
  (network) => network.halfOpen("service"),
  async (network, stage) => {
    network.stall("up", "down");
    await pause(stage, 100, 3_500);
  },
  async (network, stage) => {
    network.stall("up");
    await pause(stage, 100, 3_500);
  },
  async (network, stage) => {
    network.stall("down");
    await pause(stage, 100, 3_500);
  },
  // What was held is lost with its connections.
  async (network, stage) => {
    network.stall("up", "down");
    await pause(stage, 100, 1_500);
    network.reset();
  },
  async (network, stage) => {
    network.latency = () => stage.random.int(60);
    await pause(stage, 500, 2_000);
  },
  async (network, stage) => {
    network.reset();
    network.arrivals = "refuse";
    await pause(stage, 100, 1_500);
  },
  async (network, stage) => {
    network.reset();
    network.arrivals = "swallow";
    await pause(stage, 100, 1_500);
  },
];

const failNetwork = async (stage: Stage, network: FaultyProxy): Promise<void> => {
  const fault = NETWORK_FAULTS[stage.random.int(NETWORK_FAULTS.length)];
  await fault?.(network, stage);
  network.heal();
};

/** Each client's network fails so many times, independent of the others'. */
const failNetworks = async (stage: Stage, times: number): Promise<void> => {
  await Promise.all(
    stage.networks.map((network) =>
      repeat(times, async () => {
        await pause(stage, 50, 600);
        await failNetwork(stage, network);
      }),
    ),
  );
};

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
        await killAndRestart(stage);
      }),
  },
  {
    name: "2. eviction of gateways and rooms",
    fault: "evictions",
    times: { ci: 15, full: 150 },
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
    times: { ci: 3, full: 20 },
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
    times: { ci: 5, full: 40 },
    stage: { ...SHORT_HEARTBEAT, networks: true, unrulyPublisher: true },
    cast: POLLING,
    play: (stage, times) =>
      repeat(times, async () => {
        await pause(stage, 100, 500);
        switch (stage.random.int(3)) {
          case 0:
            return killAndRestart(stage, stage.random.chance(20) ? stage.heartbeatMs + 500 : 0);
          case 1: {
            const { rooms, random } = stage;
            await stage.evict("Room", rooms[random.int(rooms.length)] ?? "", "hibernate");
            return;
          }
          default:
            return failNetworks(stage, 1);
        }
      }),
  },
];
