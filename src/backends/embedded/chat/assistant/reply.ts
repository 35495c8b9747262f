/** What the assistant says. Pure. */
import { figure } from "./phrases.ts";
import type { Select } from "./selects.ts";
import type { Row } from "./trade-reply.ts";

/** What is said, and what was run for it. */
export interface Reply {
  /** Sentences, or lines that begin with a line break. */
  readonly sentences: readonly string[];
  readonly selects: readonly Select[];
}

/** Runs a SELECT. */
export type Rows = (select: Select) => Promise<readonly Row[]>;

/** What transfers were worth, as far as that is known, and whether they took place. */
export const worth = ({ transfers, with_usd, usd, synthetic }: Row): string => {
  if (transfers === 0) return "";
  const known =
    with_usd === transfers
      ? "Together worth"
      : `Those whose value is known (${figure(with_usd)}) are together worth`;
  const value = with_usd === 0 ? "What that was worth in USD is not known." : `${known} ${figure(usd)} USD.`;
  if (synthetic === 0) return value;
  const which = synthetic === transfers ? "All of that" : `Of that, ${figure(synthetic)}`;
  return `${value} ${which} is synthetic: made up, as the hashes say.`;
};

/** Said after a list that may go on. */
export const more = (rows: readonly Row[], limit: number): readonly string[] =>
  rows.length < limit ? [] : [`\nThese are the first ${limit}; there may be more.`];

/** The source of labels, and its date if that is known. */
export const sourced = ({ source, as_of }: Row): string =>
  `${source || "not named"}, ${as_of ? `as of ${as_of}` : "of no known date"}`;
