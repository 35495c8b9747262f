import type { Costs } from "./costs.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";
import { Histogram } from "./histogram.ts";
import type { Series } from "./real-system.ts";
import { createRoomModel } from "./room-model.ts";
import { createServer } from "./server.ts";
import { HUB } from "./topology.ts";

export interface Predicted {
  readonly deliveriesPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

type Publish = (events: readonly number[], done: () => void) => void;

const MS = 1_000;

/** One request after the other. */
const publishBurst = (queue: EventQueue, events: number, batch: number, publish: Publish): void => {
  const next = (left: number): void => {
    if (left <= 0) return;
    publish(new Array<number>(Math.min(batch, left)).fill(queue.now), () => next(left - batch));
  };
  next(events);
};

/** As bench/lib/lane.ts: what is due while a request is on its way goes with the next. */
const publishPaced = (queue: EventQueue, events: number, intervalMs: number, publish: Publish): void => {
  let waiting: number[] = [];
  let sending = false;
  const send = (): void => {
    sending = waiting.length > 0;
    const batch = waiting;
    waiting = [];
    if (sending) publish(batch, send);
  };
  for (let event = 0; event < events; event++) {
    queue.at(event * intervalMs, () => {
      waiting.push(queue.now);
      if (!sending) send();
    });
  }
};

/** The service on this machine, where all objects and the Worker share one thread and nothing is far. */
export const simulateLocally = (
  { sockets, gateways }: { readonly sockets: number; readonly gateways: number },
  { events, pace }: Series,
  measured: Costs,
): Predicted => {
  const costs = { ...measured, publishRoomShare: 1 };
  const queue = createEventQueue();
  const thread = createServer();
  const latencies = new Histogram();
  let lastAt = 0;
  const room = createRoomModel({
    queue,
    costs,
    delay: () => 0,
    server: thread,
    colo: HUB,
    gateways: Array.from({ length: gateways }, () => ({
      server: thread,
      colo: HUB,
      sockets: sockets / gateways,
    })),
    width: Number.POSITIVE_INFINITY,
    coalesceMs: 0,
    conflates: false,
    latencies,
    onDelivered: (end) => {
      lastAt = Math.max(lastAt, end);
    },
  });
  const halfGapMs = costs.publishGapMs / 2;
  const publish: Publish = (batch, done) =>
    queue.at(queue.now + halfGapMs, () => room.publish(batch, () => queue.at(queue.now + halfGapMs, done)));
  if (pace.kind === "burst") publishBurst(queue, events, pace.batch, publish);
  else publishPaced(queue, events, pace.intervalMs, publish);
  queue.run(Number.POSITIVE_INFINITY);
  return {
    deliveriesPerSecond: (events * sockets) / (lastAt / MS),
    p50: latencies.percentile(0.5),
    p99: latencies.percentile(0.99),
  };
};
