import { parseRoom } from "../../../src/events/rooms.ts";
import { Sessions } from "../../../src/rooms/sessions.ts";
import { SessionSubscriberStore, SqlSubscriberStore } from "../../../src/rooms/subscriber-store.ts";
import type { SubscriberRow } from "../../../src/rooms/subscribers.ts";
import type { TestStorage } from "../../support/sqlite.ts";

/** The subscribers that the next life of a room would find. */
export const storedSubscribers = (name: string, { sql, kv }: TestStorage): SubscriberRow[] => {
  const store = new SqlSubscriberStore(sql);
  if (parseRoom(name)?.kind !== "user") return store.all();
  return new SessionSubscriberStore(name, new Sessions(kv), store).all();
};
