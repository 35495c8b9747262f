import type { ErrorEnvelope } from "../../../../events/envelope.ts";

/** What an answer that is no stream means for the user. Of what the endpoint says about it nothing is passed on. */
export const refusalOf = (status: number, headers: Headers, now: number): ErrorEnvelope => {
  const retryAfter = retryAfterOf(headers, now);
  const wait = retryAfter === undefined ? {} : { retryAfter };
  switch (status) {
    case 401:
    case 403:
    case 404:
      return {
        code: "INTERNAL",
        message: "The service is not set up to use its chat model. Tell whoever runs it.",
      };
    case 400:
    case 413:
    case 422:
      return {
        code: "INTERNAL",
        message: "The chat model did not take this conversation. It may be too long: begin a new one.",
      };
    case 429:
      return {
        code: "RATE_LIMITED",
        message: "The chat model takes no more messages for now. Send it again later.",
        ...wait,
      };
    default:
      return {
        code: "INTERNAL",
        message: "The chat model does not answer. Send the message again.",
        ...wait,
      };
  }
};

/** In how many seconds the endpoint says to come back: `Retry-After` is a count of seconds or a date. */
const retryAfterOf = (headers: Headers, now: number): number | undefined => {
  const value = headers.get("retry-after")?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
};
