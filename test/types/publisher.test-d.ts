/** Checked by `tsc -p test/tsconfig.json` and never run: how publishing looks to the users of the SDK. */
import { expectTypeOf } from "vitest";
import {
  type DurableEventName,
  type Publication,
  type PublishErrorCode,
  Publisher,
  type ServerEvents,
} from "../../publisher/index.ts";
import type { ErrorCode, EventPayload, ServerEventName } from "../../src/events/client.ts";

// The catalogue's own types, written out.
expectTypeOf<ServerEvents>().toEqualTypeOf<{ [N in ServerEventName]: EventPayload<N> }>();
expectTypeOf<ErrorCode>().toExtend<PublishErrorCode>();
expectTypeOf<DurableEventName>().toExtend<ServerEventName>();

const publisher = new Publisher({ url: "https://realtime.example.com", token: "t" });
const grant = { amount: 1, newBalance: "2.50", reason: "gift", transactionId: "t1", timestamp: 1 };
const book = { symbol: "BTC-USD", bids: [], asks: [], sequence: 1, timestamp: 1 };
const typing = { conversationId: "c" };

// Where an event may go
expectTypeOf(publisher.publish({ event: "credits_granted", userId: "u", data: grant })).toEqualTypeOf<
  Promise<void>
>();
publisher.publish({ event: "credits_granted", userId: "u", socketId: "s", data: grant, id: "i" });
publisher.publish({ event: "credits_granted", room: "user:u", data: grant });
publisher.publish({ event: "market_orderbook_update", data: book });
publisher.publish({ event: "market_orderbook_update", room: "market:BTC-USD", data: book });
publisher.publish({ event: "market_orderbook_update", userId: "u", data: book });
publisher.publish({ event: "chat_typing", room: "market:BTC-USD", data: typing });
// @ts-expect-error a personal event says whose it is
publisher.publish({ event: "credits_granted", data: grant });
// @ts-expect-error a personal event goes to no market
publisher.publish({ event: "credits_granted", room: "market:BTC-USD", data: grant });
// @ts-expect-error the data does not say where it belongs
publisher.publish({ event: "chat_typing", data: typing });
// @ts-expect-error a socket is one of a user's
publisher.publish({ event: "chat_typing", socketId: "s", data: typing });
// @ts-expect-error there is no such kind of room
publisher.publish({ event: "chat_typing", room: "weather:paris", data: typing });
// @ts-expect-error a misspelt field
publisher.publish({ event: "credits_granted", userID: "u", data: grant });

// What it may hold
// @ts-expect-error there is no such event
publisher.publish({ event: "credits_given", userId: "u", data: grant });
// @ts-expect-error a client's event is not one to publish
publisher.publish({ event: "subscribe", userId: "u", data: { room: "market:BTC-USD" } });
// @ts-expect-error a field is missing
publisher.publish({ event: "credits_granted", userId: "u", data: { amount: 1 } });
// @ts-expect-error a field is of the wrong type
publisher.publish({ event: "credits_granted", userId: "u", data: { ...grant, amount: true } });
publisher.publish({
  event: "market_orderbook_update",
  // @ts-expect-error a misspelt field
  data: { symbol: "BTC-USD", bids: [], ask: [], sequence: 1, timestamp: 1 },
});

// One event's type, for helpers around the publisher
export const granted = (userId: string): Publication<"credits_granted"> => ({
  event: "credits_granted",
  userId,
  data: grant,
});
publisher.publish(granted("u"));

// @ts-expect-error a token is required
new Publisher({ url: "https://realtime.example.com" });
