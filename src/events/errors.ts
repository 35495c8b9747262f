/** Errors that belong to no family: limits and malformed payloads. */
import * as z from "zod";
import { family, server } from "./define.ts";
import { envelopeFields, validationError } from "./envelope.ts";

export const errorEvents = family("errors", {
  rate_limit_error: server({
    delivery: "transient",
    schema: z.looseObject({ ...envelopeFields, code: z.literal("RATE_LIMITED") }),
    summary: "You exceeded a limit of the socket or of the user; the socket stays connected.",
    example: {
      code: "RATE_LIMITED",
      message: "Too many requests. Wait before sending more.",
      retryAfter: 30,
    },
  }),
  validation_error: server({
    delivery: "transient",
    schema: validationError,
    summary: "The payload of an event you sent was refused.",
    example: {
      code: "VALIDATION_FAILED",
      message: "The payload of query is not valid.",
      event: "query",
      issues: [{ path: "applicationId", message: "Invalid input: expected string, received undefined" }],
    },
  }),
});
