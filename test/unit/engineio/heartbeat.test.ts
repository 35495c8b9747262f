import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Heartbeat, type HeartbeatConfig } from "../../../src/engineio/heartbeat.ts";
import { createPolling, createSession, FakeTransport } from "../../support/fakes.ts";

const ALIGNED: HeartbeatConfig = { pingInterval: 25_000, pingTimeout: 20_000 };
const PRECISE: HeartbeatConfig = { pingInterval: 300, pingTimeout: 200 };
const MIN_AGE = 10_000;

const sessionAt = (openedAt: number) => {
  const transport = new FakeTransport();
  return { transport, session: createSession(transport, { openedAt }) };
};

/** Runs rounds as the gateway does, and returns when each session was opened and pinged. */
const simulate = (
  config: HeartbeatConfig,
  opens: readonly number[],
  rounds: number,
  polls: (index: number) => boolean = () => false,
): number[][] => {
  const heartbeat = new Heartbeat(config);
  const sessions = opens.map((openedAt, index) =>
    polls(index) ? createSession(createPolling(), { openedAt }) : sessionAt(openedAt).session,
  );
  const log = new Map(sessions.map((session) => [session, [session.openedAt]]));
  let at = heartbeat.firstRound(Math.min(...opens));
  for (let round = 0; round < rounds; round++) {
    const open = sessions.filter(({ openedAt }) => openedAt <= at);
    for (const session of heartbeat.due(open, at)) {
      heartbeat.pinged(session, at);
      session.pongAt = at + 1;
      log.get(session)?.push(at);
    }
    at = heartbeat.nextRound(open, at) ?? Number.NaN;
  }
  return [...log.values()];
};

const gaps = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

describe("CONN-8 aligned rounds", () => {
  it("ping all sessions together, one interval apart", () => {
    expect(simulate(ALIGNED, [0, 5_000, 15_000], 3)).toEqual([
      [0, 25_000, 50_000, 75_000],
      [5_000, 25_000, 50_000, 75_000],
      [15_000, 25_000, 50_000, 75_000],
    ]);
  });

  it("leave a session younger than half the timeout to the next round", () => {
    expect(simulate(ALIGNED, [0, 15_001, 24_999], 2)).toEqual([
      [0, 25_000, 50_000],
      [15_001, 50_000],
      [24_999, 50_000],
    ]);
  });

  it("CONN-10 take in polling sessions of any age", () => {
    expect(simulate(ALIGNED, [0, 15_001, 25_000], 2, () => true)).toEqual([
      [0, 25_000, 50_000],
      [15_001, 25_000, 50_000],
      [25_000, 25_000, 50_000],
    ]);
  });

  it("never ping too early, nor leave a client waiting past its patience, nor a GET past the interval", () => {
    const opens = fc.array(fc.tuple(fc.integer({ min: 0, max: 150_000 }), fc.boolean()), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(opens, (sessions) => {
        const polls = (index: number) => sessions[index]?.[1] === true;
        const times = sessions.map(([openedAt]) => openedAt);
        for (const [index, pings] of simulate(ALIGNED, times, 12, polls).entries()) {
          expect(pings.length).toBeGreaterThan(4);
          for (const gap of gaps(pings)) {
            expect(gap).toBeGreaterThanOrEqual(polls(index) ? 0 : MIN_AGE);
            expect(gap).toBeLessThanOrEqual(ALIGNED.pingInterval + (polls(index) ? 0 : MIN_AGE));
          }
        }
      }),
    );
  });

  it("stop without sessions", () => {
    for (const config of [ALIGNED, PRECISE]) {
      expect(new Heartbeat(config).nextRound([], 0)).toBeUndefined();
    }
    expect(new Heartbeat(ALIGNED).firstRound(7)).toBe(25_007);
  });
});

