import type { Costs } from "./costs.ts";
import { createEventQueue } from "./event-queue.ts";
import { Histogram } from "./histogram.ts";
import type { Load } from "./load.ts";
import { createRandom, type Random } from "./random.ts";
import { createServer, type Server } from "./server.ts";
import { type Colo, createDelay, HUB } from "./topology.ts";

export interface StormOptions {
  /** Clients that are followed; the rest behave alike, and the room's work is multiplied. */
  readonly clients: number;
  /** CONNECT_TIMEOUT. */
  readonly connectTimeoutMs: number;
  /** Of simulated time, when it is given up. */
  readonly seconds: number;
  readonly seed: number;
}

export interface Storm {
  /** From the drop to being in all rooms again. */
  readonly back: Histogram;
  /** Share of sockets that are back at all. */
  readonly share: number;
  /** Connections opened for each socket. */
  readonly attempts: number;
  /** In the busiest second: sockets that come back, in all; connections, at the busiest gateway; joins, in the hottest room. */
  readonly peakBack: number;
  readonly peakGateway: number;
  readonly peakRoom: number;
}

const MS = 1_000;
/** socket.io-client unless told otherwise: reconnectionDelay, reconnectionDelayMax, randomizationFactor. */
const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 5_000;
const RANDOMIZATION = 0.5;
/** Changes in one call, as in src/gateway/memberships.ts. */
const MAX_CHANGES = 500;

/** As socket.io-client waits before its `attempt`th try, counted from 0. */
export const backoffMs = (attempt: number, random: Random): number => {
  const delay = FIRST_DELAY_MS * 2 ** attempt;
  return Math.min(LAST_DELAY_MS, delay * (1 + RANDOMIZATION * (2 * random.next() - 1)));
};

/** Counts by second; what it returns has the most in one. */
const createPeak = (): { add(timeMs: number): void; most(): number } => {
  const counts: number[] = [];
  return {
    add: (timeMs) => {
      const second = Math.floor(timeMs / MS);
      counts[second] = (counts[second] ?? 0) + 1;
    },
    most: () => counts.reduce((most, count) => Math.max(most, count ?? 0), 0),
  };
};

interface StormGateway {
  readonly colo: Colo;
  /** Its thread, and the platform's queue before it: so many requests a second and no more. */
  readonly thread: Server;
  readonly door: Server;
  readonly peak: ReturnType<typeof createPeak>;
  /** Joins of the hottest room that wait for the call in flight. */
  waiting: (() => void)[];
  calling: boolean;
}

/**
 * Every socket is dropped at once, as by a deploy, and comes back: handshake, CONNECT with its token, personal room,
 * market rooms. Whose token has not been accepted `connectTimeoutMs` after OPEN is closed, and tries again (CONN-5).
 */
export const simulateStorm = (load: Load, options: StormOptions, costs: Costs): Storm => {
  const random = createRandom(options.seed);
  const queue = createEventQueue();
  const delay = createDelay(costs, random);
  const { workload, setup } = load;
  const gatewaysPerColo = Math.max(
    1,
    Math.round(setup.gatewaysPerColo * Math.min(1, options.clients / workload.sockets)),
  );
  const factor = setup.gatewaysPerColo / gatewaysPerColo;
  const doorMs = MS / costs.objectRequestsPerSecond;
  const gatewayMs = (costs.connectUs * costs.connectGatewayShare) / MS;
  const handshakeMs = gatewayMs * costs.handshakeShare;
  const joinMs = (costs.joinUs - costs.roomJoinUs) / MS;
  const room = createServer();
  const roomDoor = createServer();
  const back = new Histogram();
  const [backPeak, roomPeak] = [createPeak(), createPeak()];
  const hottest = (load.rooms[0]?.market.subscribers ?? 0) / workload.sockets;
  let [clients, opened] = [0, 0];

  const callRoom = (gateway: StormGateway): void => {
    const changes = gateway.waiting.splice(0, MAX_CHANGES);
    gateway.calling = changes.length > 0;
    if (!gateway.calling) return;
    queue.at(queue.now + delay(gateway.colo, HUB), () => {
      // One gateway stands for several: so does its call.
      const admitted = roomDoor.serve(queue.now, doorMs * factor);
      queue.at(admitted, () => {
        const callMs = (costs.deliverCallUs * (1 - costs.callerShare)) / MS;
        const end = room.serve(queue.now, (callMs + (changes.length * costs.roomJoinUs) / MS) * factor);
        for (const _ of changes) roomPeak.add(end);
        queue.at(end + delay(HUB, gateway.colo), () => {
          for (const joined of changes) joined();
          callRoom(gateway);
        });
      });
    });
  };

  const join = (gateway: StormGateway, answered: () => void): void => {
    gateway.waiting.push(answered);
    if (!gateway.calling) callRoom(gateway);
  };

  /** Has the gateway's thread work for a message or request; `then` when it is done. */
  const work = (gateway: StormGateway, ms: number, then: () => void): void => {
    queue.at(gateway.door.serve(queue.now, doorMs), () =>
      queue.at(gateway.thread.serve(queue.now, ms), then),
    );
  };

  const attempt = (gateway: StormGateway, count: number, inHottest: boolean): void => {
    opened++;
    gateway.peak.add(queue.now);
    const clientMs = (): number => costs.clientOneWayMs * random.logNormal(costs.networkJitter);
    work(gateway, handshakeMs, () => {
      let [accepted, closed] = [false, false];
      const established = (): void => {
        back.add(queue.now + clientMs());
        backPeak.add(queue.now);
      };
      queue.at(queue.now + options.connectTimeoutMs, () => {
        if (accepted) return;
        closed = true;
        queue.at(queue.now + backoffMs(count + 1, random), () => attempt(gateway, count + 1, inHottest));
      });
      queue.at(queue.now + 2 * clientMs(), () =>
        work(gateway, gatewayMs - handshakeMs, () => {
          if (closed) return;
          accepted = true;
          const ownRoomMs = costs.objectWakeMs + costs.personalStoreMs + costs.personalRoomUs / MS;
          const local = 2 * delay(gateway.colo, gateway.colo);
          queue.at(queue.now + local + ownRoomMs, () => {
            const joined = gateway.thread.serve(queue.now, workload.markets * joinMs);
            queue.at(joined, () => {
              if (!inHottest) {
                // Rooms that few are in answer at once.
                queue.at(queue.now + delay(gateway.colo, HUB) + delay(HUB, gateway.colo), established);
                return;
              }
              join(gateway, established);
            });
          });
        }),
      );
    });
  };

  const gateways: StormGateway[] = [];
  for (const { colo, sockets } of load.classes) {
    for (let index = 0; index < gatewaysPerColo; index++) {
      const gateway: StormGateway = {
        colo,
        thread: createServer(),
        door: createServer(),
        peak: createPeak(),
        waiting: [],
        calling: false,
      };
      gateways.push(gateway);
      for (let client = 0; client < Math.round(sockets); client++) {
        clients++;
        const inHottest = random.next() < hottest;
        queue.at(backoffMs(0, random), () => attempt(gateway, 0, inHottest));
      }
    }
  }
  queue.run(options.seconds * MS);
  return {
    back,
    share: back.count / clients,
    attempts: opened / clients,
    peakBack: backPeak.most() * factor,
    peakGateway: gateways.reduce((most, { peak }) => Math.max(most, peak.most()), 0),
    peakRoom: roomPeak.most() * factor,
  };
};
