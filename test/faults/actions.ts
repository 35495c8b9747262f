import { setTimeout } from "node:timers/promises";
import type { FaultyProxy } from "../support/faulty-proxy.ts";
import { eventually } from "./eventually.ts";
import type { Listener } from "./listener.ts";
import type { Stage } from "./stage.ts";

const BACK_WITHIN_MS = 15_000;

export const pause = (stage: Stage, from: number, to: number): Promise<void> =>
  setTimeout(from + stage.random.int(to - from));

export const repeat = async (times: number, action: () => Promise<void>): Promise<void> => {
  for (let turn = 0; turn < times; turn++) await action();
};

/** Whether they come back is what the verdict says; here it is only waited for. */
export const everyoneIsBack = (stage: Stage): Promise<boolean> =>
  eventually(() => stage.listeners.every(({ connected }) => connected), BACK_WITHIN_MS);

export const killAndRestart = async (stage: Stage, downMs = 0): Promise<void> => {
  await stage.service.kill();
  await setTimeout(downMs);
  await stage.service.start();
};

/** What was accepted right before a kill must arrive though nothing is published after it. */
export const killInSilence = async (stage: Stage): Promise<void> => {
  await stage.publisher.end();
  await killAndRestart(stage);
  stage.problems.push(...(await stage.missing()));
  stage.publisher.start();
};

/** Evicts a gateway or a room, whatever it is doing. */
export const evictSomething = async (stage: Stage): Promise<void> => {
  const { random, rooms, service } = stage;
  for (;;) {
    const gateway = random.chance(50);
    const names = gateway ? service.gateways : rooms;
    const name = names[random.int(names.length)] ?? "";
    if (await service.evict(gateway ? "Gateway" : "Room", name, random.chance(30) ? "close" : "hibernate"))
      return;
    await setTimeout(10);
  }
};

/** Something happens to one client, mostly to its network, for longer or shorter than its heartbeat. */
const FAULTS: readonly ((network: FaultyProxy, stage: Stage, listener: Listener) => unknown)[] = [
  (_network, _stage, listener) => listener.sendNonsense(),
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

/** To each client so many things happen, independent of the others. */
export const failNetworks = async (stage: Stage, times: number): Promise<void> => {
  await Promise.all(
    stage.listeners.map(async (listener, index) => {
      const network = stage.networks[index];
      if (network === undefined) throw new Error("The scenario has no networks.");
      await repeat(times, async () => {
        await pause(stage, 50, 600);
        await FAULTS[stage.random.int(FAULTS.length)]?.(network, stage, listener);
        network.heal();
      });
    }),
  );
};
