import { createParser } from "eventsource-parser";
import * as z from "zod";
import { count } from "../../../../events/fields.ts";
import type { Tokens } from "../engine.ts";

/** Of one SSE event: far more than any chunk of a completion has. */
const MAX_EVENT_CHARACTERS = 1_000_000;

/** A `chat.completion.chunk`: https://platform.openai.com/docs/api-reference/chat-streaming */
const chunkSchema = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z.looseObject({ content: z.string().nullish(), refusal: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .looseObject({
      prompt_tokens: count.nullish(),
      completion_tokens: count.nullish(),
      total_tokens: count.nullish(),
    })
    .nullish(),
  error: z.unknown().optional(),
});

export type CompletionPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "usage"; readonly tokens: Tokens }
  /** Why the model stopped: `stop`, `length`, `content_filter`, … */
  | { readonly type: "finish"; readonly reason: string };

/** A stream that is not a completion's; the message holds nothing of what was received. */
export class CompletionError extends Error {}

/**
 * Reads the stream of a completion to its `[DONE]`, or to its end.
 * @param read the next bytes, or undefined after the last.
 * @throws CompletionError, and whatever `read` throws.
 */
export async function* completionParts(
  read: () => Promise<Uint8Array | undefined>,
): AsyncGenerator<CompletionPart, void, undefined> {
  const decoder = new TextDecoder();
  const received: string[] = [];
  const parser = createParser({
    maxBufferSize: MAX_EVENT_CHARACTERS,
    onEvent: ({ data }) => void received.push(data),
    onError: ({ type }) => {
      // Fields that are not known are skipped, as the format says.
      if (type === "max-buffer-size-exceeded") throw new CompletionError("An event is too long.");
    },
  });
  for (;;) {
    const bytes = await read();
    if (bytes === undefined) return;
    parser.feed(decoder.decode(bytes, { stream: true }));
    for (const data of received.splice(0)) {
      if (data === "[DONE]") return;
      yield* partsOf(data);
    }
  }
}

function* partsOf(data: string): Generator<CompletionPart, void, undefined> {
  const { choices, usage, error } = parse(data);
  if (error !== undefined && error !== null) throw new CompletionError("The stream reports an error.");
  // One choice was asked for.
  const [choice] = choices ?? [];
  const text = `${choice?.delta?.content ?? ""}${choice?.delta?.refusal ?? ""}`;
  if (text !== "") yield { type: "text", text };
  if (choice?.finish_reason) yield { type: "finish", reason: choice.finish_reason };
  if (usage) {
    const { prompt_tokens: prompt, completion_tokens: completion, total_tokens: total } = usage;
    const counted = Object.entries({ prompt, completion, total }).filter(
      ([, tokens]) => typeof tokens === "number",
    );
    yield { type: "usage", tokens: Object.fromEntries(counted) };
  }
}

const parse = (data: string): z.output<typeof chunkSchema> => {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new CompletionError("An event is not JSON.");
  }
  const chunk = chunkSchema.safeParse(value);
  if (chunk.success) return chunk.data;
  const [issue] = chunk.error.issues;
  throw new CompletionError(`An event is not valid at ${issue?.path.join(".") || "its top"}.`);
};
