import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Watch } from "../../../bench/client/watch.ts";
import { monotonicMs } from "../../../bench/lib/clock.ts";
import { createEvents, encodeFrame } from "../../../bench/lib/events.ts";
import { createStamper, stampedBar, stampedGrant } from "../../../bench/lib/stamped.ts";
import type { Publication } from "../../../bench/servers/target.ts";

const SOCKETS = 2;
const stampAt = createStamper();
const next = (): number => stampAt(monotonicMs());

let watch: Watch;
beforeEach(() => {
  watch = new Watch(SOCKETS, undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Without the time that a real run listens for what should not come. */
const settle = (newest: readonly number[], personal: number, timeoutMs = 1_000) =>
  watch.settle({ newest, personal }, timeoutMs, 0);

const take = (socket: number, publication: Publication): boolean => {
  // As in a read buffer, with other frames around it.
  const frame = Buffer.from(`..${encodeFrame(publication)}42["market_chart_live_update",{"volume":1}]`);
  const end = 2 + Buffer.byteLength(encodeFrame(publication));
  return watch.take(socket, frame, 2, end);
};
const market = (stamp: number): Publication => {
  const [bar] = createEvents(0, 1);
  if (bar === undefined) throw new Error("There is no bar.");
  return stampedBar(bar, stamp);
};

it("knows stamped events of both classes and leaves other frames alone", async () => {
  expect(take(0, market(next()))).toBe(true);
  expect(take(1, stampedGrant(0, next()))).toBe(true);
  expect(take(0, { room: "user:a", event: "credits_deducted", data: { amount: 1 } })).toBe(false);
  const { classes } = await settle([0], 1);
  expect([classes.market.count, classes.personal.count]).toEqual([1, 1]);
});

it("counts what comes again or after a newer one, for each socket and class", async () => {
  const [first, second] = [next(), next()];
  take(0, market(second));
  take(0, market(second));
  take(0, market(first));
  take(1, market(first));
  take(1, market(second));
  take(0, stampedGrant(0, first));
  const { classes, behind } = await settle([second], 1);
  expect(classes.market).toMatchObject({ count: 3, doubled: 1, reordered: 1 });
  expect(classes.personal).toMatchObject({ count: 1, doubled: 0, reordered: 0 });
  expect(behind).toBe(0);
});

it("tells how old events were, and which came more than a second late", async () => {
  const since = monotonicMs();
  const at = Math.ceil(since * 1_000) + 10;
  vi.spyOn(performance, "now").mockReturnValue(performance.now() + 1_500);
  take(0, market(at));
  vi.restoreAllMocks();
  const { classes } = await settle([at, 0], 0);
  expect(classes.market).toMatchObject({ count: 1, late: 1 });
  expect(classes.market.max).toBeGreaterThan(1_400);
  expect(classes.market.max).toBeLessThan(2_000);
});

it("gives up when time is up, and says how many sockets are behind their market's newest", async () => {
  const [first, second] = [next(), next()];
  take(0, market(second));
  take(1, market(first));
  const { behind } = await settle([second], 0, 10);
  expect(behind).toBe(1);
});

it("samples how old what the sockets know is", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  watch = new Watch(SOCKETS, 100);
  const stamp = next();
  take(0, market(stamp));
  take(1, market(stamp));
  vi.advanceTimersByTime(300);
  const { staleness } = await settle([stamp], 0);
  expect(staleness).toHaveLength(3);
  for (const { at, p50, p99 } of staleness) {
    expect(p50).toBeCloseTo(at - stamp / 1_000, 6);
    expect(p99).toBe(p50);
  }
});
