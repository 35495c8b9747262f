import { WorkerEntrypoint } from "cloudflare:workers";
import { configOf, type Env } from "../env.ts";
import { sleep } from "../lib/after.ts";
import { readValues } from "./body.ts";
import type { PublishResult } from "./publish.ts";
import { publisherTo } from "./publisher.ts";

/**
 * Publishing for other Workers, over a service binding with `entrypoint = "Ingest"` (ING-4). Only who deploys a Worker
 * to this account can bind it, so no token is asked for.
 */
export class Ingest extends WorkerEntrypoint<Env> {
  /**
   * Publishes one event or an array; see POST /api/events.
   * @throws RangeError when there are too many events.
   */
  async publish(items: unknown): Promise<PublishResult> {
    const { INGEST_MAX_EVENTS } = configOf(this.env);
    if (Array.isArray(items) && items.length > INGEST_MAX_EVENTS) {
      throw new RangeError(`A call publishes at most ${INGEST_MAX_EVENTS} events. Split it.`);
    }
    return publisherTo(this.env.ROOMS, sleep)(readValues(items));
  }
}
