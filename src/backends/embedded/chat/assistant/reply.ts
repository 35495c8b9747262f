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

/** What transfers were worth, as far as that is known. */
export const worth = ({ transfers, with_usd, usd }: Row): string => {
  if (with_usd === 0) return transfers === 0 ? "" : "What that was worth in USD is not known.";
  const known =
    with_usd === transfers
      ? "Together worth"
      : `Those whose value is known (${figure(with_usd)}) are together worth`;
  return `${known} ${figure(usd)} USD.`;
};

/** Said after a list that may go on. */
export const more = (rows: readonly Row[], limit: number): readonly string[] =>
  rows.length < limit ? [] : [`\nThese are the first ${limit}; there may be more.`];
