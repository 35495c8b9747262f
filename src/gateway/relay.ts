import type { After } from "../lib/after.ts";
import { within } from "../lib/within.ts";
import { RELAY_TIMEOUT_MS } from "../rooms/fan-out.ts";
import type { Relayed } from "../rooms/protocol.ts";

/** How long a gateway may take, in ms, before the relay answers without it: the room still waits then. */
export const PATIENCE_MS = RELAY_TIMEOUT_MS / 2;

/**
 * Passes a batch on to gateways, all at a time (FAN-3). Nothing is repeated here: the room knows what each may have
 * missed, and sends to those that were not reached itself.
 * @param deliver resolves with whether the gateway holds a socket of the room
 */
export const relayTo = async (
  gateways: readonly string[],
  deliver: (gateway: string) => Promise<boolean>,
  after: After,
): Promise<Relayed> => {
  const empty: string[] = [];
  const unreached: string[] = [];
  await Promise.all(
    gateways.map(async (gateway) => {
      const held = await within(PATIENCE_MS, deliver(gateway), after).catch(() => undefined);
      if (held === undefined) unreached.push(gateway);
      else if (!held) empty.push(gateway);
    }),
  );
  return { empty, unreached };
};
