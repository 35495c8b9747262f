/**
 * What an entry of the event catalogue is, and the builder of a family of them. Pure.
 */
import type * as z from "zod";
import type { Bar } from "./bar.ts";

export type Family = "system" | "query" | "market" | "compliance" | "credits" | "chat" | "errors";

export type Direction = "client-to-server" | "server-to-client";

/**
 * What happens to an event that is published into a room. What a gateway answers a socket directly is in no log,
 * whatever its class.
 * - `durable`: for personal rooms only; logged there, never dropped, and sent again to a socket that recovers.
 * - `volatile`: market state; under backlog an event replaces a waiting one with the same `conflationKey`.
 * - `transient`: superseded by a later event, or soon of no use; sent once, to whoever is there.
 */
export type Delivery = "durable" | "volatile" | "transient";

interface Spec<S extends z.ZodType> {
  readonly schema: S;
  /** One plain sentence. */
  readonly summary: string;
  /** Not named by the public event reference. */
  readonly extension?: true;
  /** A valid payload: printed in the docs, checked by the tests. */
  readonly example: z.input<S>;
}

export interface ClientSpec<S extends z.ZodType = z.ZodType> extends Spec<S> {
  /** Every event this one may be answered with. */
  readonly responses: readonly string[];
  /** For requests that go to a backend: the event that ends a successful answer. */
  readonly completion?: string;
  /** For requests that go to a backend: the event that reports their failure, and ends the answer. */
  readonly error?: string;
}

export interface ServerSpec<S extends z.ZodType = z.ZodType> extends Spec<S> {
  readonly delivery: Delivery;
  // All take data that passed `schema`. Methods, not function properties: their parameters are
  // compared bivariantly, so an entry with a precise schema is still a `ServerEvent`.
  /** The room the event belongs to when its publisher named none. */
  room?(data: z.output<S>): string | undefined;
  /** Of two waiting events with equal keys only the newer matters; unique across events of a room. */
  conflationKey?(data: z.output<S>): string;
  /**
   * Of a room's events with equal keys the newest (largest `at`, else latest) is part of its present state, which a
   * socket that comes to it is sent first.
   */
  snapshot?(data: z.output<S>): { readonly key: string; readonly at: number };
  /** The bar whose state it is: a market room keeps bars. */
  bar?(data: z.output<S>): Bar;
}

interface Named<N extends string, F extends Family> {
  readonly name: N;
  readonly family: F;
}

export type ClientEvent = ClientSpec & Named<string, Family> & { readonly direction: "client-to-server" };
export type ServerEvent = ServerSpec & Named<string, Family> & { readonly direction: "server-to-client" };
export type CatalogueEvent = ClientEvent | ServerEvent;

/** An event that clients emit. `E` keeps the names of the events that end its answer. */
export function client<
  S extends z.ZodType,
  const E extends { readonly completion?: string; readonly error?: string },
>(spec: ClientSpec<S> & E) {
  return { ...spec, direction: "client-to-server" } as const;
}

/** An event that the service emits. */
export function server<S extends z.ZodType>(spec: ServerSpec<S>) {
  return { ...spec, direction: "server-to-client" } as const;
}

type Unnamed =
  | Omit<ClientEvent, keyof Named<string, Family>>
  | Omit<ServerEvent, keyof Named<string, Family>>;

type FamilyTable<F extends Family, T> = {
  readonly [N in keyof T & string]: Readonly<T[N] & Named<N, F>>;
};

/** Gives every entry its family and, from its key, its name. */
export function family<F extends Family, T extends Record<string, Unnamed>>(
  name: F,
  events: T,
): FamilyTable<F, T> {
  const named = Object.entries(events).map(([event, spec]) => [
    event,
    Object.freeze({ name: event, family: name, ...spec }),
  ]);
  // fromEntries forgets which key holds which entry; the line above keeps the pairs together.
  return Object.freeze(Object.fromEntries(named)) as FamilyTable<F, T>;
}
