import { catalogue, MAX_EVENT_BYTES, serverEvent } from "../events/catalogue.ts";
import type { ErrorEnvelope } from "../events/envelope.ts";
import { refusals } from "../events/fields.ts";
import { isRecord } from "../lib/json.ts";
import { describeError, type Log } from "../lib/log.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { exceedsBytes } from "../lib/utf8.ts";
import { encodeEventBody } from "../socketio/encode.ts";
import type { BackendEvent, BackendRequest, RequestName } from "./backend.ts";
import { BROKEN } from "./failures.ts";

/** One event of an answer, encoded once: `body` is the JSON array of its name and payload. */
export interface AnswerEvent {
  readonly body: string;
  /** Nothing follows. */
  readonly terminal: boolean;
}

type Named = Pick<BackendRequest, "id" | "event" | "payload">;

/** The ids that answers to a request carry. */
export const idsOf = ({ id, event, payload }: Named): Readonly<Record<string, string>> => {
  switch (catalogue[event].family) {
    case "query":
      return { queryId: id };
    case "compliance":
      return { jobId: id };
    case "chat":
      return { conversationId: (payload as { conversationId: string }).conversationId };
    default:
      return {};
  }
};

/** What the acknowledgement of an accepted request gets. */
export const acceptedOf = (request: Named): Readonly<Record<string, string>> => {
  const { event, id } = request;
  return event === "query" || event === "address_analysis" || event === "chat"
    ? idsOf(request)
    : { requestId: id };
};

/** The event that reports the failure of a request, and its payload (ERR-1). */
export const errorOf = (
  request: Named,
  envelope: ErrorEnvelope,
): { readonly event: string; readonly data: ErrorEnvelope } => ({
  event: catalogue[request.event].error,
  data: { ...idsOf(request), ...envelope },
});

/** The same, encoded. */
export const errorBody = (request: Named, envelope: ErrorEnvelope): string => {
  const { event, data } = errorOf(request, envelope);
  return encodeEventBody(event, [data]);
};

/**
 * What a client is sent of a backend's answer: events of the catalogue that belong to the request, with its ids, and
 * exactly one terminal event, the last (REQ-1). An answer that breaks off, or breaks the schema, ends with the family's
 * error event and a line in the log; one that is cancelled by `signal` just ends, because nobody reads on.
 */
export async function* answer(
  request: Named,
  events: AsyncIterable<BackendEvent>,
  signal: AbortSignal,
  log: Log,
): AsyncGenerator<AnswerEvent, void, undefined> {
  const { id, event: name } = request;
  const { completion, error } = catalogue[name];
  const failed = (reason: string): AnswerEvent => {
    log("error", "answer_failed", { request: name, id, reason });
    return { body: errorBody(request, BROKEN), terminal: true };
  };
  try {
    for await (const event of events) {
      const body = check(request, event);
      if (!body.ok) {
        yield failed(body.error);
        return;
      }
      const terminal = event.event === completion || event.event === error;
      yield { body: body.value, terminal };
      if (terminal) return;
    }
  } catch (problem) {
    if (!signal.aborted) yield failed(describeError(problem));
    return;
  }
  if (!signal.aborted) yield failed("It ended without a terminal event.");
}

/** Whether a client is sent the event as an answer to the request. */
export const isAnswer = (request: Named, event: BackendEvent): boolean => check(request, event).ok;

/** The encoded event, or what is wrong with it, without any of its values. */
const check = (request: Named, { event, data }: BackendEvent): Result<string, string> => {
  const definition = serverEvent(event);
  if (definition === undefined || !answers(request.event, event)) {
    return err(`${JSON.stringify(String(event).slice(0, 50))} is no answer to it.`);
  }
  const ids = idsOf(request);
  if (!isRecord(data)) return err(`${event} has no object as its payload.`);
  for (const [field, value] of Object.entries(ids)) {
    // Backends may leave the ids out, but must not answer somebody else.
    if (data[field] !== undefined && data[field] !== value) return err(`${event} carries another ${field}.`);
  }
  const whole = { ...ids, ...data };
  const checked = definition.schema.safeParse(whole);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    return err(`${event} is not valid at ${issue?.path.join(".") || "its top"}.`);
  }
  const body = encodeEventBody(event, [whole]);
  return exceedsBytes(body, MAX_EVENT_BYTES) ? err(`${event} is over ${MAX_EVENT_BYTES} bytes.`) : ok(body);
};

/** Refusals come instead of an answer, never in one. */
const answers = (request: RequestName, event: string): boolean =>
  catalogue[request].responses.includes(event) &&
  event !== "insufficient_credits" &&
  !(refusals as readonly string[]).includes(event);
