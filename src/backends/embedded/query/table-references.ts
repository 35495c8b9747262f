/**
 * Counts the tables that a query reads, each as often as it is named: SQLite takes the longer to find the order of a
 * join the more there are, before it can be asked what the query costs. Pure; counts rather too many than too few.
 */
import { type Body, bodiesOf } from "./expansion.ts";
import { isWord, nameOf, type SqlToken } from "./sql-tokens.ts";

/** What a query names where tables stand; a common table expression counts as what it names, each time it is named. */
export const tableReferences = (tokens: readonly SqlToken[]): number => {
  const definitions = new Map<string, Body[]>();
  for (const body of bodiesOf(tokens)) {
    if (body.name !== undefined) definitions.set(body.name, [...(definitions.get(body.name) ?? []), body]);
  }
  const counts = new Map<string, number>();
  const countOf = (part: readonly SqlToken[]): number => {
    let count = 0;
    for (const name of namesIn(part)) count += Math.max(1, name === undefined ? 1 : countOfName(name));
    return count;
  };
  const countOfName = (name: string): number => {
    const known = counts.get(name);
    if (known !== undefined) return known;
    // Of what names itself, which is refused elsewhere.
    counts.set(name, 0);
    const count = (definitions.get(name) ?? []).reduce((total, { tokens }) => total + countOf(tokens), 0);
    counts.set(name, count);
    return count;
  };
  return countOf(tokens);
};

/** After these, commas separate no tables any more. */
const ENDS_FROM = [
  ...["where", "group", "having", "order", "limit", "union", "except", "intersect", "select", "values"],
];

/** What stands where a table may: its name, or `undefined` for a part in parentheses. */
const namesIn = (tokens: readonly SqlToken[]): (string | undefined)[] => {
  const names: (string | undefined)[] = [];
  /** Whether the tokens here, and around each open parenthesis, are in a FROM. */
  let inFrom = false;
  const around: boolean[] = [];
  for (const [index, token] of tokens.entries()) {
    const before = tokens[index - 1];
    if (token.text === "(") {
      around.push(inFrom);
      if (isWord(tokens[index + 1], "select", "with", "values") || isWord(before, "using", "in"))
        inFrom = false;
    } else if (token.text === ")") inFrom = around.pop() ?? false;
    else if (isWord(token, ...ENDS_FROM)) inFrom = false;
    // `IS DISTINCT FROM` compares.
    else if (isWord(token, "from") && !isWord(before, "distinct")) inFrom = true;
    const begins = isWord(token, "from", "join") || token.text === "," || token.text === "(";
    const opens = tokens[index + 1]?.text === "(";
    const select = opens && isWord(tokens[index + 2], "select", "with", "values");
    if ((inFrom && begins && (select || !opens)) || (isWord(token, "in") && !opens)) {
      names.push(nameAt(tokens, index + 1));
    }
  }
  return names;
};

/** The last part of a name at `at`, which may have that of the schema before it. */
const nameAt = (tokens: readonly SqlToken[], at: number): string | undefined =>
  tokens[at + 1]?.text === "." ? nameOf(tokens[at + 2]) : nameOf(tokens[at]);
