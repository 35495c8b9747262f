import { writeFile } from "node:fs/promises";
import path from "node:path";
import { monotonicMs } from "../lib/clock.ts";
import { cpuMs } from "../lib/cpu.ts";
import { createEvents, publicationOf } from "../lib/events.ts";
import { describeMachine, formatMachine, loadAverage } from "../lib/machine.ts";
import { createStamper, stampedGrant } from "../lib/stamped.ts";
import { spreadOf } from "../lib/stats.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { Target } from "../servers/target.ts";
import { type CostName, costNames, costTable } from "./costs.ts";
import { freePort, isolateBytes } from "./isolate-memory.ts";
import { countPersonalRoom, countPingRound, measureSubscribers } from "./object-costs.ts";
import { runSeries, withService } from "./real-system.ts";
import { fit, type Observation } from "./regression.ts";

const COSTS_FILE = path.join(import.meta.dirname, "costs.json");
export const MACHINE_FILE = path.join(import.meta.dirname, "calibration.json");

/** None of these is among those of `validate`. */
const SIZES = [
  { sockets: 60, gateways: 1 },
  { sockets: 80, gateways: 40 },
  { sockets: 300, gateways: 1 },
  { sockets: 700, gateways: 1 },
  { sockets: 400, gateways: 100 },
  { sockets: 1_500, gateways: 1 },
] as const;
const BATCHES = [1, 3, 20] as const;
/** Of a series: so long that ticks of 10 ms do not matter, and whole requests. */
const DELIVERIES = 60_000;
const MAX_EVENTS = 600;
const WARM_UP_EVENTS = 40;

const REQUESTS = 300;
const CONNECTIONS = 400;
const MARKETS = 10;
const PERSONAL_EVENTS = 2_000;
const PERSONAL_USERS = 50;
const SMALL = 300;
const LARGE = 2_300;
const PEER_SOCKETS = 1_000;
const PEER_EVENTS = 160;
/** Events come one by one, as from a market: in a burst the peer would write several at once. */
const PEER_PACE = { kind: "paced", intervalMs: 50 } as const;

