import type { LoadClient } from "../client/client.ts";
import { monotonicMs } from "../lib/clock.ts";
import { createEvents, publicationOf } from "../lib/events.ts";
import { meter } from "../lib/usage.ts";
import type { Target } from "../servers/target.ts";

/** How events are published. */
export interface Publishing {
  readonly events: number;
  /** Events in one request. */
  readonly batch: number;
  /** Requests on their way at a time. */
  readonly atOnce: number;
}

export interface Sample {
  /** From the first publish to the last delivery, ms. */
  readonly elapsedMs: number;
  readonly deliveriesPerSecond: number;
  /** From the first publish to the first delivery, ms. */
  readonly firstMs: number;
  /** CPU time of the server for one delivery, µs; absent where the platform does not tell. */
  readonly serverCpuUs?: number;
  /** The most memory the server had resident; absent where the platform does not tell. */
  readonly serverPeakBytes?: number;
  /** Shares of one CPU that the load client and the publisher used; near 1 it is the bottleneck. */
  readonly clientBusy: number;
  readonly publisherBusy: number;
  readonly lost: number;
  readonly doubled: number;
  readonly reordered: number;
}

/** The next series' first number: series never share one, so a straggler shows as what it is. */
let nextBase = 1_723_161_600_000;

/** Does the work of each item in order, on at most `atOnce` at a time. */
export const inOrder = async <T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const queue = items.values();
  const takeSome = async (): Promise<void> => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, takeSome));
};

/**
 * Publishes to a server whose `sockets` sockets the client has connected, and measures from the first publish to the
 * last delivery. When events were lost, the time is that of giving up.
 */
export const measure = async (
  target: Target,
  client: LoadClient,
  sockets: number,
  { events, batch, atOnce }: Publishing,
): Promise<Sample> => {
  const base = nextBase;
  nextBase += events;
  const series = createEvents(base, events).map(publicationOf);
  const requests = Array.from({ length: Math.ceil(events / batch) }, (_, index) =>
    series.slice(index * batch, (index + 1) * batch),
  );
  // Requests that overlap may overtake each other; what is in one stays in order.
  const { delivery } = await client.expect(base, events, atOnce === 1 ? events : batch);
  const usage = meter(target.pids);
  const ownCpu = process.cpuUsage();
  const startedAt = monotonicMs();
  await inOrder(requests, atOnce, (request) => target.publish(request));
  const { firstAt, lastAt, delivered, lost, doubled, reordered, clientCpuMs } = await delivery;
  const { serverCpuMs, serverPeakBytes } = usage();
  const { user, system } = process.cpuUsage(ownCpu);
  const elapsedMs = (lastAt ?? monotonicMs()) - startedAt;
  return {
    elapsedMs,
    deliveriesPerSecond: delivered / (elapsedMs / 1_000),
    firstMs: (firstAt ?? Number.POSITIVE_INFINITY) - startedAt,
    ...(serverCpuMs !== undefined && { serverCpuUs: (serverCpuMs * 1_000) / (sockets * events) }),
    ...(serverPeakBytes !== undefined && { serverPeakBytes }),
    clientBusy: clientCpuMs / elapsedMs,
    publisherBusy: (user + system) / 1_000 / elapsedMs,
    lost,
    doubled,
    reordered,
  };
};
