import { MONTH_S } from "./bill.ts";
import type { Costs } from "./costs.ts";
import type { Load } from "./load.ts";

export interface WebSocketLink {
  /** Batches a second, to all gateways of a room together, from which a WebSocket to each is cheaper than calls. */
  readonly breakEvenCalls: number;
  /** Rooms for which it would be, and the saving of a month, if those had it. */
  readonly rooms: number;
  readonly savedUsd: number;
}

const M = 1e6;
const OBJECT_GB = 0.128;

/**
 * A room that had a WebSocket to each gateway instead of making calls: a batch is an incoming message of the gateway, and
 * its answer one of the room, each a twentieth of a request. The room dials, so it never hibernates.
 */
export const webSocketLinkOf = ({ rooms }: Load, costs: Costs): WebSocketLink => {
  const saved = (costs.objectRequestUsd / M) * (1 - 2 / costs.messagesPerRequest);
  const awakeUsd = (OBJECT_GB * costs.durationUsd) / M;
  let [count, savedUsd] = [0, 0];
  for (const { calls, market } of rooms) {
    // Its timers keep it in memory for a share of the time anyway.
    const gain = calls * saved - awakeUsd * (1 - market.rate / (1 + market.rate));
    if (gain <= 0) continue;
    count++;
    savedUsd += gain * MONTH_S;
  }
  return { breakEvenCalls: awakeUsd / saved, rooms: count, savedUsd };
};
