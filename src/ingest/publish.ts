import type { Result } from "../lib/result.ts";
import type { Publication, PublishOutcome } from "../rooms/protocol.ts";
import { type Addressed, addressItem, type Refusal } from "./envelope.ts";

export interface Rejected extends Refusal {
  /** The item's place in the request, from 0. */
  readonly index: number;
}

export interface PublishResult {
  readonly accepted: number;
  readonly rejected: readonly Rejected[];
}

/** Publishes into one room; answers each publication at its index. Throws if the room cannot be reached. */
export type PublishToRoom = (
  room: string,
  publications: readonly Publication[],
) => Promise<readonly PublishOutcome[]>;

const UNREACHABLE: Refusal = {
  code: "INTERNAL",
  message: "The room could not be reached. Publish it again.",
};

const OVERLOADED: Refusal = {
  code: "RATE_LIMITED",
  message: "Too much waits to be delivered in this room. Publish it again later.",
  retryAfter: 1,
};

/** Whether publishing the same again may help. */
export const isPassing = ({ code }: Refusal): boolean => code === "INTERNAL" || code === "RATE_LIMITED";

/**
 * Publishes the items that are valid and says which are not accepted (ING-2). Items of one room keep their order and
 * share one call; a room that cannot be reached rejects its own items only.
 * An item is `unknown`, or a refusal when it could not even be read.
 */
export const publishItems = async (
  items: readonly Result<unknown, Refusal>[],
  publish: PublishToRoom,
  onError: (room: string, error: unknown) => void,
): Promise<PublishResult> => {
  const rejected: Rejected[] = [];
  const rooms = new Map<string, (Addressed & { index: number })[]>();
  for (const [index, item] of items.entries()) {
    const addressed = item.ok ? addressItem(item.value) : item;
    if (!addressed.ok) {
      rejected.push({ index, ...addressed.error });
      continue;
    }
    const entry = { index, ...addressed.value };
    const queued = rooms.get(entry.room);
    if (queued === undefined) rooms.set(entry.room, [entry]);
    else queued.push(entry);
  }
  await Promise.all(
    [...rooms].map(async ([room, entries]) => {
      const refusals = await refusalsOf(room, entries, publish, onError);
      for (const [place, { index, publication }] of entries.entries()) {
        const refusal = refusals[place];
        if (refusal === undefined) continue;
        rejected.push({ index, ...(publication.id !== undefined && { id: publication.id }), ...refusal });
      }
    }),
  );
  rejected.sort((a, b) => a.index - b.index);
  return { accepted: items.length - rejected.length, rejected };
};

/** Publishes into one room; at the place of each entry, why the room has not accepted it. */
const refusalsOf = async (
  room: string,
  entries: readonly Addressed[],
  publish: PublishToRoom,
  onError: (room: string, error: unknown) => void,
): Promise<(Refusal | undefined)[]> => {
  try {
    const outcomes = await publish(
      room,
      entries.map(({ publication }) => publication),
    );
    return outcomes.map((outcome) => (outcome === "overloaded" ? OVERLOADED : undefined));
  } catch (error) {
    onError(room, error);
    return entries.map(() => UNREACHABLE);
  }
};
