/**
 * The one table of all events. From it follow what clients may send, what backends may
 * publish, the client types and the reference. Pure.
 */
import { chatEvents } from "./chat.ts";
import { complianceEvents } from "./compliance.ts";
import { creditsEvents } from "./credits.ts";
import type { CatalogueEvent, ClientEvent, ServerEvent } from "./define.ts";
import { errorEvents } from "./errors.ts";
import { marketEvents } from "./market.ts";
import { queryEvents } from "./query.ts";
import { systemEvents } from "./system.ts";

export const catalogue = Object.freeze({
  ...systemEvents,
  ...queryEvents,
  ...marketEvents,
  ...complianceEvents,
  ...creditsEvents,
  ...chatEvents,
  ...errorEvents,
} as const);

export type Catalogue = typeof catalogue;

/**
 * Longest event a backend may send, as JSON. What a room can store of one is 2 MB, and what a recovered client may be
 * sent at once is not much less.
 */
export const MAX_EVENT_BYTES = 1_000_000;

// Own properties only: names come from the network, and `constructor` is no event.
function lookUp(name: string): CatalogueEvent | undefined {
  const table: Readonly<Record<string, CatalogueEvent>> = catalogue;
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The event of this name that clients may send. */
export function clientEvent(name: string): ClientEvent | undefined {
  const event = lookUp(name);
  return event?.direction === "client-to-server" ? event : undefined;
}

/** The event of this name that the service sends. */
export function serverEvent(name: string): ServerEvent | undefined {
  const event = lookUp(name);
  return event?.direction === "server-to-client" ? event : undefined;
}
