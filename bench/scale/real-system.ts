import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient } from "../client/client.ts";
import { monotonicMs } from "../lib/clock.ts";
import { cpuMs } from "../lib/cpu.ts";
import { createEvents } from "../lib/events.ts";
import { Lane, SendLog } from "../lib/lane.ts";
import { runSchedule } from "../lib/schedule.ts";
import { createStamper, stampedBar } from "../lib/stamped.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import type { Publication, Target, TargetOptions } from "../servers/target.ts";

/** How a market is published to. */
export type Pace =
  /** One request after the other, each as soon as the one before is answered. */
  | { readonly kind: "burst"; readonly batch: number }
  /** One event each time, whatever became of the ones before; those that wait for a request go with the next. */
  | { readonly kind: "paced"; readonly intervalMs: number };

export interface Series {
  readonly events: number;
  readonly pace: Pace;
}

/** What a series cost, and how it came. */
export interface Outcome {
  /** CPU time of the server's processes, ms. */
  readonly cpuMs: number;
  readonly deliveriesPerSecond: number;
  /** From an event's time to a socket, ms. */
  readonly p50: number;
  readonly p99: number;
}

const SETTLE_MS = 60_000;
/** Until what connecting has left behind is done. */
const REST_MS = 300;

/** The next bar's time: every event is a bar of its own, so that none may take another's place. */
let nextBar = 1_723_161_600_000;

const cpuOf = (pids: readonly number[]): number => {
  const ms = cpuMs(pids);
  if (ms === undefined) throw new Error("Only Linux tells the CPU time of a process.");
  return ms;
};

const publish = async (target: Target, { events, pace }: Series, signal: AbortSignal): Promise<number> => {
  const bars = createEvents(nextBar, events);
  nextBar += events;
  const stampAt = createStamper();
  let stamp = 0;
  const stamped = (bar: (typeof bars)[number], dueMs: number): Publication => {
    stamp = stampAt(dueMs);
    return stampedBar(bar, stamp);
  };
  if (pace.kind === "burst") {
    for (let start = 0; start < events; start += pace.batch) {
      signal.throwIfAborted();
      const now = monotonicMs();
      await target.publish(bars.slice(start, start + pace.batch).map((bar) => stamped(bar, now)));
    }
    return stamp;
  }
  const lane = new Lane((publications) => target.publish(publications), new SendLog());
  await runSchedule({ intervalMs: pace.intervalMs, ticks: events, signal }, (tick, dueMs) => {
    const bar = bars[tick];
    if (bar !== undefined) lane.offer([stamped(bar, dueMs)], dueMs);
  });
  await lane.empty();
  return stamp;
};

/** Publishes a series to all sockets, and waits for it. */
export const runSeries = async (
  target: Target,
  client: LoadClient,
  series: Series,
  signal: AbortSignal,
): Promise<Outcome> => {
  await client.watch();
  const before = cpuOf(target.pids);
  const startedAt = monotonicMs();
  const newest = await publish(target, series, signal);
  const {
    classes,
    lastAt = startedAt,
    behind,
  } = await client.settle({ newest: [newest], personal: 0 }, SETTLE_MS);
  if (behind > 0) throw new Error(`${behind} sockets did not get all events.`);
  const { count, p50, p99 } = classes.market;
  return {
    cpuMs: cpuOf(target.pids) - before,
    deliveriesPerSecond: count / ((lastAt - startedAt) / 1_000),
    p50,
    p99,
  };
};

export interface Connected {
  readonly target: Target;
  readonly client: LoadClient;
  /** CPU time that connecting has cost the server, ms. */
  readonly cpuMs: number;
}

export interface Size extends TargetOptions {
  readonly gateways?: number;
}

/** Starts the service, connects all sockets, and stops both whatever happens. */
export const withService = async <T>(
  { gateways = 1, ...options }: Size,
  use: (connected: Connected) => Promise<T>,
  kind: { start(options: TargetOptions): Promise<Target> } = ledgercore,
): Promise<T> => {
  const { sockets } = options;
  const target = await kind.start({
    ...options,
    vars: {
      GATEWAYS_PER_COLO: String(gateways),
      MAX_SESSIONS_PER_GATEWAY: String(Math.ceil(sockets / gateways)),
      ...options.vars,
    },
  });
  const client = new LoadClient();
  try {
    const cpu = cpuOf(target.pids);
    await client.connect(target, sockets);
    await sleep(REST_MS);
    return await use({
      target,
      client,
      cpuMs: cpuOf(target.pids) - cpu,
    });
  } finally {
    await client.stop();
    await target.stop();
  }
};
