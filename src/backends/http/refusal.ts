/** What a client is told when the upstream does not take its request. Pure. */
import * as z from "zod";
import { type ErrorEnvelope, errorEnvelope } from "../../events/envelope.ts";
import { decimal } from "../../events/fields.ts";
import type { Refusal } from "../backend.ts";
import { INTERNAL_FAULT, unavailable } from "../failures.ts";

/** A reply without a stream. */
export interface Reply {
  readonly status: number;
  /** Its JSON, as it came; undefined when it is none. */
  readonly body: unknown;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

export interface Refused {
  readonly refusal: Refusal;
  /** What is wrong with the upstream, for the log; none when the request is. */
  readonly fault?: string;
}

/** The upstream's words reach the client only where they are meant for it, and short. */
const MAX_MESSAGE_CHARS = 500;

const shortfall = z.looseObject({
  required: decimal,
  available: decimal,
  action: z.string().min(1).max(200).optional(),
});

/** Why the request with this event name is not run. */
export const refusalOf = (event: string, reply: Reply): Refused => {
  const { status, body, retryAfter } = reply;
  const envelope = envelopeOf(body);
  switch (status) {
    case 400:
    case 422:
      return envelope === undefined
        ? fault(reply, "without an error envelope")
        : error({
            code: "VALIDATION_FAILED",
            message: envelope.message ?? "The request was refused as not valid. Check its payload.",
          });
    case 401:
    case 403:
      // Only an envelope tells that the user is meant, not the service.
      return envelope?.code === "UNAUTHORIZED"
        ? error({ code: "UNAUTHORIZED", message: envelope.message ?? "You may not do this." })
        : fault(reply, "the upstream refused the service credential");
    case 402:
      return insufficient(event, reply);
    case 404:
      return error({ code: "NOT_FOUND", message: envelope?.message ?? "There is nothing of that name." });
    case 429:
      return rateLimited(envelope?.message, retryAfter ?? envelope?.retryAfter);
    case 502:
    case 503:
    case 504:
      return { refusal: { event: "error", data: unavailable(retryAfter) }, fault: "unavailable" };
    default:
      return fault(reply, isRedirect(status) ? "redirects are not followed" : "an unexpected status");
  }
};

const error = (data: ErrorEnvelope): Refused => ({ refusal: { event: "error", data } });

const fault = ({ retryAfter }: Reply, reason: string): Refused => ({
  refusal: { event: "error", data: { ...INTERNAL_FAULT, ...(retryAfter !== undefined && { retryAfter }) } },
  fault: reason,
});

const insufficient = (event: string, reply: Reply): Refused => {
  const { success, data } = shortfall.safeParse(reply.body);
  if (!success) return fault(reply, "a 402 that does not say what is required and available");
  const { required, available, action = event } = data;
  return { refusal: { event: "insufficient_credits", data: { required, available, action } } };
};

const rateLimited = (message: string | undefined, retryAfter: number | undefined): Refused => ({
  refusal: {
    event: "rate_limit_error",
    data: {
      code: "RATE_LIMITED",
      message: message ?? "Too many requests. Wait before sending more.",
      ...(retryAfter !== undefined && { retryAfter }),
    },
  },
});

/** An error envelope, with its message if that can be passed on. */
const envelopeOf = (
  body: unknown,
): (Omit<ErrorEnvelope, "message"> & { message: string | undefined }) | undefined => {
  const { success, data } = errorEnvelope.safeParse(body);
  if (!success) return undefined;
  const { code, message, retryAfter } = data;
  const usable = message.trim() !== "" && message.length <= MAX_MESSAGE_CHARS;
  return { code, message: usable ? message.toWellFormed() : undefined, retryAfter };
};

const isRedirect = (status: number): boolean => status >= 300 && status < 400;
