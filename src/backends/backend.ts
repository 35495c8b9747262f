/**
 * The port behind which requests are answered. Two things implement it: the HTTP upstream (`http/`) and the embedded
 * backend (`embedded/`). What is the same for both stands in front of it: the gateway validates the payload, makes the
 * id, limits, acknowledges, times out and cancels (gateway/requests.ts); `answer.ts` sees to it that what a backend
 * says is in the catalogue and ends with one terminal event. Pure.
 *
 * Of the embedded backend a handler answers each event:
 *
 *     const handler: Handler<"query"> = async function* (request) {
 *       yield { event: "query_started", data: { estimatedMs } };
 *       ...
 *       if (failed) yield failure(request, { code: "NOT_FOUND", message: "..." });
 *     };
 *
 * A handler leaves out the ids of its request (`queryId`, `jobId`, `conversationId`): they are added to what it yields.
 * Nothing after a terminal event is read. Throwing is for bugs: it becomes the family's error event with code INTERNAL.
 */
import type * as z from "zod";
import { type Catalogue, catalogue } from "../events/catalogue.ts";
import type { ServerEventName } from "../events/client.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";

/** The events that a backend answers. */
export type RequestName = {
  [N in keyof Catalogue]: Catalogue[N] extends { readonly completion: string } ? N : never;
}[keyof Catalogue];

/** A request that has passed the catalogue's schema. */
export interface BackendRequest<N extends RequestName = RequestName> {
  /** Made by the service, unique: the `queryId` or `jobId` of all that answers the request. */
  readonly id: string;
  readonly event: N;
  readonly payload: z.output<Catalogue[N]["schema"]>;
  readonly userId: string;
  readonly socketId: string;
  /** The application that the payload names, else the first of `applications`. */
  readonly applicationId: string;
  /** The applications that the user's token opens. */
  readonly applications: readonly string[];
}

/** One event of the catalogue, without the ids of its request. */
export interface BackendEvent {
  readonly event: ServerEventName;
  /** Its payload, an object. */
  readonly data: unknown;
}

/** Why a request is not run; the event is its only answer. */
export type Refusal =
  | {
      readonly event: "insufficient_credits";
      readonly data: {
        readonly required: number | string;
        readonly available: number | string;
        readonly action: string;
      };
    }
  | {
      readonly event: "rate_limit_error";
      readonly data: ErrorEnvelope;
    }
  /** `error`: the error event of the request's family. */
  | { readonly event: "error"; readonly data: ErrorEnvelope };

/**
 * - `accepted`: `events` are the answer, in order; it ends with a terminal event, or breaks; cancelled, it just ends
 * - `deferred`: the events will be published later, by whoever took the request
 */
export type Started =
  | { readonly status: "accepted"; readonly events: AsyncIterable<BackendEvent> }
  | { readonly status: "deferred" }
  | { readonly status: "refused"; readonly refusal: Refusal };

export interface Backend {
  /** Begins to answer. When `signal` aborts nobody waits any more: what the work holds is let go, soon. */
  start(request: BackendRequest, signal: AbortSignal): Promise<Started>;
}

/** Answers the requests of one event; see above. */
export type Handler<N extends RequestName> = (
  request: BackendRequest<N>,
  signal: AbortSignal,
) => AsyncIterable<BackendEvent>;

/** The terminal event that reports the failure of a request. */
export const failure = ({ event }: Pick<BackendRequest, "event">, envelope: ErrorEnvelope): BackendEvent => ({
  event: catalogue[event].error,
  data: envelope,
});

/** Whether an event with this name is answered by a backend. */
export const isRequestName = (name: string): name is RequestName =>
  Object.hasOwn(catalogue, name) && "completion" in catalogue[name as keyof Catalogue];
