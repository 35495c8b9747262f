/** The words of the contract (docs/backend.md), typed by the catalogue of events. */
import type { EventPayload } from "ledgercore-realtime/client";
import type { ServerEvents } from "ledgercore-realtime/publisher";

export type RequestName =
  | "query"
  | "request_market_data"
  | "address_analysis"
  | "address_transactions"
  | "cross_border_flows"
  | "chat";

/** What the service posts. The payload has passed the catalogue's schema. */
export interface Call<N extends RequestName = RequestName> {
  readonly requestId: string;
  readonly userId: string;
  readonly socketId: string;
  readonly applicationId: string;
  /** The applications that the user's token opens. */
  readonly applications: readonly string[];
  readonly payload: EventPayload<N>;
}

/** One event of an answer; the service adds the ids. */
export type Said = {
  [N in keyof ServerEvents]: {
    readonly event: N;
    readonly data: Omit<ServerEvents[N], "queryId" | "jobId" | "conversationId">;
  };
}[keyof ServerEvents];

type Code = "RATE_LIMITED" | "UNAUTHORIZED" | "NOT_FOUND" | "INTERNAL" | "VALIDATION_FAILED";

export const envelope = (code: Code, message: string) => ({ code, message });

/** Why a request is not answered: thrown before anything is said, it becomes the reply's status. */
export class Refused extends Error {
  readonly status: 400 | 402 | 403 | 404 | 429;
  readonly body: object;
  readonly headers: Record<string, string>;

  constructor(status: Refused["status"], body: object, headers: Record<string, string> = {}) {
    super(`refused with ${status}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export const invalid = (message: string): Refused => new Refused(400, envelope("VALIDATION_FAILED", message));

export const notFound = (message: string): Refused => new Refused(404, envelope("NOT_FOUND", message));