export interface CalibrationOptions {
  readonly rounds: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

type Measured = Partial<Record<CostName, number>>;

const median = (values: readonly number[]): number => spreadOf(values).median;

const cpuOf = (target: Target): number => cpuMs(target.pids) ?? 0;

const eventsOf = (sockets: number, batch: number): number => {
  const wanted = Math.min(MAX_EVENTS, Math.max(4 * batch, DELIVERIES / sockets));
  return batch * Math.round(wanted / batch);
};

/** CPU time of requests, as parts of each thing that is done for them. */
const observeDelivery = async ({ progress, signal }: CalibrationOptions): Promise<Observation[]> => {
  const observations: Observation[] = [];
  for (const { sockets, gateways } of SIZES) {
    progress(`deliveries: ${sockets} sockets, ${gateways} gateways`);
    await withService({ sockets, gateways }, async ({ target, client }) => {
      await runSeries(target, client, { events: WARM_UP_EVENTS, pace: { kind: "burst", batch: 1 } }, signal);
      for (const batch of BATCHES) {
        const events = eventsOf(sockets, batch);
        const outcome = await runSeries(target, client, { events, pace: { kind: "burst", batch } }, signal);
        const requests = events / batch;
        observations.push({
          counts: [1, batch, gateways, sockets, sockets * batch],
          cost: (outcome.cpuMs * 1_000) / requests,
        });
      }
    });
  }
  return observations;
};

/** Requests into a market that nobody is in: what they cost, and how long they take beyond that. */
const observePublishing = async (
  options: CalibrationOptions,
): Promise<{ observations: Observation[]; gapMs: number }> => {
  options.progress("publishing to nobody");
  return withService({ sockets: 1, rooms: [[]] }, async ({ target }) => {
    const observations: Observation[] = [];
    let gapMs = Number.POSITIVE_INFINITY;
    for (const batch of [1, ...BATCHES]) {
      options.signal.throwIfAborted();
      const [cpu, startedAt] = [cpuOf(target), monotonicMs()];
      for (let request = 0; request < REQUESTS; request++) {
        await target.publish(createEvents(request * batch, batch).map(publicationOf));
      }
      const worked = cpuOf(target) - cpu;
      observations.push({ counts: [1, batch, 0, 0, 0], cost: (worked * 1_000) / REQUESTS });
      gapMs = Math.min(gapMs, Math.max(0, (monotonicMs() - startedAt - worked) / REQUESTS));
    }
    // The first warms the code.
    return { observations: observations.slice(1), gapMs };
  });
};

/** Connections of users that are known, or new, with or without markets: each is what it has more than another. */
const measureConnections = async ({ progress }: CalibrationOptions): Promise<Measured> => {
  progress("connections");
  const usOf = (users: number, markets: number): Promise<number> =>
    withService(
      {
        sockets: CONNECTIONS,
        users,
        rooms: [Array.from({ length: markets }, (_, index) => `market:SYMBOL-${index}`)],
      },
      async ({ cpuMs }) => (cpuMs * 1_000) / CONNECTIONS,
    );
  const [known, unknown, subscribed] = [
    await usOf(10, 0),
    await usOf(CONNECTIONS, 0),
    await usOf(10, MARKETS),
  ];
  return {
    connectUs: known,
    personalRoomUs: Math.max(0, unknown - known),
    joinUs: Math.max(0, subscribed - known) / MARKETS,
  };
};

const measurePersonalEvents = async ({ progress, signal }: CalibrationOptions): Promise<Measured> => {
  progress("personal events");
  return withService(
    { sockets: PERSONAL_USERS, users: PERSONAL_USERS, rooms: [[]] },
    async ({ target, client }) => {
      await client.watch();
      const stampAt = createStamper();
      const cpu = cpuOf(target);
      for (let start = 0; start < PERSONAL_EVENTS; start += PERSONAL_USERS) {
        signal.throwIfAborted();
        const stamp = stampAt(monotonicMs());
        await target.publish(Array.from({ length: PERSONAL_USERS }, (_, user) => stampedGrant(user, stamp)));
      }
      await client.settle({ newest: [0], personal: PERSONAL_EVENTS }, 30_000);
      return { personalEventUs: ((cpuOf(target) - cpu) * 1_000) / PERSONAL_EVENTS };
    },
  );
};

/** The isolate's memory, which the platform limits; that of its connections is the process's. */
const measureMemory = async ({ progress }: CalibrationOptions): Promise<Measured> => {
  progress("memory");
  const bytesOf = async (sockets: number): Promise<number> => {
    const inspectorPort = await freePort();
    return withService({ sockets, inspectorPort }, () => isolateBytes(inspectorPort));
  };
  const small = await bytesOf(SMALL);
  const gatewaySocketBytes = ((await bytesOf(LARGE)) - small) / (LARGE - SMALL);
  return { gatewaySocketBytes, isolateBaseBytes: small - SMALL * gatewaySocketBytes };
};

const measurePeer = async ({ progress, signal }: CalibrationOptions): Promise<Measured> => {
  progress("the peer");
  await socketioRedis.prepare?.();
  return withService(
    { sockets: PEER_SOCKETS },
    async ({ target, client }) => {
      await runSeries(target, client, { events: WARM_UP_EVENTS, pace: PEER_PACE }, signal);
      const { cpuMs } = await runSeries(target, client, { events: PEER_EVENTS, pace: PEER_PACE }, signal);
      return { peerDeliveriesPerSecond: (PEER_EVENTS * PEER_SOCKETS) / (cpuMs / 1_000) };
    },
    socketioRedis,
  );
};

const PING = { interval: 25_000, timeout: 20_000 } as const;

const countObjects = async (): Promise<Measured> => {
  const { bytes, joinUs } = measureSubscribers();
  const { event, connection, subscription } = await countPersonalRoom();
  const round = await countPingRound(PING.interval, PING.timeout);
  return {
    roomSubscriberBytes: bytes,
    roomJoinUs: joinUs,
    personalEventRows: event.rows,
    personalEventAlarms: event.alarms,
    connectionRows: connection.rows,
    connectionAlarms: connection.alarms,
    subscriptionRows: subscription.rows,
    pingRoundRows: round.rows,
    pingRoundAlarms: round.alarms,
  };
};

const measureRound = async (options: CalibrationOptions): Promise<Measured> => {
  const { observations, gapMs } = await observePublishing(options);
  const all = [...observations, ...(await observeDelivery(options))];
  const [publishRequestUs = 0, publishEventUs = 0, deliverCallUs = 0, socketTurnUs = 0, socketFrameUs = 0] =
    fit(all);
  return {
    ...{ publishRequestUs, publishEventUs, deliverCallUs, socketTurnUs, socketFrameUs },
    publishGapMs: gapMs,
    ...(await measureConnections(options)),
    ...(await measurePersonalEvents(options)),
    ...(await measureMemory(options)),
    ...(await measurePeer(options)),
    ...(await countObjects()),
  };
};

/** Three digits. */
const rounded = (value: number): number => Number(value.toPrecision(3));

/** Measures what is measured in costs.json, anew, and writes it there. */
export const calibrate = async (options: CalibrationOptions): Promise<void> => {
  const loadBefore = loadAverage();
  const rounds: Measured[] = [];
  for (let round = 0; round < options.rounds; round++) {
    options.progress(`round ${round + 1} of ${options.rounds}`);
    rounds.push(await measureRound(options));
  }
  const table = Object.fromEntries(
    costNames.map((name) => {
      const values = rounds.flatMap((round) => round[name] ?? []);
      const entry = costTable[name];
      return [name, values.length === 0 ? entry : { ...entry, value: rounded(median(values)) }];
    }),
  );
  await writeFile(COSTS_FILE, `${JSON.stringify(table, null, 2)}\n`);
  const spread = Object.fromEntries(
    costNames.flatMap((name) => {
      const values = rounds.flatMap((round) => round[name] ?? []);
      if (values.length === 0) return [];
      const { min, max } = spreadOf(values);
      return [[name, { min: rounded(min), max: rounded(max) }]];
    }),
  );
  const machine = formatMachine(describeMachine());
  await writeFile(
    MACHINE_FILE,
    `${JSON.stringify({ machine, rounds: options.rounds, loadBefore, loadAfter: loadAverage(), spread }, null, 2)}\n`,
  );
};
