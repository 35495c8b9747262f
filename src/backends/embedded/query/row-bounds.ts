/**
 * Bounds how many rows a named part of a query gives, where its text says so: a plan does not tell that many rows become
 * few groups. Pure. A text that leaves any doubt bounds nothing.
 */
import { isTable, type Table } from "../dataset/schema.ts";
import { type Body, bodiesOf } from "./expansion.ts";
import { aliasOf, isWord, nameOf, type SqlToken } from "./sql-tokens.ts";
import { TABLE_SHAPES } from "./tables.ts";

/** How many values a column has, at most. */
export type DistinctValues = (table: Table, column: string) => number;

/** By name: a bound for all parts that have it, infinite where anything else may have the name. */
export const rowBounds = (
  tokens: readonly SqlToken[],
  distinct: DistinctValues,
): ReadonlyMap<string, number> => {
  const bodies = bodiesOf(tokens);
  const definitions = new Set(bodies.flatMap(({ name }) => name ?? []));
  const bounds = new Map<string, number>();
  for (const body of bodies) {
    const name = body.name ?? body.alias;
    if (name === undefined) continue;
    const bound = Math.min(limitOf(body), groupsOf(body, definitions, distinct));
    bounds.set(name, Math.max(bound, bounds.get(name) ?? 0));
  }
  for (const name of otherwiseGiven(tokens, definitions)) bounds.set(name, Number.POSITIVE_INFINITY);
  return bounds;
};

/** Names that something else has too: a table, a column, or tables joined in parentheses. */
const otherwiseGiven = (tokens: readonly SqlToken[], definitions: ReadonlySet<string>): Set<string> => {
  const given = new Set<string>();
  const selects: boolean[] = [];
  let before: "part" | "other" | undefined;
  for (const [index, token] of tokens.entries()) {
    if (isWord(token, "as")) continue;
    const name = aliasOf(token);
    if (name !== undefined && before === "other") given.add(name);
    if (token.text === "(") selects.push(isWord(tokens[index + 1], "select", "with", "values"));
    if (token.text === ")") before = selects.pop() === true ? "part" : "other";
    // What WITH defines is no alias, and nothing can be one of an alias.
    else if (name === undefined || isWord(token, "with", "recursive")) before = undefined;
    else before = definitions.has(name) ? "part" : "other";
  }
  return given;
};

/** Tokens that are in no parentheses, with where they stand. */
const outer = ({ tokens }: Body): { readonly token: SqlToken; readonly at: number }[] => {
  let depth = 0;
  return tokens.flatMap((token, at) => {
    if (token.text === "(") depth++;
    if (token.text === ")") depth--;
    return depth === 0 ? [{ token, at }] : [];
  });
};

/** `n` of a LIMIT n. */
const limitOf = (body: Body): number => {
  const { tokens } = body;
  const limit = outer(body).findLast(({ token }) => isWord(token, "limit"));
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  const [number, after] = tokens.slice(limit.at + 1);
  const alone = after === undefined || isWord(after, "offset");
  return number?.kind === "number" && alone && /^\d+$/.test(number.text)
    ? Number(number.text)
    : Number.POSITIVE_INFINITY;
};

const AGGREGATES = ["count", "sum", "avg", "total"];

/** Tables that the FROM of a SELECT names, given its tokens outside parentheses: an alias is none, whatever it is. */
const tablesOf = (words: readonly SqlToken[]): Table[] => {
  const from = words.findIndex((token) => isWord(token, "from"));
  const after = words.slice(from + 1);
  const end = after.findIndex((token) =>
    isWord(token, "where", "group", "having", "window", "order", "limit"),
  );
  return (end === -1 ? after : after.slice(0, end)).flatMap((token, index, all) => {
    const name = nameOf(token);
    const named = index === 0 || all[index - 1]?.text === "," || isWord(all[index - 1], "join");
    return named && name !== undefined && isTable(name) ? [name] : [];
  });
};

/**
 * Whether a SELECT begins with an aggregate of its own. One of nothing but columns of the query around it is that
 * query's: then the SELECT has as many rows as its tables.
 */
const isAggregate = (tokens: readonly SqlToken[], tables: readonly Table[]): boolean => {
  if (!isWord(tokens[1], ...AGGREGATES) || tokens[2]?.text !== "(") return false;
  const call = tokens.slice(
    3,
    tokens.findIndex(({ text }) => text === ")"),
  );
  if (call.length === 1 && call[0]?.text === "*") return true;
  return call.some((token, index) => {
    const name = token.kind === "word" ? token.value : undefined;
    const qualified = call[index - 1]?.text === "." || call[index + 1]?.text === ".";
    return !qualified && tables.some((table) => name !== undefined && TABLE_SHAPES[table].columns.has(name));
  });
};

/** Groups of a plain SELECT from tables by some of their columns; one if it has aggregates and no groups. */
const groupsOf = (body: Body, definitions: ReadonlySet<string>, distinct: DistinctValues): number => {
  const { tokens } = body;
  const plain =
    isWord(tokens[0], "select") &&
    tokens.filter((token) => isWord(token, "select", "values")).length === 1 &&
    !tokens.some((token) => definitions.has(nameOf(token) ?? "") || isWord(token, "over"));
  if (!plain) return Number.POSITIVE_INFINITY;
  const words = outer(body);
  const tables = tablesOf(words.map(({ token }) => token));
  const group = words.find(({ token }) => isWord(token, "group"));
  if (group === undefined) return isAggregate(tokens, tables) ? 1 : Number.POSITIVE_INFINITY;
  const end = words.find(
    ({ token, at }) => at > group.at && isWord(token, "having", "window", "order", "limit"),
  );
  const columns = tokens.slice(group.at + 2, end?.at);
  let groups = 1;
  for (const [index, token] of columns.entries()) {
    if (index % 2 === 1) {
      if (token.text !== ",") return Number.POSITIVE_INFINITY;
      continue;
    }
    const column = nameOf(token) ?? "";
    const holders = tables.filter((table) => TABLE_SHAPES[table].columns.has(column));
    if (holders.length === 0 || token.kind === "string") return Number.POSITIVE_INFINITY;
    // NULL is one more value where a join finds nothing.
    groups *= Math.max(...holders.map((table) => distinct(table, column))) + 1;
  }
  return groups;
};
