import { isWord, type SqlToken } from "./sql-tokens.ts";

/** How many combinations of values the lists and alternatives of a query may come to. */
export const alternativesIn = (tokens: readonly SqlToken[]): number => {
  let combinations = 1;
  let ors = 1;
  for (const [index, token] of tokens.entries()) {
    if (isWord(token, "or")) ors++;
    if (!isWord(token, "in")) continue;
    combinations *=
      tokens[index + 1]?.text === "(" ? listLength(tokens, index + 2) : Number.POSITIVE_INFINITY;
  }
  return combinations * ors;
};

const listLength = (tokens: readonly SqlToken[], from: number): number => {
  if (isWord(tokens[from], "select", "with", "values")) return Number.POSITIVE_INFINITY;
  let depth = 0;
  let length = 1;
  for (const { text } of tokens.slice(from)) {
    if (text === "(") depth++;
    if (text === ")" && depth-- === 0) break;
    if (text === "," && depth === 0) length++;
  }
  return length;
};
