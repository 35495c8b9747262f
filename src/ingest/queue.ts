import { describeError, log } from "../lib/log.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { type Items, readValues } from "./body.ts";
import type { Refusal } from "./envelope.ts";
import { isPassing, type Rejected } from "./publish.ts";
import type { Publisher } from "./publisher.ts";

/** What is used of a message of Cloudflare Queues. Its body is one event, or an array of events. */
export interface QueueMessage {
  readonly id: string;
  readonly body: unknown;
  /** 1 when it comes for the first time. */
  readonly attempts: number;
  ack(): void;
  retry(options: { delaySeconds: number }): void;
}

export interface QueueDeps {
  readonly publish: Publisher;
  /** Sends events to the dead-letter queue. */
  readonly bury: (events: readonly unknown[]) => Promise<unknown>;
  /** How many events a message may hold. */
  readonly maxEvents: number;
}

/**
 * The pauses before a message's retries double from 2 s up to this. With the retries that wrangler.toml allows they are
 * six minutes in all: well within the time for which rooms know the ids of what an earlier attempt has published.
 */
const MAX_PAUSE_S = 60;

/**
 * Publishes the events of a batch of messages, in order and in one go (ING-4). A message is
 * - done when all its events are accepted;
 * - retried later when one was refused for a reason that may pass: the others have ids, and are not delivered twice;
 * - else done as well, and those of its events that were refused for good are sent to the dead-letter queue. Left to the
 *   platform, the message would come again and again, and then lie there with events that have been delivered.
 *
 * A message that could not be read is left to the platform, which moves it to that queue as it is.
 */
export const consumeMessages = async (messages: readonly QueueMessage[], deps: QueueDeps): Promise<void> => {
  const read = messages.map((message) => itemsOf(message, deps.maxEvents));
  const { rejected } = await deps.publish(read.flat());
  const settled: Promise<void>[] = [];
  let start = 0;
  for (const [place, message] of messages.entries()) {
    const items = read[place] ?? [];
    const first = start;
    const refused = rejected
      .filter(({ index }) => index >= first && index < first + items.length)
      .map((refusal) => ({ ...refusal, index: refusal.index - first }));
    settled.push(settle(message, items, refused, deps.bury));
    start += items.length;
  }
  await Promise.all(settled);
};

/** The events of a message. Each without an id gets one, the same however often the message comes. */
const itemsOf = ({ id, body }: QueueMessage, maxEvents: number): Items => {
  if (Array.isArray(body) && body.length > maxEvents) {
    const message = `A message holds at most ${maxEvents} events. Split it.`;
    return [err({ code: "VALIDATION_FAILED", message })];
  }
  return readValues(body).map((item, index) => withId(item, `queue:${id}:${index}`));
};

const withId = (item: Result<unknown, Refusal>, id: string): Result<unknown, Refusal> => {
  if (!item.ok || typeof item.value !== "object" || item.value === null) return item;
  return "id" in item.value || Array.isArray(item.value) ? item : ok({ id, ...item.value });
};

const settle = async (
  message: QueueMessage,
  items: Items,
  refused: readonly Rejected[],
  bury: QueueDeps["bury"],
): Promise<void> => {
  const [first] = refused;
  if (first === undefined) return message.ack();
  const { index, code, message: reason } = refused.find(isPassing) ?? first;
  const line = { messageId: message.id, attempt: message.attempts, index, code, message: reason };
  if (refused.some(isPassing)) {
    log("warn", "ingest_message_delayed", line);
    return retryLater(message);
  }
  log("error", "ingest_message_refused", { ...line, refused: refused.length, events: items.length });
  const events: unknown[] = [];
  for (const { index } of refused) {
    const item = items[index];
    if (!item?.ok) return retryLater(message);
    events.push(item.value);
  }
  try {
    await bury(events);
    message.ack();
  } catch (error) {
    log("error", "dead_letter_failed", { messageId: message.id, error: describeError(error) });
    retryLater(message);
  }
};

const retryLater = (message: QueueMessage): void =>
  message.retry({ delaySeconds: Math.min(2 ** message.attempts, MAX_PAUSE_S) });
