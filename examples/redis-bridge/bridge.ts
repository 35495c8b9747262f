/** Publishes what comes on a Redis pub/sub channel: see README.md beside it. */
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@redis/client";
import { type Publication, PublishError, Publisher } from "ledgercore-realtime/publisher";
import { Journal } from "./journal.ts";
import { readMessage } from "./messages.ts";

/** How long the events that wait may take when the bridge is told to end. */
const CLOSE_TIMEOUT_MS = 10_000;

const UNSUBSCRIBE_TIMEOUT_MS = 1_000;

/** A connection that is gone without a word shows by the ping that is not answered. */
const PING_INTERVAL_MS = 10_000;
const SILENCE_TIMEOUT_MS = 30_000;

const MAX_RECONNECT_DELAY_MS = 2_000;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

const required = (name: string): string => {
  const value = process.env[name];
  if (!value) throw new Error(`Set ${name}.`);
  return value;
};

const describe = (error: unknown) =>
  error instanceof PublishError
    ? { code: error.code, message: error.message }
    : { message: error instanceof Error ? error.message : String(error) };

const main = async (): Promise<void> => {
  const channel = process.env.REDIS_CHANNEL || "api:events";
  const journal = new Journal(console.log, performance.now.bind(performance));
  const publisher = new Publisher({
    url: required("REALTIME_URL"),
    token: required("INGEST_TOKEN"),
    onRetry: ({ error, events, delayMs }) =>
      journal.note("retrying", { ...describe(error), events, delayMs: Math.round(delayMs) }),
  });
  const redis = createClient({
    url: process.env.REDIS_URL || "redis://127.0.0.1:6379",
    pingInterval: PING_INTERVAL_MS,
    // It subscribes again by itself.
    socket: {
      socketTimeout: SILENCE_TIMEOUT_MS,
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, MAX_RECONNECT_DELAY_MS) * Math.random(),
    },
  });
  redis.on("error", (error) => journal.note("redis_error", describe(error)));
  redis.on("ready", () => journal.note("redis_connected"));

  const publish = async (publication: Publication): Promise<void> => {
    try {
      await publisher.publish(publication);
      journal.count("published");
    } catch (error) {
      const { event, id } = publication;
      journal.note("not_published", { event, id, ...describe(error) });
    }
  };
  const receive = (text: string): void => {
    const { events, malformed } = readMessage(text);
    journal.count("received", events.length);
    if (malformed > 0) journal.note("malformed", {}, malformed);
    for (const event of events) void publish(event);
  };

  let ending = false;
  // A second signal finds no listener and ends the process at once.
  const end = async (): Promise<void> => {
    ending = true;
    for (const signal of SIGNALS) process.off(signal, end);
    if (redis.isReady) {
      // Once Redis has answered, all that it had sent before has been received.
      const unsubscribed = redis.unsubscribe(channel).catch(() => {});
      await Promise.race([unsubscribed, sleep(UNSUBSCRIBE_TIMEOUT_MS, undefined, { ref: false })]);
    }
    if (redis.isOpen) redis.destroy();
    await publisher.close({ timeoutMs: CLOSE_TIMEOUT_MS });
    journal.total();
  };
  for (const signal of SIGNALS) process.on(signal, end);

  try {
    await redis.connect();
    await redis.subscribe(channel, receive);
    journal.note("listening", { channel });
  } catch (error) {
    // Told to end while it waited for Redis.
    if (!ending) throw error;
  }
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
