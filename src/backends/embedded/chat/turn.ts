/** How much of a turn is kept. Pure. */
import type { Turn } from "./engine.ts";

/** Of all turns of a conversation together, in UTF-16 code units: messages, contexts and answers. */
export const MAX_CHARACTERS = 64_000;

/** Stands where a message or an answer was cut. */
export const CUT = "\n\n(The rest is not kept: it is too long.)";

/** Stands for a context that was left out: half of one would be no JSON. */
export const LEFT_OUT = JSON.stringify("(The context is not kept: it is too long.)");

export const charactersOf = ({ message, context, answer }: Turn): number =>
  message.length + context.length + answer.length;

/** A turn that fits a conversation by itself: half is for the message with its context, the rest for the answer. */
export const fitted = (turn: Turn): Turn => {
  if (charactersOf(turn) <= MAX_CHARACTERS) return turn;
  const half = MAX_CHARACTERS / 2;
  const fits = turn.message.length + turn.context.length <= half;
  const context = fits || turn.context === "" ? turn.context : LEFT_OUT;
  const message = cut(turn.message, half - context.length);
  const answer = cut(turn.answer, MAX_CHARACTERS - message.length - context.length);
  return { ...turn, message, context, answer };
};

/** Half a character at the cut becomes the replacement character. */
const cut = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - CUT.length).toWellFormed()}${CUT}`;
