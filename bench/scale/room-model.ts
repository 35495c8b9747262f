import { PATIENCE_MS } from "../../src/gateway/relay.ts";
import type { Costs } from "./costs.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Histogram } from "./histogram.ts";
import { lanesOf } from "./lanes.ts";
import { OutboxModel } from "./outbox-model.ts";
import type { Server } from "./server.ts";
import type { Colo, Delay } from "./topology.ts";

/** A gateway, as one room knows it. */
export interface GatewayPart {
  readonly server: Server;
  readonly colo: Colo;
  /** Of the gateway in the room. */
  readonly sockets: number;
}

export interface RoomModelOptions {
  readonly queue: EventQueue;
  readonly costs: Costs;
  readonly delay: Delay;
  /** The room's thread, and where it is. */
  readonly server: Server;
  readonly colo: Colo;
  /** In the order in which they came. */
  readonly gateways: readonly GatewayPart[];
  /** FANOUT_WIDTH. */
  readonly width: number;
  /** MARKET_COALESCE_MS. */
  readonly coalesceMs: number;
  readonly conflates: boolean;
  /** From an event's time to each socket. */
  readonly latencies: Histogram;
  /** A gateway's sockets will have all of a batch at this time. */
  readonly onDelivered?: (end: number) => void;
}

export interface RoomModel {
  /** Events, by the times at which they were published, come in one call. `done`: the room answers. */
  publish(events: readonly number[], done?: () => void): void;
  readonly stats: RoomStats;
}

export interface RoomStats {
  /** Events published. */
  events: number;
  /** deliver and relay calls, the room's own and those of its relays. */
  calls: number;
  roomCalls: number;
  /** Calls of relays that took longer than relays wait. */
  late: number;
  /** Events put into outboxes, and those of them that newer ones replaced, each counted for every outbox. */
  offered: number;
  conflated(): number;
}

/** Gateways of one outbox; if there are several, one of them relays, in turns. */
interface Lane {
  readonly gateways: readonly GatewayPart[];
  readonly outbox: OutboxModel;
  readonly firstTurn: number;
}

const MS = 1_000;
/** How long the same gateway of a lane relays. In src/rooms/fan-out.ts a minute: here more of them have turns in a run. */
const TURN_MS = 1_000;

/** A market room with its gateways: what src/rooms/fan-out.ts and src/gateway/subscriptions.ts cost, and how long they take. */
export const createRoomModel = (options: RoomModelOptions): RoomModel => {
  const { queue, costs, delay, server, colo, gateways, width, coalesceMs, latencies } = options;
  const callMs = costs.deliverCallUs / MS;
  const callerMs = callMs * costs.callerShare;
  const calleeMs = callMs - callerMs;
  const sharesThread = gateways.some((gateway) => gateway.server === server);
  /** When the first call after a publish has been served. */
  let firstCalledAt: number | undefined;
  const frameMs = costs.socketFrameUs / MS;
  const turnMs = costs.socketTurnUs / MS;
  const stats: RoomStats = {
    events: 0,
    calls: 0,
    roomCalls: 0,
    late: 0,
    offered: 0,
    conflated: () => lanes.reduce((sum, { outbox }) => sum + outbox.conflated, 0),
  };

  /**
   * To all of a gateway's sockets; `answer` when the call is answered. The call takes each socket in hand; then the thread
   * writes the frames, socket by socket, and answers when that is done.
   */
  const deliver = (gateway: GatewayPart, batch: readonly number[], answer: () => void): void => {
    const { sockets, server } = gateway;
    const called = server.serve(queue.now, calleeMs + sockets * turnMs);
    const writtenMs = sockets * batch.length * frameMs;
    const end = server.serve(queue.now, writtenMs);
    for (const event of batch) latencies.addSpread(end - writtenMs - event, end - event, sockets);
    options.onDelivered?.(end);
    firstCalledAt ??= called;
    queue.at(end, answer);
  };

  const relay = (
    first: GatewayPart,
    others: readonly GatewayPart[],
    batch: readonly number[],
    done: () => void,
  ) => {
    let open = others.length + 1;
    const answered = (): void => {
      if (--open === 0) done();
    };
    const startedAt = queue.now;
    for (const other of others) {
      stats.calls++;
      const sent = first.server.serve(queue.now, callerMs);
      queue.at(sent + delay(first.colo, other.colo), () => {
        deliver(other, batch, () => {
          const back = queue.now + delay(other.colo, first.colo);
          if (back - startedAt > PATIENCE_MS) stats.late++;
          queue.at(back, answered);
        });
      });
    }
    deliver(first, batch, answered);
  };

  const send = (lane: Lane, batch: readonly number[], done: () => void): void => {
    const { length } = lane.gateways;
    const turn = (lane.firstTurn + Math.floor(queue.now / TURN_MS)) % length;
    const [first, ...others] = [...lane.gateways.slice(turn), ...lane.gateways.slice(0, turn)];
    if (first === undefined) return;
    stats.calls++;
    stats.roomCalls++;
    const sent = server.serve(queue.now, callerMs);
    queue.at(sent + delay(colo, first.colo), () =>
      relay(first, others, batch, () => queue.at(queue.now + delay(first.colo, colo), done)),
    );
  };

  const lanes = lanesOf(gateways, width).map((together, index) => {
    const lane: Lane = {
      gateways: together,
      outbox: new OutboxModel({
        now: () => queue.now,
        send: (batch, done) => send(lane, batch, done),
        conflates: options.conflates,
      }),
      // A run is shorter than all turns of a lane: so those who have one are not the first gateways of every lane.
      firstTurn: index,
    };
    return lane;
  });

  let gathered: number[] = [];
  let nextAt = 0;
  const flush = (): void => {
    const events = gathered;
    gathered = [];
    nextAt = queue.now + coalesceMs;
    stats.offered += events.length * lanes.length;
    for (const { outbox } of lanes) outbox.push(events);
  };
  /** As in src/rooms/coalescing.ts: at once after a quiet time, else when the room may send again. */
  const accept = (events: readonly number[]): void => {
    const timed = gathered.length > 0;
    gathered.push(...events);
    if (timed) return;
    if (queue.now >= nextAt) flush();
    else queue.at(nextAt, flush);
  };

  return {
    publish: (events, done) => {
      stats.events += events.length;
      const us = (costs.publishRequestUs + events.length * costs.publishEventUs) * costs.publishRoomShare;
      const end = server.serve(queue.now, us / MS);
      queue.at(end, () => {
        accept(events);
        if (done === undefined) return;
        firstCalledAt = undefined;
        // After the calls that the room makes in the same turn; where gateways share its thread, the first of those comes
        // before the answer.
        queue.at(server.serve(queue.now, 0), () =>
          queue.at(Math.max(queue.now, (sharesThread ? firstCalledAt : undefined) ?? 0), done),
        );
      });
    },
    stats,
  };
};
