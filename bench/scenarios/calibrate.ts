import type { LoadClient } from "../client/client.ts";
import { monotonicMs } from "../lib/clock.ts";
import type { MarketEvent } from "../lib/events.ts";
import { createStamper, stampedBar } from "../lib/stamped.ts";
import type { Target } from "../servers/target.ts";

const SETTLE_MS = 60_000;

/**
 * Events a second that a server delivers, `batch` in each request. Each market is published to on its own, its next
 * request when the one before is taken; the clock stops when the last has come. `markets` holds the events of each, every one a
 * bar of its own, so that none may be left out.
 */
export const calibrate = async (
  target: Target,
  client: LoadClient,
  markets: readonly (readonly MarketEvent[])[],
  batch: number,
): Promise<number> => {
  await client.watch();
  const startedAt = monotonicMs();
  const newest = await Promise.all(markets.map((bars) => publishInTurn(target, bars, batch)));
  const { behind, lastAt = startedAt } = await client.settle({ newest, personal: 0 }, SETTLE_MS);
  if (behind > 0) throw new Error(`${behind} sockets did not get all events of the calibration.`);
  const events = markets.reduce((sum, bars) => sum + bars.length, 0);
  return events / ((lastAt - startedAt) / 1_000);
};

/** Returns the last event's stamp. */
const publishInTurn = async (
  target: Target,
  bars: readonly MarketEvent[],
  batch: number,
): Promise<number> => {
  const stampAt = createStamper();
  let last = 0;
  for (let start = 0; start < bars.length; start += batch) {
    const request = bars.slice(start, start + batch).map((bar) => {
      last = stampAt(monotonicMs());
      return stampedBar(bar, last);
    });
    await target.publish(request);
  }
  return last;
};
