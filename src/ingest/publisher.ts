import type { Sleep } from "../lib/after.ts";
import { describeError, log } from "../lib/log.ts";
import { callRetrying } from "../lib/rpc.ts";
import type { RoomRpc } from "../rooms/protocol.ts";
import type { Items } from "./body.ts";
import { type PublishResult, type PublishToRoom, publishItems } from "./publish.ts";

/** The rooms, as the platform binds them. */
export interface Rooms {
  getByName(name: string): Pick<RoomRpc, "publish">;
}

export type Publisher = (items: Items) => Promise<PublishResult>;

/** The one way into the rooms, whatever the items came by (ING-4). */
export const publisherTo =
  (rooms: Rooms, sleep: Sleep): Publisher =>
  (items) =>
    publishItems(items, publishTo(rooms, sleep), (room, error) =>
      log("error", "publish_failed", { room, error: describeError(error) }),
    );

const publishTo =
  (rooms: Rooms, sleep: Sleep): PublishToRoom =>
  async (room, publications) => {
    const call = () => rooms.getByName(room).publish(publications);
    // A call that failed may have arrived: what has no id would be delivered twice.
    return publications.every(({ id }) => id !== undefined) ? callRetrying(call, sleep) : call();
  };
