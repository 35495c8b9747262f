/** Connection, rooms, presence, and notices of the account's activity. */
import * as z from "zod";
import { client, family, server } from "./define.ts";
import { envelopeFields } from "./envelope.ts";
import { count, epochMs, id, refusals, roomName, timestamp, userId } from "./fields.ts";

export const systemEvents = family("system", {
  connected: server({
    delivery: "transient",
    schema: z.looseObject({ userId, sid: id, timestamp: epochMs }),
    summary: "The socket is authenticated and in its personal room.",
    example: { userId: "user_2abc", sid: "kY3vQ0aXq1TzZr5nAAAB", timestamp: 1723161601437 },
  }),
  ping: client({
    schema: z.undefined(),
    summary: "Asks whether the service answers; takes no payload.",
    example: undefined,
    responses: ["pong", ...refusals],
  }),
  pong: server({
    delivery: "transient",
    schema: z.looseObject({ timestamp: epochMs }),
    summary: "Answers a ping with the service's time.",
    example: { timestamp: 1723161601437 },
  }),
  subscribe: client({
    schema: z.strictObject({ room: roomName }),
    summary: "Joins a room; doing so again changes nothing.",
    example: { room: "market:BTC-USD" },
    responses: ["subscribed", "subscribe_error", ...refusals],
  }),
  unsubscribe: client({
    schema: z.strictObject({ room: roomName }),
    summary: "Leaves a room; doing so again changes nothing.",
    example: { room: "market:BTC-USD" },
    responses: ["unsubscribed", "subscribe_error", ...refusals],
  }),
  subscribed: server({
    delivery: "transient",
    schema: z.looseObject({ room: roomName, subscriberCount: count }),
    summary: "The socket is in the room, which now has this many sockets.",
    example: { room: "market:BTC-USD", subscriberCount: 12 },
  }),
  unsubscribed: server({
    delivery: "transient",
    schema: z.looseObject({ room: roomName }),
    summary: "The socket has left the room and gets nothing more from it.",
    example: { room: "market:BTC-USD" },
  }),
  subscribe_error: server({
    delivery: "transient",
    extension: true,
    schema: z.looseObject({ ...envelopeFields, room: roomName }),
    summary: "The room asked for was refused, or could not be joined or left.",
    example: {
      code: "NOT_FOUND",
      message: "There is no such room. Subscribe to market:<SYMBOL>.",
      room: "weather:paris",
    },
  }),
  user_joined_room: server({
    delivery: "transient",
    schema: z.looseObject({ userId, room: roomName, joinedAt: epochMs }),
    summary: "A user's first socket joined a room you are in.",
    example: { userId: "user_2abc", room: "market:BTC-USD", joinedAt: 1723161601437 },
  }),
  user_left_room: server({
    delivery: "transient",
    schema: z.looseObject({ userId, room: roomName, leftAt: epochMs }),
    summary: "A user's last socket left a room you are in.",
    example: { userId: "user_2abc", room: "market:BTC-USD", leftAt: 1723161661437 },
  }),
  activity_logged: server({
    delivery: "durable",
    extension: true,
    schema: z.looseObject({ activityId: id, type: id, message: z.string(), timestamp }),
    summary: "Something happened on your account.",
    example: {
      activityId: "act_01",
      type: "api_key.created",
      message: "API key 'ci' was created.",
      timestamp: "2024-08-09T00:00:01.437Z",
    },
  }),
});
