import { configOf, type Env } from "./env.ts";
import { app } from "./http/app.ts";
import { publisherTo } from "./ingest/publisher.ts";
import { consumeMessages } from "./ingest/queue.ts";
import { sleep } from "./lib/after.ts";

export { Conversation } from "./backends/embedded/chat/conversation-do.ts";
export { Ledger } from "./backends/embedded/credits/ledger-do.ts";
export { Dataset } from "./backends/embedded/dataset/dataset-do.ts";
export { RequestRunner } from "./backends/request-runner-entrypoint.ts";
export { Gateway } from "./gateway/gateway-do.ts";
export { Ingest } from "./ingest/ingest-entrypoint.ts";
export { Room } from "./rooms/room-do.ts";

export default {
  fetch: app.fetch,
  queue: ({ messages }, env) =>
    consumeMessages(messages, {
      publish: publisherTo(env.ROOMS, sleep),
      bury: (events) => env.DEAD_EVENTS.send(events),
      maxEvents: configOf(env).INGEST_MAX_EVENTS,
    }),
} satisfies ExportedHandler<Env>;
