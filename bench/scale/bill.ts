import type { Costs } from "./costs.ts";
import { callsTo, isBusy, type Links } from "./links.ts";
import { type GatewayClass, type Load, type MarketRoom, messagesOfConnect } from "./load.ts";
import { HUB, oneWayMs } from "./topology.ts";
import type { Workload } from "./workload.ts";

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

/** How often a room saves its bars, each time 1 s after the first change; so it is the share of time in which they wait, too. */
const savingOf = ({ market: { rate } }: MarketRoom): number => rate / (1 + rate);

/** The share of its time for which a room is paid. With links it is never idle: a timer looks after them, too. */
const roomTime = (room: MarketRoom, links: Links | undefined): number =>
  links !== undefined && isBusy(room.ownCalls) ? 1 : savingOf(room);

/** The share of its time for which a gateway is paid. */
const gatewayTime = (gateway: GatewayClass, { requestRate }: Workload, links: Links | undefined): number => {
  if (links !== undefined && isBusy(callsTo(gateway))) return 1;
  // A request keeps it in memory; else only work is paid for.
  const asked = 1 - Math.exp(-gateway.sockets * requestRate * REQUEST_S);
  return asked + (1 - asked) * Math.min(1, gateway.busy);
};

/** What the service uses a second, by what it is for; without `links` each call is a request. */
export const useOf = (load: Load, costs: Costs, links?: Links): UseByCause => {
  const { workload, classes, rooms, gateways } = load;
  const { sockets, markets, personalRate, requestRate, sessionS, pingIntervalS, publishBatch } = workload;
  const events = rooms.reduce((sum, { market }) => sum + market.rate, 0);
  const personal = sockets * personalRate;
  const requests = sockets * requestRate;
  const connections = sockets / sessionS;
  const ofWorker = (1 - costs.publishRoomShare) / 1e3;
  const roomsInMemory = rooms.reduce((sum, room) => sum + roomTime(room, links), 0);
  const gatewaysInMemory = classes.reduce(
    (sum, gateway) => sum + gateway.gateways * gatewayTime(gateway, workload, links),
    0,
  );
  const calls =
    links === undefined
      ? rooms.reduce((sum, { calls }) => sum + calls, 0)
      : links.ofRooms.requests + links.ofRelays.requests;
  const personalS = (costs.objectWakeMs + costs.personalStoreMs + 2 * oneWayMs(HUB, HUB, costs)) / 1e3;
  return {
    "market fan-out": use({
      objectRequests: calls,
      gbSeconds: (roomsInMemory + gatewaysInMemory) * OBJECT_GB,
    }),
    "market ingest": use({
      workerRequests: events / publishBatch,
      workerCpuMs: events * ofWorker * (costs.publishEventUs + costs.publishRequestUs / publishBatch),
      objectRequests: events,
      rowsWritten: rooms.reduce((sum, room) => sum + savingOf(room), 0),
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
