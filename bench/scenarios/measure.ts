import type { LoadClient } from "../client/client.ts";
import { monotonicMs } from "../lib/clock.ts";
import { cpuMs } from "../lib/cpu.ts";
import { createEvents, publicationOf } from "../lib/events.ts";
import type { Target } from "../servers/target.ts";

export interface Sample {
  readonly deliveriesPerSecond: number;
  /** From the first publish to the first delivery, ms. */
  readonly firstMs: number;
  /** CPU time of the server for one delivery, µs; absent where the platform does not tell. */
  readonly serverCpuUs?: number;
  /** Share of the elapsed time in which the load client was busy; near 1 it is the bottleneck. */
  readonly clientBusy: number;
  readonly lost: number;
  readonly doubled: number;
  readonly reordered: number;
}

/** The next series' first number: series never share one, so a straggler shows as what it is. */
let nextBase = 1_723_161_600_000;

/**
 * Publishes `events` events in sequential requests of `batch`, and measures from the first publish to the
 * last delivery. When events were lost, the time is that of giving up.
 */
export const measure = async (
  target: Target,
  client: LoadClient,
  { sockets, events, batch }: { sockets: number; events: number; batch: number },
): Promise<Sample> => {
  const base = nextBase;
  nextBase += events;
  const series = createEvents(base, events).map(publicationOf);
  const { delivery } = await client.expect(base, events);
  const cpuBefore = cpuMs(target.pids);
  const startedAt = monotonicMs();
  for (let start = 0; start < events; start += batch) {
    await target.publish(series.slice(start, start + batch));
  }
  const { firstAt, lastAt, delivered, lost, doubled, reordered, clientCpuMs } = await delivery;
  const cpuAfter = cpuMs(target.pids);
  const elapsedMs = (lastAt ?? monotonicMs()) - startedAt;
  return {
    deliveriesPerSecond: delivered / (elapsedMs / 1_000),
    firstMs: (firstAt ?? Number.POSITIVE_INFINITY) - startedAt,
    ...(cpuBefore !== undefined &&
      cpuAfter !== undefined && { serverCpuUs: ((cpuAfter - cpuBefore) * 1_000) / (sockets * events) }),
    clientBusy: clientCpuMs / elapsedMs,
    lost,
    doubled,
    reordered,
  };
};