describe("CONN-8 short intervals", () => {
  it.each([false, true])("ping every session on its own schedule; CONN-10 polling: %s", (polling) => {
    expect(simulate(PRECISE, [0, 100], 4, () => polling)).toEqual([
      [0, 300, 600],
      [100, 400, 700],
    ]);
  });

  it.each([
    [PRECISE, 349, 300],
    [PRECISE, 350, 350],
    [ALIGNED, 25_001, 25_001],
  ])(
    "alone count a ping from when it was due, if the alarm is a little late: %j at %i counts as %i",
    (config, now, counts) => {
      const { session } = sessionAt(0);
      new Heartbeat(config).pinged(session, now);
      expect(session).toMatchObject({ lastPingAt: counts, unansweredAt: counts });
    },
  );

  it("leave exactly one interval between the pings of a session", () => {
    const opens = fc.array(fc.integer({ min: 0, max: 299 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(opens, (times) => {
        for (const pings of simulate(PRECISE, times, 30)) {
          expect(pings.length).toBeGreaterThan(2);
          for (const gap of gaps(pings)) expect(gap).toBe(300);
        }
      }),
    );
  });
});

describe("CONN-8 silence", () => {
  const heartbeat = new Heartbeat(ALIGNED);

  it("begins when a ping has had no answer for the timeout, not a millisecond before", () => {
    const { session } = sessionAt(0);
    expect(heartbeat.silent([session], 99_999)).toEqual({ silent: [], next: undefined });
    heartbeat.pinged(session, 25_000);
    expect(heartbeat.silent([session], 44_999)).toEqual({ silent: [], next: 45_000 });
    expect(heartbeat.silent([session], 45_000)).toEqual({ silent: [session], next: undefined });
  });

  it("names the earliest of the deadlines to come", () => {
    const [a, b, c] = [sessionAt(0).session, sessionAt(0).session, sessionAt(0).session];
    heartbeat.pinged(a, 3_000);
    heartbeat.pinged(b, 2_000);
    heartbeat.pinged(c, 1_000);
    expect(heartbeat.silent([a, b, c], 21_000)).toEqual({ silent: [c], next: 22_000 });
  });

  it("is broken by a pong that reached the object", () => {
    const { session } = sessionAt(0);
    heartbeat.pinged(session, 25_000);
    session.pongAt = 25_000;
    expect(heartbeat.silent([session], 60_000)).toEqual({ silent: [], next: undefined });
  });

  it("is broken by a pong that the platform absorbed, but not by one before the ping", () => {
    const { session, transport } = sessionAt(0);
    transport.pongAt = 24_999;
    heartbeat.pinged(session, 25_000);
    expect(heartbeat.silent([session], 45_000).silent).toEqual([session]);
    transport.pongAt = 25_001;
    expect(heartbeat.silent([session], 45_000)).toEqual({ silent: [], next: undefined });
  });

  it("counts from the oldest unanswered ping, however many follow", () => {
    const { session, transport } = sessionAt(0);
    heartbeat.pinged(session, 25_000);
    heartbeat.pinged(session, 40_000);
    expect(heartbeat.silent([session], 45_000).silent).toEqual([session]);
    transport.pongAt = 41_000;
    heartbeat.pinged(session, 65_000);
    expect(heartbeat.silent([session], 84_999)).toEqual({ silent: [], next: 85_000 });
  });

  it("of a restored session counts from the round it took part in", () => {
    const { session } = sessionAt(5_000);
    heartbeat.restored(session, 25_000);
    expect(session.lastPingAt).toBe(25_000);
    expect(heartbeat.silent([session], 45_000).silent).toEqual([session]);
  });

  it("of a restored session is broken by the pong that the platform absorbed meanwhile", () => {
    const { session, transport } = sessionAt(5_000);
    transport.pongAt = 25_200;
    heartbeat.restored(session, 25_000);
    expect(heartbeat.silent([session], 45_000)).toEqual({ silent: [], next: undefined });
  });

  it.each([undefined, 4_000, 14_999])(
    "is not expected of a session restored when the last round was %s",
    (roundAt) => {
      const { session } = sessionAt(5_000);
      heartbeat.restored(session, roundAt);
      expect(session.lastPingAt).toBe(5_000);
      expect(heartbeat.silent([session], 1_000_000)).toEqual({ silent: [], next: undefined });
    },
  );
});

/** The gateway is restored from hibernation before every look it takes; answers when it found silence. */
const hibernate = (
  config: HeartbeatConfig,
  { openedAt, latency, rounds }: { openedAt: number; latency: number; rounds: number },
): number | undefined => {
  const heartbeat = new Heartbeat(config);
  const transport = new FakeTransport();
  const pings: number[] = [];
  const restored = (now: number, roundAt: number | undefined) => {
    transport.pongAt = pings.map((at) => at + latency).findLast((at) => at <= now);
    const session = createSession(transport, { openedAt });
    heartbeat.restored(session, roundAt);
    return session;
  };
  let roundAt: number | undefined;
  for (let round = 0; round < rounds; round++) {
    const at = round * config.pingInterval;
    if (at >= openedAt) {
      const session = restored(at, roundAt);
      if (heartbeat.silent([session], at).silent.length > 0) return at;
      for (const one of heartbeat.due([session], at)) {
        heartbeat.pinged(one, at);
        pings.push(at);
      }
      // As it fell asleep after the round, the gateway still knows what `silent` needs for its alarm.
      if (heartbeat.silent([session], at).silent.length > 0) return at;
    }
    roundAt = at;
    for (let part = 1; part < 8; part++) {
      const now = at + (config.pingInterval * part) / 8;
      if (now >= openedAt && heartbeat.silent([restored(now, roundAt)], now).silent.length > 0) return now;
    }
  }
  return undefined;
};

describe("CONN-8 a gateway restored at every round", () => {
  const LONG_TIMEOUT: HeartbeatConfig = { pingInterval: 10_000, pingTimeout: 25_000 };

  it.each([ALIGNED, LONG_TIMEOUT, { pingInterval: 10_000, pingTimeout: 300_000 }])(
    "closes a dead session in time: %j",
    (config) => {
      const { pingInterval, pingTimeout } = config;
      for (const openedAt of [0, 1, pingInterval / 2, pingInterval - 1]) {
        const closedAt = hibernate(config, { openedAt, latency: Number.POSITIVE_INFINITY, rounds: 60 });
        expect(closedAt).toBeGreaterThanOrEqual(openedAt + pingTimeout);
        expect(closedAt).toBeLessThanOrEqual(openedAt + 2 * pingInterval + pingTimeout);
      }
    },
  );

  it("counts from the last pong of a session that died later", () => {
    const heartbeat = new Heartbeat(LONG_TIMEOUT);
    const { session, transport } = sessionAt(0);
    transport.pongAt = 20_100;
    heartbeat.restored(session, 50_000);
    // Its first unanswered ping came by 20,100 + 10,000 + 5,000.
    expect(heartbeat.silent([session], 60_099)).toEqual({ silent: [], next: 60_100 });
    expect(heartbeat.silent([session], 60_100).silent).toEqual([session]);
  });

  it("closes no session that answers within the timeout", () => {
    const scene = fc
      .record({
        pingInterval: fc.integer({ min: 10_000, max: 60_000 }),
        pingTimeout: fc.integer({ min: 50, max: 120_000 }),
      })
      .chain((config) =>
        fc.record({
          config: fc.constant(config),
          openedAt: fc.integer({ min: 0, max: 2 * config.pingInterval }),
          latency: fc.integer({ min: 0, max: config.pingTimeout - 1 }),
        }),
      );
    fc.assert(
      fc.property(scene, ({ config, openedAt, latency }) => {
        expect(hibernate(config, { openedAt, latency, rounds: 25 })).toBeUndefined();
      }),
    );
  });

  it.each([0, 250, 300, 1_000_000])("with short intervals assumes nothing of the round at %i", (roundAt) => {
    const heartbeat = new Heartbeat(PRECISE);
    const { session } = sessionAt(0);
    heartbeat.restored(session, roundAt);
    expect(session).toMatchObject({ lastPingAt: 0, unansweredAt: undefined });
    expect(heartbeat.silent([session], 2_000_000)).toEqual({ silent: [], next: undefined });
    expect(heartbeat.due([session], 300)).toEqual([session]);
  });
});
