/**
 * Types for users of socket.io-client; compiles to nothing, so that no client bundles zod:
 *
 *     const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io(url, options);
 */
import type { output } from "zod";
import type { Catalogue } from "./catalogue.ts";
import type { ErrorEnvelope } from "./envelope.ts";
import type { candle } from "./fields.ts";

export type { ErrorCode, ErrorEnvelope, ValidationError, ValidationIssue } from "./envelope.ts";
export type { RoomName } from "./rooms.ts";

type Scalar = string | number | boolean | null | undefined;

type KnownKeys<T> = keyof { [K in keyof T as string extends K ? never : K]: T[K] };

/**
 * A payload as its readers should see it. Unknown fields are kept at run time, but their index
 * signature is left out: with it every misspelt field would be `unknown` instead of an error.
 */
type Tidy<T> = T extends Scalar
  ? T
  : T extends readonly unknown[]
    ? { [I in keyof T]: Tidy<T[I]> }
    : T extends object
      ? [KnownKeys<T>] extends [never]
        ? T
        : { [K in keyof T as string extends K ? never : K]: Tidy<T[K]> }
      : T;

type NameOf<D extends string> = {
  [N in keyof Catalogue]: Catalogue[N]["direction"] extends D ? N : never;
}[keyof Catalogue];

export type ClientEventName = NameOf<"client-to-server">;
export type ServerEventName = NameOf<"server-to-client">;
export type EventName = keyof Catalogue;

/** The payload of an event, by its name: `EventPayload<"query_progress">`. */
export type EventPayload<N extends EventName> = Tidy<output<Catalogue[N]["schema"]>>;

/** One bar. */
export type Candle = Tidy<output<typeof candle>>;

type Refused = { error: ErrorEnvelope };

type Accepted = {
  subscribe: EventPayload<"subscribed">;
  unsubscribe: EventPayload<"unsubscribed">;
  query: { queryId: string };
  address_analysis: { jobId: string };
  chat: { conversationId: string };
};

/** What the acknowledgement of a client event gets: told apart by `"error" in reply`. */
export type Ack<N extends ClientEventName> = N extends "ping"
  ? { timestamp: number }
  : (N extends keyof Accepted ? Accepted[N] : { requestId: string }) | Refused;

/** The listeners of a client: `socket.on(name, listener)`. */
export type ServerToClientEvents = {
  [N in ServerEventName]: (payload: EventPayload<N>) => void;
};

// A union of argument lists rather than an optional callback: socket.io-client adds the error of
// `timeout()` to a callback's type only where the callback is not optional.
type Emit<P extends unknown[], R> = (...args: [...P] | [...P, ack: (reply: R) => void]) => void;

/**
 * What a client may send: `socket.emit(name, payload, ack?)`. With an optional callback
 * socket.io-client cannot tell what `emitWithAck` resolves to: annotate it with `Ack<name>`.
 */
export type ClientToServerEvents = {
  [N in ClientEventName]: Emit<EventPayload<N> extends undefined ? [] : [payload: EventPayload<N>], Ack<N>>;
};
