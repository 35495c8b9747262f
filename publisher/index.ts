/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Publishing from a backend, typed by the catalogue of events:
 *
 *     const publisher = new Publisher({ url: "https://realtime.example.com", token });
 *     await publisher.publish({ event: "credits_granted", userId: "user_2abc", data: { … } });
 *
 * It needs `fetch` and nothing else of its runtime.
 */
export { PublishError, type PublishErrorCode } from "./errors.ts";
export { durableEvents, type ServerEvents } from "./events.ts";
export type { Fetch, FetchInit, FetchResponse } from "./ingest-request.ts";
export type { PublisherOptions, Retry } from "./options.ts";
export type { DurableEventName, MarketRoom, Publication, ServerEventName, UserRoom } from "./publication.ts";
export { Publisher } from "./publisher.ts";
export { closeOnSignal, type SignalOptions, type SignalSource } from "./signals.ts";
