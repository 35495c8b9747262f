import type { Result } from "../lib/result.ts";
import type { Publication } from "../rooms/protocol.ts";
import { type Addressed, addressItem, type Refusal } from "./envelope.ts";

export interface Rejected extends Refusal {
  /** The item's place in the request, from 0. */
  readonly index: number;
}

export interface PublishResult {
  readonly accepted: number;
  readonly rejected: readonly Rejected[];
}

/** Publishes into one room; throws if the room cannot be reached. */
export type PublishToRoom = (room: string, publications: readonly Publication[]) => Promise<void>;

const UNREACHABLE: Refusal = {
  code: "INTERNAL",
  message: "The room could not be reached. Publish it again.",
};

/**
 * Publishes the items that are valid and says which are not (ING-2). Items of one room keep their order and
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
      try {
        await publish(
          room,
          entries.map(({ publication }) => publication),
        );
      } catch (error) {
        onError(room, error);
        for (const { index, id } of entries) {
          rejected.push({ index, ...(id !== undefined && { id }), ...UNREACHABLE });
        }
      }
    }),
  );
  rejected.sort((a, b) => a.index - b.index);
  return { accepted: items.length - rejected.length, rejected };
};
