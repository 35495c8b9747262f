/**
 * The lexical grammar of SQLite: <https://sqlite.org/src/file/src/tokenize.c>. Pure. Where SQLite is lenient (a comment
 * that nothing ends, `#` registers, `$a(b)` and `$a::b`), this is not: what it refuses, SQLite never sees.
 */
import { err, ok, type Result } from "../../../lib/result.ts";

export interface SqlToken {
  /** `word`: an identifier or keyword as it stands; `quoted`: an identifier in `"`, `[` or a backtick. */
  readonly kind: "word" | "quoted" | "string" | "number" | "blob" | "parameter" | "operator";
  /** As written. */
  readonly text: string;
  /** What it says: without quotes; words in lower case. */
  readonly value: string;
  /** Where it begins in the SQL, in UTF-16 units. */
  readonly at: number;
}

const SPACE = /[ \t\n\f\r\uFEFF]/;
// Everything outside ASCII counts as a letter.
const WORD = /[A-Za-z_\u0080-\u{10FFFF}][A-Za-z0-9_$\u0080-\u{10FFFF}]*/uy;
const NUMBER = /0[xX][0-9A-Fa-f]+|(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?/y;
const AFTER_NUMBER = /[A-Za-z0-9_$\u0080-\uFFFF]/;
const BLOB = /[xX]'(?:[0-9A-Fa-f]{2})*'/y;
const PARAMETER = /\?[0-9]*|[:@$][A-Za-z0-9_$\u0080-\uFFFF]+/y;
const OPERATOR = /->>|->|\|\||<<|>>|<=|>=|<>|==|!=|[-+*/%=<>|&~(),.;]/y;
const CLOSING: Readonly<Record<string, string>> = { "'": "'", '"': '"', "`": "`", "[": "]" };

const matchAt = (pattern: RegExp, sql: string, at: number): string | undefined => {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
};

/** Where the whitespace or comment at `at` ends; `at` if there is none; `undefined` if nothing ends the comment. */
const skip = (sql: string, at: number): number | undefined => {
  if (SPACE.test(sql.charAt(at))) return at + 1;
  if (sql.startsWith("--", at)) {
    const end = sql.indexOf("\n", at);
    return end === -1 ? sql.length : end + 1;
  }
  if (sql.startsWith("/*", at)) {
    // `/*/` does not end itself.
    const end = sql.indexOf("*/", at + 2);
    return end === -1 ? undefined : end + 2;
  }
  return at;
};

/** The text in quotes at `at`, the quotes with it; a doubled quote stands for one, except in brackets. */
const quotedAt = (sql: string, at: number, close: string): string | undefined => {
  for (let end = at + 1; end < sql.length; end++) {
    if (sql[end] !== close) continue;
    if (close === "]" || sql[end + 1] !== close) return sql.slice(at, end + 1);
    end++;
  }
  return undefined;
};

const quoted = (text: string, close: string, at: number): SqlToken => {
  const inner = text.slice(1, -1);
  return {
    kind: close === "'" ? "string" : "quoted",
    text,
    value: close === "]" ? inner : inner.replaceAll(close + close, close),
    at,
  };
};

const PATTERNS: readonly (readonly [SqlToken["kind"], RegExp])[] = [
  ["blob", BLOB],
  ["word", WORD],
  ["number", NUMBER],
  ["parameter", PARAMETER],
  ["operator", OPERATOR],
];

/** The tokens of a text, without whitespace and comments; or what is wrong with it, for its author. */
export const tokenize = (sql: string): Result<SqlToken[], string> => {
  const tokens: SqlToken[] = [];
  // SQLite would stop there.
  if (sql.includes("\0")) return err("The SQL contains a NUL character.");
  for (let at = 0; at < sql.length; ) {
    const next = skip(sql, at);
    if (next === undefined) return err("A comment that /* begins is not ended by */.");
    if (next !== at) {
      at = next;
      continue;
    }
    const token = tokenAt(sql, at);
    if (!token.ok) return token;
    tokens.push(token.value);
    at += token.value.text.length;
  }
  return ok(tokens);
};

const tokenAt = (sql: string, at: number): Result<SqlToken, string> => {
  const close = CLOSING[sql.charAt(at)];
  if (close !== undefined) {
    const text = quotedAt(sql, at, close);
    return text === undefined
      ? err(`The text that begins with ${sql[at]} at character ${at + 1} is not ended by ${close}.`)
      : ok(quoted(text, close, at));
  }
  for (const [kind, pattern] of PATTERNS) {
    const text = matchAt(pattern, sql, at);
    if (text === undefined) continue;
    const after = sql.slice(at + text.length, at + text.length + 2);
    if (kind === "word" && /^x$/i.test(text) && after.startsWith("'")) break;
    if (kind === "number" && AFTER_NUMBER.test(after.charAt(0))) break;
    if (kind === "parameter" && text.charAt(0) !== "?" && (after.startsWith("(") || after === "::")) break;
    return ok({ kind, text, value: kind === "word" ? text.toLowerCase() : text, at });
  }
  return err(`SQLite has no token that begins as at character ${at + 1}.`);
};

/** Whether a token is one of these keywords, which are in lower case. */
export const isWord = (token: SqlToken | undefined, ...words: string[]): boolean =>
  token?.kind === "word" && words.includes(token.value);

/** The name that a token may be, in lower case: SQLite takes even strings for names where nothing else fits. */
export const nameOf = (token: SqlToken | undefined): string | undefined =>
  token?.kind === "word" || token?.kind === "quoted" || token?.kind === "string"
    ? token.value.toLowerCase()
    : undefined;

/** Words that SQLite never takes for a name. */
const RESERVED = [
  ...[
    "all",
    "and",
    "between",
    "case",
    "distinct",
    "else",
    "exists",
    "from",
    "group",
    "having",
    "in",
    "is",
    "join",
  ],
  ...["limit", "not", "on", "or", "order", "select", "then", "union", "using", "values", "when", "where"],
];

/** The name that a token is where a table may be given one. */
export const aliasOf = (token: SqlToken | undefined): string | undefined =>
  isWord(token, ...RESERVED) ? undefined : nameOf(token);
