import type { ServerEvents } from "./events.ts";

type ErrorCode = ServerEvents["query_error"]["code"];

/**
 * Why an event was not published. Those of the service, of which `VALIDATION_FAILED`, `NOT_FOUND` (there is
 * no such event) and `UNAUTHORIZED` are met here, and the publisher's own:
 *
 * - `BAD_ADDRESS`: what answers at the URL is no LedgerCore Realtime
 * - `REFUSED`: the service, or what stands before it, refused for a reason that has no code here
 * - `TOO_LARGE`: the event alone is more than the service takes
 * - `EXPIRED`: it was tried again until `giveUpAfterMs` was over; `cause` is what went wrong last
 * - `QUEUE_FULL`: too much waits already; the event was not taken
 * - `CLOSED`: the publisher was closed before, or its `close` could not wait any longer
 * - `UNENCODABLE`: the event cannot be written as JSON
 * - `UNREACHABLE`: there was no answer; only ever a `cause`, or seen by `onRetry`
 */
export type PublishErrorCode =
  | ErrorCode
  | "BAD_ADDRESS"
  | "REFUSED"
  | "TOO_LARGE"
  | "EXPIRED"
  | "QUEUE_FULL"
  | "CLOSED"
  | "UNENCODABLE"
  | "UNREACHABLE";

export interface PublishErrorDetails {
  /** The HTTP status, where the whole request was refused. */
  readonly status?: number;
  readonly cause?: unknown;
}

export class PublishError extends Error {
  override readonly name = "PublishError";
  readonly code: PublishErrorCode;
  /** The HTTP status, where the whole request was refused. */
  readonly status: number | undefined;

  constructor(code: PublishErrorCode, message: string, { status, cause }: PublishErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
  }
}
