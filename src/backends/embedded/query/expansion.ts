/**
 * Bounds what a query becomes before it runs. SQLite puts the body of a common table expression wherever it is named,
 * and the expression of a subquery's column wherever that is named, before it can be asked what the query costs: a
 * kilobyte of SQL may take it seconds and gigabytes. Pure; counts tokens, and rather too many than too few.
 */
import { isWord, nameOf, type SqlToken } from "./sql-tokens.ts";

/** About as many expressions SQLite takes 0.1 s to put in. */
const MAX_EXPANSION = 200_000;

/** A part of the query in parentheses that begins with SELECT, WITH or VALUES; the query itself is the first. */
export interface Body {
  readonly tokens: readonly SqlToken[];
  /** Of the common table expression that it defines. */
  readonly name: string | undefined;
  /** What stands behind it, with or without AS. */
  readonly alias: string | undefined;
}

/** Why the query is not handed to SQLite, for its author. */
export const expansionFault = (tokens: readonly SqlToken[]): string | undefined => {
  const bodies = bodiesOf(tokens);
  const definitions = definitionsOf(bodies);
  const sizes = new Map<string, number>();
  const open = new Set<string>();
  let recursive: string | undefined;
  const sizeOf = (body: Body): number => {
    let size = body.tokens.length;
    for (const [name, count] of mentions(body, definitions)) size += count * sizeOfName(name);
    return size;
  };
  const sizeOfName = (name: string): number => {
    if (open.has(name)) recursive = name;
    const known = open.has(name) ? 0 : sizes.get(name);
    if (known !== undefined) return known;
    open.add(name);
    const size = (definitions.get(name) ?? []).reduce((total, body) => total + sizeOf(body), 0);
    open.delete(name);
    sizes.set(name, size);
    return size;
  };
  const [whole] = bodies;
  const size = whole === undefined ? 0 : sizeOf(whole);
  if (recursive !== undefined) {
    return `WITH ${recursive.slice(0, 50)} uses its own name in its body. Recursive queries are not run: nothing tells in advance when they end.`;
  }
  return size > MAX_EXPANSION || columnGrowth(bodies) > MAX_EXPANSION
    ? "The query refers to its own parts too often. Write it with fewer parts nested in one another."
    : undefined;
};

export const bodiesOf = (tokens: readonly SqlToken[]): Body[] => {
  const bodies: Body[] = [{ tokens, name: undefined, alias: undefined }];
  const open: number[] = [];
  for (const [index, { text }] of tokens.entries()) {
    if (text === "(") open.push(index);
    if (text !== ")") continue;
    const start = open.pop();
    if (start === undefined || !isWord(tokens[start + 1], "select", "with", "values")) continue;
    let after = index + 1;
    while (tokens[after]?.text === ")" || isWord(tokens[after], "as")) after++;
    bodies.push({
      tokens: tokens.slice(start + 1, index),
      name: nameBefore(tokens, start),
      alias: nameOf(tokens[after]),
    });
  }
  return bodies;
};

/** `name` of `name [(columns)] AS [[NOT] MATERIALIZED] (`, the last parenthesis being at `open`. */
const nameBefore = (tokens: readonly SqlToken[], open: number): string | undefined => {
  let at = open - 1;
  while (isWord(tokens[at], "materialized", "not")) at--;
  if (!isWord(tokens[at], "as")) return undefined;
  at--;
  if (tokens[at]?.text === ")") {
    while (at >= 0 && tokens[at]?.text !== "(") at--;
    at--;
  }
  return nameOf(tokens[at]);
};

const definitionsOf = (bodies: readonly Body[]): Map<string, Body[]> => {
  const definitions = new Map<string, Body[]>();
  for (const body of bodies) {
    if (body.name === undefined) continue;
    definitions.set(body.name, [...(definitions.get(body.name) ?? []), body]);
  }
  return definitions;
};

/** How often a body names each definition. */
const mentions = ({ tokens }: Body, definitions: ReadonlyMap<string, unknown>): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const token of tokens) {
    const name = nameOf(token);
    if (name !== undefined && definitions.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
};

/** How many expressions one body may come to, each name in it being replaced by the widest column of all others. */
const columnGrowth = (bodies: readonly Body[]): number => {
  let product = 1;
  let most = 1;
  for (const { tokens } of bodies) {
    const widest = Math.max(1, widestColumn(tokens));
    product *= widest;
    most = Math.max(most, tokens.filter(isName).length / widest);
  }
  return product * most;
};

const isName = (token: SqlToken): boolean => token.kind === "word" || token.kind === "quoted";

/** Names in the widest column of the body's results. */
const widestColumn = (tokens: readonly SqlToken[]): number => {
  let widest = 0;
  let names = 0;
  let depth = 0;
  let inColumns = false;
  for (const token of tokens) {
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    const ends = depth === 0 && (token.text === "," || isWord(token, "select", "from"));
    if (ends) names = 0;
    if (depth === 0 && isWord(token, "select")) inColumns = true;
    else if (depth === 0 && isWord(token, "from")) inColumns = false;
    else if (inColumns && isName(token)) names++;
    widest = Math.max(widest, names);
  }
  return widest;
};
