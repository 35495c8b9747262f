import * as fc from "fast-check";
import { expect, it } from "vitest";
import { type Command, World } from "./recovery-model.ts";

const RUNS = Number(process.env.RECOVERY_RUNS ?? 10_000);
/** `npm test` is to fail for what was changed, not by chance: look for more with other seeds. */
const SEED = Number(process.env.RECOVERY_SEED ?? 1);

const client = fc.nat(2);
const gateway = fc.nat(2);
const symbol = fc.nat(1);
const notice = fc.constantFrom("now", "later", "timeout");
/** Shorter and longer than it takes to notice that a client has gone. */
const windowMs = fc.constantFrom(30_000, 100_000);
const entry = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary });

const command: fc.Arbitrary<Command> = fc.oneof(
  entry(12, fc.record({ step: fc.nat(5), lost: fc.nat(9).map((n) => n === 9) })),
  entry(6, fc.constant({ drain: true } as const)),
  entry(5, fc.record({ connect: client, gateway, notice })),
  entry(
    5,
    fc.record({
      durable: fc.integer({ min: 1, max: 4 }),
      id: fc.option(fc.nat(3), { nil: undefined }),
      to: fc.option(client, { nil: undefined, freq: 3 }),
    }),
  ),
  entry(1, fc.constant({ transient: true } as const)),
  entry(4, fc.record({ bar: symbol })),
  entry(4, fc.record({ subscribe: client, symbol })),
  entry(1, fc.record({ unsubscribe: client, symbol })),
  entry(3, fc.record({ drop: client, notice })),
  entry(1, fc.record({ leave: client })),
  entry(1, fc.record({ copy: client, to: client })),
  entry(2, fc.record({ restart: fc.nat(2) })),
  entry(1, fc.record({ crash: gateway })),
  entry(1, fc.record({ hibernate: gateway })),
  entry(3, fc.record({ pass: fc.constantFrom(1, 60, 500, 2_000) })),
  entry(2, fc.record({ outage: fc.constantFrom(100, 1_000) })),
  entry(2, fc.record({ pass: fc.constantFrom(6_000, 20_000, 60_000, 110_000) })),
);

/** Two of a user's clients in one market, which many runs begin with. */
const CONNECTED: readonly Command[] = [
  { connect: 0, gateway: 0, notice: "now" },
  { connect: 1, gateway: 1, notice: "now" },
  { drain: true },
  { subscribe: 0, symbol: 0 },
  { subscribe: 1, symbol: 0 },
  { bar: 0 },
  { drain: true },
];

const start = fc.constantFrom([], CONNECTED);
const commands = fc.array(command, { maxLength: 40, size: "max" });

it("USER-1 USER-2 whatever drops, dies and overtakes, a client that recovers has missed nothing", async () => {
  let recoveries = 0;
  await fc.assert(
    fc.asyncProperty(windowMs, start, commands, async (windowMs, start, commands) => {
      const world = new World(windowMs);
      for (const one of [...start, ...commands]) {
        await world.do(one);
        if (world.faults.length > 0) break;
      }
      if (world.faults.length === 0) await world.end();
      recoveries += world.recoveries;
      expect(world.faults).toEqual([]);
    }),
    { numRuns: RUNS, seed: SEED },
  );
  // Most runs are about something.
  expect(recoveries).toBeGreaterThan(RUNS / 2);
}, 600_000);
