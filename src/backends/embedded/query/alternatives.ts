import { isWord, nameOf, type SqlToken } from "./sql-tokens.ts";

/** The lists of values that a query compares columns with; a search may be done for each value. */
export interface Alternatives {
  /** How many combinations of values a search by these columns may be done for. */
  combinations(columns: readonly string[], unknownLength: number): number;
}

interface List {
  /** What it is compared with, where that is certain: else it may be any column. */
  readonly column: string | undefined;
  /** `undefined`: that of a SELECT or table. */
  readonly length: number | undefined;
}

export const alternativesIn = (tokens: readonly SqlToken[]): Alternatives => {
  const lists: List[] = [];
  let ors = 1;
  for (const [index, token] of tokens.entries()) {
    if (isWord(token, "or")) ors++;
    if (!isWord(token, "in")) continue;
    const column = nameOf(tokens[index - 1]);
    lists.push({
      column: column === undefined || mayBeAlias(tokens, column) ? undefined : column,
      length: tokens[index + 1]?.text === "(" ? listLength(tokens, index + 2) : undefined,
    });
  }
  return {
    combinations: (columns, unknownLength) => {
      let product = 1;
      // SQLite makes a list of `a = 1 OR a = 2`; of several lists for one column it uses one.
      const anywhere: number[] = [];
      for (const { column, length = unknownLength } of lists) if (column === undefined) anywhere.push(length);
      anywhere.sort((a, b) => a - b);
      for (const name of columns) {
        const own = lists.flatMap(({ column, length = unknownLength }) => (column === name ? [length] : []));
        product *= Math.max(1, ors, ...own) * Math.max(1, anywhere.pop() ?? 1);
      }
      return product;
    },
  };
};

const BEFORE_COLUMNS = [
  ...[
    "select",
    "distinct",
    "where",
    "on",
    "and",
    "or",
    "not",
    "by",
    "having",
    "case",
    "when",
    "then",
    "else",
  ],
  ...["between", "in"],
];

/** Whether the author may have given a name to something else: by AS or without, or in `WITH x (names) AS (`. */
const mayBeAlias = (tokens: readonly SqlToken[], name: string): boolean =>
  tokens.some((token, index) => {
    const before = tokens[index - 1];
    if (token.text === ")" && isWord(tokens[index + 1], "as") && isWith(tokens)) return true;
    const usual = (before?.kind === "operator" && before.text !== ")") || isWord(before, ...BEFORE_COLUMNS);
    return nameOf(token) === name && !usual;
  });

const isWith = (tokens: readonly SqlToken[]): boolean => tokens.some((token) => isWord(token, "with"));

const listLength = (tokens: readonly SqlToken[], from: number): number | undefined => {
  if (isWord(tokens[from], "select", "with", "values")) return undefined;
  let depth = 0;
  let length = 1;
  for (const { text } of tokens.slice(from)) {
    if (text === "(") depth++;
    if (text === ")" && depth-- === 0) break;
    if (text === "," && depth === 0) length++;
  }
  return length;
};
