/**
 * What the Worker tells a gateway about a handshake, in a header that the Worker always sets or removes, so that no
 * client can. It is JSON; what it means is the application's.
 */
export const CONTEXT_HEADER = "x-realtime-context";

/** Header values are Latin-1; ids of users may one day not be. */
export const encodeContext = (value: unknown): string => encodeURIComponent(JSON.stringify(value));

/** @throws on anything the Worker did not write: a bug. */
export const decodeContext = (header: string | null): unknown =>
  header === null ? undefined : JSON.parse(decodeURIComponent(header));
