/** What clients are told when a request fails on our side. Pure. What exactly failed is in the log. */
import type { ErrorEnvelope } from "../events/envelope.ts";

/** Seconds after which asking again may find all well. */
export const RETRY_AFTER_S = 5;

/** The upstream cannot be reached, or says that it cannot answer now. */
export const unavailable = (retryAfter = RETRY_AFTER_S): ErrorEnvelope => ({
  code: "INTERNAL",
  message: "The request could not be answered now. Send it again later.",
  retryAfter,
});

/** It took too long to begin, or to go on. */
export const LATE: ErrorEnvelope = {
  code: "INTERNAL",
  message: "No answer came in time. Send the request again later.",
  retryAfter: RETRY_AFTER_S,
};

/** There was an answer, and it was not whole. */
export const BROKEN: ErrorEnvelope = {
  code: "INTERNAL",
  message: "The answer to this request broke off. Send it again.",
  retryAfter: RETRY_AFTER_S,
};

/** Said to nobody: who asked has gone. It ends the answer all the same. */
export const CANCELLED: ErrorEnvelope = { code: "INTERNAL", message: "The request was cancelled." };

/** The upstream does not keep to the contract: asking again is not known to help. */
export const INTERNAL_FAULT: ErrorEnvelope = {
  code: "INTERNAL",
  message: "The request could not be answered because of a fault of the service.",
};
