import type { Costs } from "./costs.ts";
import { type Load, messagesOfConnect } from "./load.ts";
import { HUB, oneWayMs } from "./topology.ts";

/** What is paid for, a second. */
export interface Use {
  readonly workerRequests: number;
  readonly workerCpuMs: number;
  readonly objectRequests: number;
  readonly gbSeconds: number;
  readonly rowsRead: number;
  readonly rowsWritten: number;
}

export const CAUSES = [
  "market fan-out",
  "market ingest",
  "personal events",
  "connections",
  "heartbeat",
  "requests",
] as const;
export type Cause = (typeof CAUSES)[number];

export type UseByCause = Readonly<Record<Cause, Use>> & { readonly storedGb: number };

export interface Bill {
  readonly usd: number;
  /** Before what is included, which is taken off the whole. */
  readonly byCause: Readonly<Record<Cause, number>>;
  readonly byPrice: Readonly<Record<keyof Use | "storage" | "plan", number>>;
  readonly month: Use;
}

export const MONTH_S = 30 * 24 * 3_600;
const M = 1e6;
/** 128 MB, as Cloudflare's own examples count it. */
const OBJECT_GB = 0.128;
/** Included in the plan, a month. */
const INCLUDED: Use = {
  workerRequests: 10 * M,
  workerCpuMs: 30 * M,
  objectRequests: M,
  gbSeconds: 400_000,
  rowsRead: 25_000 * M,
  rowsWritten: 50 * M,
};
const INCLUDED_GB = 5;

/** What costs.json does not count: rows and calls, as in src/. */
const ROWS = {
  /** A gateway's register: the personal room, in and out; the room's epoch. */
  connection: 3,
  /** A market's socket, put and deleted. */
  subscription: 2,
  /** A request, put into the register and taken out. */
  request: 2,
} as const;
const CALLS = {
  /** publish and deliver. */
  personalEvent: 2,
  /** The handshake, connect and leave. */
  connection: 3,
  /** The join, the leave, and what the personal room is told of it. */
  subscription: 3,
} as const;
const ROWS_READ_A_WRITE = 2;
/** How long a client's request holds its gateway in memory. */
const REQUEST_S = 2;
/** An empty SQLite database, as published. */
const ROOM_GB = 12e3 / 1e9;
const MARKET_GB = 1e-3;

const NONE: Use = {
  workerRequests: 0,
  workerCpuMs: 0,
  objectRequests: 0,
  gbSeconds: 0,
  rowsRead: 0,
  rowsWritten: 0,
};
const use = (part: Partial<Use>): Use => ({
  ...NONE,
  rowsRead: ROWS_READ_A_WRITE * (part.rowsWritten ?? 0),
  ...part,
});

/** What the service uses a second, by what it is for. */
export const useOf = ({ workload, classes, rooms, gateways }: Load, costs: Costs): UseByCause => {
  const { sockets, markets, personalRate, requestRate, sessionS, pingIntervalS, publishBatch } = workload;
  const events = rooms.reduce((sum, { market }) => sum + market.rate, 0);
  const personal = sockets * personalRate;
  const requests = sockets * requestRate;
  const connections = sockets / sessionS;
  const ofWorker = (1 - costs.publishRoomShare) / 1e3;
  // A room is kept in memory by the timer that saves its bars 1 s after the first change.
  const awakeRooms = rooms.reduce((sum, { market: { rate } }) => sum + rate / (1 + rate), 0);
  // A request keeps its gateway in memory; else only work is paid for.
  const awakeGateways = classes.reduce((sum, { gateways, sockets, busy }) => {
    const asked = 1 - Math.exp(-sockets * requestRate * REQUEST_S);
    return sum + gateways * (asked + (1 - asked) * Math.min(1, busy));
  }, 0);
  const personalS = (costs.objectWakeMs + costs.personalStoreMs + 2 * oneWayMs(HUB, HUB, costs)) / 1e3;
  return {
    "market fan-out": use({
      objectRequests: rooms.reduce((sum, { calls }) => sum + calls, 0),
      gbSeconds: (awakeRooms + awakeGateways) * OBJECT_GB,
    }),
    "market ingest": use({
      workerRequests: events / publishBatch,
      workerCpuMs: events * ofWorker * (costs.publishEventUs + costs.publishRequestUs / publishBatch),
      objectRequests: events,
      rowsWritten: awakeRooms,
    }),
    "personal events": use({
      workerRequests: personal,
      workerCpuMs: personal * ofWorker * (costs.publishEventUs + costs.publishRequestUs),
      objectRequests: personal * (CALLS.personalEvent + costs.personalEventAlarms),
      gbSeconds: personal * personalS * OBJECT_GB,
      rowsWritten: personal * costs.personalEventRows,
    }),
    connections: use({
      workerRequests: connections,
      workerCpuMs: (connections * costs.connectUs * (1 - costs.connectGatewayShare)) / 1e3,
      objectRequests:
        connections *
        (CALLS.connection +
          costs.connectionAlarms +
          markets * CALLS.subscription +
          messagesOfConnect(workload) / costs.messagesPerRequest),
      gbSeconds: connections * 2 * personalS * OBJECT_GB,
      rowsWritten:
        connections *
        (ROWS.connection + costs.connectionRows + markets * (ROWS.subscription + costs.subscriptionRows)),
    }),
    heartbeat: use({
      objectRequests: (gateways * costs.pingRoundAlarms) / pingIntervalS,
      rowsWritten: (gateways * costs.pingRoundRows) / pingIntervalS,
    }),
    requests: use({
      objectRequests: requests / costs.messagesPerRequest,
      rowsWritten: requests * ROWS.request,
    }),
    storedGb: sockets * ROOM_GB + rooms.length * MARKET_GB,
  };
};

const pricesOf = (costs: Costs): Use => ({
  workerRequests: costs.workerRequestUsd / M,
  workerCpuMs: costs.workerCpuUsd / M,
  objectRequests: costs.objectRequestUsd / M,
  gbSeconds: costs.durationUsd / M,
  rowsRead: costs.rowReadUsd / M,
  rowsWritten: costs.rowWrittenUsd / M,
});

const KINDS = Object.keys(INCLUDED) as (keyof Use)[];

/** A month of it at the prices of `costs`. */
export const billOf = (used: UseByCause, costs: Costs): Bill => {
  const prices = pricesOf(costs);
  const monthOf = (kind: keyof Use): number =>
    CAUSES.reduce((sum, cause) => sum + used[cause][kind], 0) * MONTH_S;
  const month = Object.fromEntries(KINDS.map((kind) => [kind, monthOf(kind)])) as unknown as Use;
  const paid = Object.fromEntries(
    KINDS.map((kind) => [kind, Math.max(0, month[kind] - INCLUDED[kind]) * prices[kind]]),
  ) as unknown as Use;
  const byPrice = {
    ...paid,
    storage: Math.max(0, used.storedGb - INCLUDED_GB) * costs.storageUsd,
    plan: costs.planUsd,
  };
  const costOf = (cause: Cause): number =>
    KINDS.reduce((sum, kind) => sum + used[cause][kind] * MONTH_S * prices[kind], 0);
  return {
    usd: Object.values(byPrice).reduce((sum, part) => sum + part, 0),
    byCause: Object.fromEntries(CAUSES.map((cause) => [cause, costOf(cause)])) as Record<Cause, number>,
    byPrice,
    month,
  };
};
