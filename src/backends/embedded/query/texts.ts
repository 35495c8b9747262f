/**
 * Bounds the texts that a query makes: without recursion, and without functions that make long values out of nothing,
 * a text only grows by `||`, by what `replace` puts in, and by what `strftime` writes for a format. Pure.
 */
import { err, ok, type Result } from "../../../lib/result.ts";
import { functionCost } from "./functions.ts";
import { isWord, type SqlToken } from "./sql-tokens.ts";
import type { SqlParams } from "./statement.ts";

export interface TextGrowth {
  /** Bytes of the longest text in the query and its parameters, and of what `strftime` makes of it. */
  readonly longest: number;
  /** How many times as long `replace` may make a text, all its calls together. */
  readonly replaced: number;
  /** Parts that begin with SELECT or VALUES: a text passes each once at most. */
  readonly bodies: number;
}

/** SQLite in a Durable Object makes no longer ones. */
const MAX_TEXT_BYTES = 2_000_000;
/** A number, or a time, as text. */
const SHORTEST = 32;
/** `%J` becomes up to 18 characters. */
const STRFTIME_GROWTH = 10;
const UTF8_PER_CHAR = 3;

/** Or what is wrong with the query, for its author. */
export const textGrowth = (tokens: readonly SqlToken[], params: SqlParams): Result<TextGrowth, string> => {
  const given = Object.values(params).map((value) => (typeof value === "string" ? value.length : SHORTEST));
  const longestParameter = Math.max(0, ...given);
  const lengthOf = (token: SqlToken | undefined): number | undefined => {
    if (token?.kind === "parameter") return longestParameter * UTF8_PER_CHAR;
    return token?.kind === "string" ? token.value.length * UTF8_PER_CHAR : undefined;
  };
  let longest = SHORTEST;
  let replaced = 1;
  let bodies = 0;
  let formats = false;
  for (const [index, token] of tokens.entries()) {
    longest = Math.max(longest, lengthOf(token) ?? 0, token.kind === "blob" ? token.text.length : 0);
    if (isWord(token, "select", "values")) bodies++;
    const called = (token.kind === "word" || token.kind === "quoted") && tokens[index + 1]?.text === "(";
    if (!called) continue;
    const name = token.value.toLowerCase();
    const values = name === "replace" || name === "strftime" ? argumentsAt(tokens, index + 2) : [];
    if (name === "strftime") {
      formats = true;
      if (lengthOf(only(values[0])) === undefined) {
        return err("The format of strftime() must be a text in quotes or a parameter.");
      }
    }
    if (name === "replace") {
      const inserted = lengthOf(only(values[2]));
      if (lengthOf(only(values[1])) === undefined || inserted === undefined) {
        return err("The second and third argument of replace() must be texts in quotes or parameters.");
      }
      replaced *= Math.max(1, inserted);
    }
  }
  return ok({ longest: longest * (formats ? STRFTIME_GROWTH : 1), replaced, bodies: Math.max(1, bodies) });
};

/** Bytes of the longest text that the query can make, of texts of up to `stored` bytes. */
export const longestMade = (
  { longest, replaced, bodies }: TextGrowth,
  stored: number,
  concatenations: number,
): number => {
  // However the concatenations are spread over the parts, the product of what they allow is largest when evenly.
  const joined = (1 + concatenations / bodies) ** bodies;
  return Math.min(MAX_TEXT_BYTES, Math.max(longest, stored) * replaced * joined);
};

/** Arguments of the call of a function of texts or times that has the most. */
export const mostArguments = (tokens: readonly SqlToken[]): number => {
  let most = 0;
  for (const [index, token] of tokens.entries()) {
    const called = (token.kind === "word" || token.kind === "quoted") && tokens[index + 1]?.text === "(";
    const cost = called ? functionCost(token.value) : undefined;
    if (cost === "text" || cost === "search") most = Math.max(most, argumentsAt(tokens, index + 2).length);
  }
  return most;
};

const only = (tokens: readonly SqlToken[] | undefined): SqlToken | undefined =>
  tokens?.length === 1 ? tokens[0] : undefined;

/** The tokens of each argument of a call, `from` being after its opening parenthesis. */
const argumentsAt = (tokens: readonly SqlToken[], from: number): SqlToken[][] => {
  const found: SqlToken[][] = [[]];
  let depth = 0;
  for (const token of tokens.slice(from)) {
    if (token.text === "(") depth++;
    if (token.text === ")" && depth-- === 0) break;
    if (token.text === "," && depth === 0) found.push([]);
    else found.at(-1)?.push(token);
  }
  return found;
};
