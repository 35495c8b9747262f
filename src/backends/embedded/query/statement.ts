/** What is checked of a query, and done to it, before SQLite sees it. Pure. */
import { err, ok, type Result } from "../../../lib/result.ts";
import { expansionFault } from "./expansion.ts";
import { isWord, type SqlToken, tokenize } from "./sql-tokens.ts";
import { tableReferences } from "./table-references.ts";
import { type TextGrowth, textGrowth } from "./texts.ts";

/** Characters of a query. */
export const MAX_SQL_CHARS = 20_000;
/** Tables of a query. SQLite takes up to 50 ms to plan a join of so many, and three times that for two more. */
export const MAX_TABLES = 10;
/** Parameters that SQLite binds in a Durable Object. */
const MAX_BINDINGS = 100;
export type SqlParams = readonly SqlParam[] | Readonly<Record<string, SqlParam>>;
export type SqlParam = string | number | boolean | null;

/** One statement that reads, its parameters numbered from 1 in the order of `bindings`. */
export interface Statement {
  readonly sql: string;
  readonly bindings: readonly (string | number | null)[];
  readonly tokens: readonly SqlToken[];
  readonly texts: TextGrowth;
}

/** The statement, or what is wrong with it, for its author. */
export const readStatement = (sql: string, params: SqlParams = []): Result<Statement, string> => {
  if (sql.length > MAX_SQL_CHARS) return err(`The SQL is longer than ${MAX_SQL_CHARS} characters.`);
  const read = tokenize(sql);
  if (!read.ok) return read;
  const tokens = withoutEnd(read.value);
  const fault = faultOf(tokens);
  if (fault !== undefined) return err(fault);
  const texts = textGrowth(tokens, params);
  if (!texts.ok) return texts;
  const bound = bind(sql, tokens, params);
  return bound.ok ? ok({ ...bound.value, tokens, texts: texts.value }) : bound;
};

const withoutEnd = (tokens: readonly SqlToken[]): readonly SqlToken[] =>
  tokens.at(-1)?.text === ";" ? tokens.slice(0, -1) : tokens;

const faultOf = (tokens: readonly SqlToken[]): string | undefined => {
  if (!isWord(tokens[0], "select", "with", "values")) {
    return "Send one SELECT (or WITH ... SELECT, or VALUES): a query reads, nothing else is run.";
  }
  if (tokens.some(({ text }) => text === ";")) return "Send one statement: nothing may follow a semicolon.";
  if (tokens.some((token) => isWord(token, "exclude"))) {
    return "Window frames with EXCLUDE are not run: they read the whole partition again for each row.";
  }
  const fault = expansionFault(tokens);
  if (fault !== undefined) return fault;
  return tableReferences(tokens) > MAX_TABLES
    ? `The query names more than ${MAX_TABLES} tables, those of its WITH counted each time they are used. Ask for it in several queries.`
    : undefined;
};

type Bound = Pick<Statement, "sql" | "bindings">;

/** Numbers are bound as REAL and booleans as text where nothing is done about it: the cast makes them integers. */
const bind = (sql: string, tokens: readonly SqlToken[], params: SqlParams): Result<Bound, string> => {
  const named = namedValues(params);
  const bindings: (string | number | null)[] = [];
  const places = new Map<string, number>();
  const used = new Set<string>();
  let rewritten = "";
  let copied = 0;
  let largest = 0;
  for (const token of tokens) {
    if (token.kind !== "parameter") continue;
    let name = token.text;
    if (name.startsWith("?")) {
      // A `?` is one more than the largest number so far.
      const number = name === "?" ? largest + 1 : Number(name.slice(1));
      largest = Math.max(largest, number);
      name = String(number);
    }
    const found = lookUp(named, name);
    if (found === undefined) return err(missing(token.text, Array.isArray(params)));
    used.add(found.key);
    let place = places.get(name);
    if (place === undefined) {
      const { value } = found;
      bindings.push(typeof value === "boolean" ? Number(value) : value);
      place = bindings.length;
      places.set(name, place);
    }
    rewritten += sql.slice(copied, token.at) + placeholder(place, found.value);
    copied = token.at + token.text.length;
  }
  if (bindings.length > MAX_BINDINGS) return err(`At most ${MAX_BINDINGS} parameters can be bound.`);
  const unused = [...named.keys()].find((key) => !used.has(key));
  if (unused !== undefined)
    return err(`The SQL has no parameter for ${describe(unused, Array.isArray(params))}.`);
  const last = tokens.at(-1);
  const end = last === undefined ? copied : last.at + last.text.length;
  return ok({ sql: rewritten + sql.slice(copied, end), bindings });
};

/** The plus takes away the affinity of a cast, so that the value compares as a literal would. */
const placeholder = (place: number, value: SqlParam): string =>
  typeof value === "boolean" || Number.isSafeInteger(value) ? `(+CAST(?${place} AS INTEGER))` : `?${place}`;

const namedValues = (params: SqlParams): ReadonlyMap<string, SqlParam> =>
  Array.isArray(params)
    ? new Map(params.map((value: SqlParam, index) => [String(index + 1), value]))
    : new Map(Object.entries(params).filter(([name]) => !/^[0-9]*$/.test(name)));

/** Names may come with the sign that they have in the SQL, or without. */
const lookUp = (
  named: ReadonlyMap<string, SqlParam>,
  name: string,
): { readonly key: string; readonly value: SqlParam } | undefined => {
  for (const key of /^[0-9]/.test(name) ? [name] : [name, name.slice(1)]) {
    const value = named.get(key);
    if (value !== undefined) return { key, value };
  }
  return undefined;
};

const missing = (text: string, positional: boolean): string =>
  text.startsWith("?") === positional
    ? `The SQL has the parameter ${text}, and params has no value for it.`
    : `The SQL has the parameter ${text}: send params as ${positional ? "an object of named values" : "an array"}.`;

const describe = (key: string, positional: boolean): string =>
  positional ? `value ${key} of params` : `${JSON.stringify(key.slice(0, 50))} of params`;
