import type { Costs } from "./costs.ts";
import { createEventQueue } from "./event-queue.ts";
import { Histogram } from "./histogram.ts";
import type { GatewayClass, Load } from "./load.ts";
import { createPicker, createRandom, type Random, shuffle } from "./random.ts";
import { createRoomModel, type GatewayPart } from "./room-model.ts";
import { type Background, createServer, type Server } from "./server.ts";
import { type Colo, createDelay, HUB } from "./topology.ts";

export interface SimulationOptions {
  /** Of simulated time. */
  readonly seconds: number;
  /** The hottest rooms, followed event by event; all else is work that their gateways have besides. */
  readonly rooms: number;
  /** Personal events followed a second. */
  readonly personalRate: number;
  readonly seed: number;
}

export interface Simulated {
  readonly market: Histogram;
  readonly personal: Histogram;
  readonly events: number;
  /** Calls to gateways in all, and those of them that rooms make themselves. */
  readonly calls: number;
  readonly roomCalls: number;
  /** Of the events put into outboxes, the share that newer ones replaced. */
  readonly conflated: number;
  /** Of the calls of relays, the share that took longer than relays wait. */
  readonly late: number;
  /** Of the hottest room's thread. */
  readonly roomBusy: number;
}

const MS = 1_000;
/** Sessions pinged in one turn, as in src/gateway/host.ts. */
const PING_SLICE = 250;

/** All that a gateway does for other rooms and by itself. */
const backgroundOf = (gateway: GatewayClass, load: Load, rooms: number, costs: Costs): Background => {
  const { sockets, markets } = gateway;
  const { personalRate, pingIntervalS, sessionS } = load.workload;
  const toSocketMs = (costs.socketTurnUs + costs.socketFrameUs) / MS;
  const slice = Math.min(PING_SLICE, sockets);
  const work = [
    ...markets
      .slice(rooms)
      .map(({ present, calls, serviceMs }) => ({ rate: present * calls, ms: serviceMs })),
    {
      rate: sockets * personalRate,
      ms: (costs.deliverCallUs * (1 - costs.callerShare)) / MS + toSocketMs,
    },
    { rate: sockets / slice / pingIntervalS, ms: slice * toSocketMs },
    { rate: sockets / sessionS, ms: (costs.connectUs * costs.connectGatewayShare) / MS },
  ];
  const pick = createPicker(work.map(({ rate }) => rate));
  return {
    rate: work.reduce((sum, { rate }) => sum + rate, 0) / MS,
    serviceMs: (random) => work[pick(random)]?.ms ?? 0,
  };
};

interface Gateway {
  readonly server: Server;
  readonly colo: Colo;
  readonly class: GatewayClass;
}

/** A number of things that come independently, `mean` on average, given that it is not 0. */
const someOf = (mean: number, random: Random): number =>
  Math.max(1, Math.floor(mean + Math.sqrt(mean) * (random.next() + random.next() - 1) + 0.5));

/** The gateways that have sockets in the `index`th market, in the order in which they come. */
const partsOf = (gateways: readonly Gateway[], index: number, random: Random): GatewayPart[] => {
  const parts = gateways.flatMap((gateway): GatewayPart[] => {
    const { present = 0, sockets = 0 } = gateway.class.markets[index] ?? {};
    if (random.next() >= present) return [];
    return [{ server: gateway.server, colo: gateway.colo, sockets: someOf(sockets, random) }];
  });
  return shuffle(parts, random);
};

/** Times of a Poisson process. */
const everySoOften = (rate: number, seconds: number, random: Random, each: (time: number) => void): void => {
  for (let time = random.exponential(MS / rate); time < seconds * MS; time += random.exponential(MS / rate))
    each(time);
};

export const simulateMarkets = (load: Load, options: SimulationOptions, costs: Costs): Simulated => {
  const { seconds, rooms, seed } = options;
  const { setup } = load;
  const random = createRandom(seed);
  const queue = createEventQueue();
  const delay = createDelay(costs, random);
  const [market, personal] = [new Histogram(), new Histogram()];
  const gateways = load.classes.flatMap((gateway): Gateway[] => {
    const background = backgroundOf(gateway, load, rooms, costs);
    return Array.from({ length: gateway.gateways }, () => ({
      server: createServer(background, random),
      colo: gateway.colo,
      class: gateway,
    }));
  });
  const toRoomMs =
    2 * costs.localOneWayMs +
    ((costs.publishRequestUs + costs.publishEventUs) * (1 - costs.publishRoomShare)) / MS;
  const threads: Server[] = [];
  const models = load.rooms.slice(0, rooms).map((room, index) => {
    const changes = (2 * room.market.subscribers) / load.workload.sessionS;
    const server = createServer({ rate: changes / MS, serviceMs: () => costs.roomJoinUs / MS }, random);
    threads.push(server);
    const model = createRoomModel({
      queue,
      costs,
      delay,
      server,
      colo: HUB,
      gateways: partsOf(gateways, index, random),
      width: setup.width,
      coalesceMs: setup.coalesceMs,
      conflates: true,
      latencies: market,
    });
    everySoOften(room.market.rate, seconds, random, (time) =>
      queue.at(time + toRoomMs, () => model.publish([time])),
    );
    return model;
  });
  const pick = createPicker(gateways.map(({ class: { sockets } }) => sockets));
  everySoOften(options.personalRate, seconds, random, (time) => {
    const gateway = gateways[pick(random)];
    if (gateway === undefined) return;
    const { colo, server } = gateway;
    const stored =
      time +
      toRoomMs +
      delay(HUB, colo) +
      costs.objectWakeMs +
      costs.personalStoreMs +
      costs.personalEventUs / MS;
    queue.at(stored + delay(colo, colo), () => {
      const callMs = (costs.deliverCallUs * (1 - costs.callerShare)) / MS;
      const end = server.serve(queue.now, callMs + (costs.socketTurnUs + costs.socketFrameUs) / MS);
      personal.add(end - time);
    });
  });
  // What is on its way arrives.
  queue.run(seconds * MS);
  const roomBusy = (threads[0]?.busyMs ?? 0) / (seconds * MS);
  queue.run(2 * seconds * MS + MS);
  const sum = (of: (model: (typeof models)[number]) => number): number =>
    models.reduce((total, model) => total + of(model), 0);
  const calls = sum(({ stats }) => stats.calls);
  const roomCalls = sum(({ stats }) => stats.roomCalls);
  return {
    market,
    personal,
    events: sum(({ stats }) => stats.events),
    calls,
    roomCalls,
    conflated:
      sum(({ stats }) => stats.conflated()) /
      Math.max(
        1,
        sum(({ stats }) => stats.offered),
      ),
    late: sum(({ stats }) => stats.late) / Math.max(1, calls - roomCalls),
    roomBusy,
  };
};
