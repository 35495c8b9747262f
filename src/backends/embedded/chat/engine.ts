/** What answers the messages of a conversation. Two things implement it: `openai/` and `assistant/`. Pure. */
import type { ErrorEnvelope } from "../../../events/envelope.ts";

/** A message and its whole answer. */
export interface Turn {
  readonly message: string;
  /** The JSON of the `context` that came with the message; empty without one. */
  readonly context: string;
  /** When the message came, in ms since the epoch. */
  readonly at: number;
  readonly answer: string;
}

export interface ChatQuestion extends Omit<Turn, "answer"> {
  /** What was said before, oldest first. */
  readonly history: readonly Turn[];
  readonly applicationId: string;
  readonly userId: string;
}

/** What was counted, and nothing else: empty where nobody counted. */
export interface Tokens {
  readonly prompt?: number;
  readonly completion?: number;
  readonly total?: number;
}

/**
 * - `delta`: text to append to the answer
 * - `done`: the answer is whole; `sql` is the SELECT that its figures come from. The last part
 * - `failed`: there is no answer, or no more of it. The last part
 */
export type ChatPart =
  | { readonly type: "delta"; readonly text: string }
  | { readonly type: "done"; readonly tokens: Tokens; readonly sql?: string }
  | { readonly type: "failed"; readonly error: ErrorEnvelope };

export interface ChatEngine {
  /** Answers. When `signal` aborts, it lets go of what it holds and fails, soon. */
  answer(question: ChatQuestion, signal: AbortSignal): AsyncIterable<ChatPart>;
}
