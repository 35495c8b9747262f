/**
 * How the entrypoint that runs requests answers a gateway: HTTP over a service binding, since that carries a stream,
 * its back-pressure, and the end of the caller's interest. Pure.
 *
 * - 200: accepted; a line for each event, `+` before the body of one that others follow, `.` before the last
 * - 202: deferred
 * - 409: refused; the JSON of the refusal
 */
import { LineDecoder } from "../lib/line-decoder.ts";
import type { AnswerEvent } from "./answer.ts";
import type { Refusal } from "./backend.ts";

export type Answer =
  | { readonly status: "accepted"; readonly events: AsyncIterable<AnswerEvent> }
  | { readonly status: "deferred" }
  | { readonly status: "refused"; readonly refusal: Refusal };

const encoder = new TextEncoder();

export const encodeAnswer = (answer: Answer): Response => {
  switch (answer.status) {
    case "accepted":
      return new Response(encodeEvents(answer.events));
    case "deferred":
      return new Response(null, { status: 202 });
    case "refused":
      return Response.json(answer.refusal, { status: 409 });
    default:
      return answer satisfies never;
  }
};

/** @throws Error when the response is none of ours: the entrypoint has failed. */
export const decodeAnswer = async (response: Response): Promise<Answer> => {
  switch (response.status) {
    case 200:
      return { status: "accepted", events: decodeEvents(response.body) };
    case 202:
      return { status: "deferred" };
    case 409:
      // Written by `encodeAnswer`.
      return { status: "refused", refusal: (await response.json()) as Refusal };
    default:
      await response.body?.cancel();
      throw new Error(`The request was answered with status ${response.status}.`);
  }
};

const encodeEvents = (events: AsyncIterable<AnswerEvent>): ReadableStream<Uint8Array> => {
  const iterator = events[Symbol.asyncIterator]();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${value.terminal ? "." : "+"}${value.body}\n`));
    },
    async cancel() {
      await iterator.return?.();
    },
  });
};

async function* decodeEvents(body: ReadableStream<Uint8Array> | null): AsyncGenerator<AnswerEvent> {
  if (body === null) return;
  const decoder = new LineDecoder();
  for await (const chunk of body) {
    for (const line of decoder.push(chunk)) yield { terminal: line.startsWith("."), body: line.slice(1) };
  }
}
