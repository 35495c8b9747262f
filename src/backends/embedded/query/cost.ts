/**
 * What a query costs at most, from SQLite's plan (`EXPLAIN QUERY PLAN`) and the sizes of the tables. Pure. SQLite gives
 * a Durable Object no way to interrupt a step, and the clock of a Durable Object stands still during one: so this bound
 * is what keeps a query short, and it errs on the high side. What it does not know it refuses.
 */
import { err, ok, type Result } from "../../../lib/result.ts";
import { isTable, type Table } from "../dataset/schema.ts";
import { type Alternatives, alternativesIn } from "./alternatives.ts";
import type { ProgramShape } from "./bytecode.ts";
import { MAX_RESULT_ROWS } from "./result-rows.ts";
import { rowBounds } from "./row-bounds.ts";
import { aliasOf, isWord, nameOf, type SqlToken } from "./sql-tokens.ts";
import { TABLE_SHAPES } from "./tables.ts";

/** A row of `EXPLAIN QUERY PLAN`. */
export interface PlanRow {
  readonly id: number;
  readonly parent: number;
  readonly detail: string;
}

/** Upper bounds. */
export interface TableSizes {
  rows(table: Table): number;
  largestGroup(table: Table, columns: readonly string[]): number;
  distinctValues(table: Table, column: string): number;
  longestText(table: Table): number;
}

export interface PlanCost {
  /** Rows that the query passes by, in all its loops. */
  readonly steps: number;
  /** Comparisons of its sorts and temporary indexes. */
  readonly comparisons: number;
  /** Rows that it keeps in temporary tables. */
  readonly kept: number;
  /** Rows of its result. */
  readonly rows: number;
}

/** To make a row into JSON. */
const UNITS_PER_RESULT_ROW = 300;

/** Arguments of a call that are counted with it, and what another one costs. */
const PLAIN_ARGUMENTS = 2;
const UNITS_PER_ARGUMENT = 30;

/** The cost; or the row of the plan that is not known here. `tokens`: those of the query. */
export const planCost = (
  plan: readonly PlanRow[],
  tokens: readonly SqlToken[],
  sizes: TableSizes,
): Result<PlanCost, string> => new Estimate(plan, tokens, sizes).cost();

/**
 * The work of a query in units, each up to about 10 ns: the instructions of its program, as if each ran for each row,
 * what its functions do with texts of up to `textBytes` and up to `mostArguments`, its sorts, and the rows that it gives.
 */
export const unitsOf = (
  { steps, comparisons, rows }: PlanCost,
  { instructions, concatenations, calls, keyColumns }: ProgramShape,
  textBytes: number,
  mostArguments: number,
): number => {
  // Each may be something that is done to a time.
  const perCall = Math.max(0, mostArguments - PLAIN_ARGUMENTS) * UNITS_PER_ARGUMENT;
  const perRow =
    instructions * (1 + textBytes / 1_000) +
    calls.plain * 10 +
    (concatenations + calls.text) * (20 + textBytes / 20) +
    (calls.text + calls.search) * perCall +
    calls.search * (20 + textBytes * 2 + textBytes ** 2 / 100);
  return (
    (steps + 1) * perRow +
    comparisons * (5 + keyColumns * (2 + textBytes / 200)) +
    Math.min(rows, MAX_RESULT_ROWS) * UNITS_PER_RESULT_ROW
  );
};

class Estimate {
  readonly #children = new Map<number, PlanRow[]>();
  readonly #sizes: TableSizes;
  /** What a name in the plan may stand for: an alias is the author's choice, and may be a table's name. */
  readonly #aliases = new Map<string, Set<string>>();
  /** Rows of the subqueries, by name. */
  readonly #subqueries = new Map<string, number>();
  /** What it takes to make the rows of the subqueries that are made while they are read, by name. */
  readonly #coroutines = new Map<string, PlanCost>();
  readonly #alternatives: Alternatives;
  readonly #tables: ReadonlySet<Table>;
  readonly #bounds: ReadonlyMap<string, number>;
  readonly #plan: readonly PlanRow[];
  readonly #counted = new Set<PlanRow>();
  #longestList = 0;
  #unknown: string | undefined;

  constructor(plan: readonly PlanRow[], tokens: readonly SqlToken[], sizes: TableSizes) {
    this.#plan = plan;
    this.#sizes = sizes;
    for (const row of plan) {
      this.#children.set(row.parent, [...(this.#children.get(row.parent) ?? []), row]);
    }
    this.#tables = new Set(tokens.flatMap((token) => tableOf(nameOf(token))));
    this.#readAliases(tokens);
    this.#alternatives = alternativesIn(tokens);
    this.#bounds = rowBounds(tokens, (table, column) => sizes.distinctValues(table, column));
  }

  cost(): Result<PlanCost, string> {
    // How long the list of IN (SELECT ...) is stands after the search that uses it.
    this.#level(0);
    const cost = this.#level(0);
    const passed = this.#plan.find((row) => !this.#counted.has(row));
    const unknown = this.#unknown ?? passed?.detail;
    return unknown === undefined ? ok(cost) : err(unknown);
  }

  /** The plan of one SELECT: its loops, in one another, and what is done in or after them. */
  #level(parent: number): PlanCost {
    let rows = 1;
    let sum = NOTHING;
    const perRow: PlanCost[] = [];
    let sorts = 0;
    for (const node of this.#children.get(parent) ?? []) {
      this.#counted.add(node);
      const { detail } = node;
      if (/^(SCAN|SEARCH) /.test(detail)) {
        // A co-routine does its work again each time the loops around it begin it anew.
        const again = this.#coroutineOf(detail);
        sum = add(sum, { steps: (rows - 1) * again.steps, comparisons: (rows - 1) * again.comparisons });
        rows *= this.#loop(detail);
        sum = add(sum, { steps: rows });
        // The index is made first, of the whole table.
        if (detail.includes("USING AUTOMATIC"))
          sum = add(sum, kept(this.#named(detail.slice("SEARCH ".length))));
      } else if (detail === "MULTI-INDEX OR") {
        let found = 0;
        for (const index of this.#children.get(node.id) ?? []) {
          this.#counted.add(index);
          found += this.#level(index.id).rows;
        }
        rows *= Math.max(1, found);
        sum = add(sum, { steps: rows, ...kept(rows) });
      } else if (/^(CO-ROUTINE|MATERIALIZE) /.test(detail)) {
        const inner = this.#level(node.id);
        const name = detail.replace(/^\S+ /, "").toLowerCase();
        const bounded = Math.min(inner.rows, this.#boundOf(name));
        if (detail.startsWith("CO-ROUTINE")) {
          this.#coroutines.set(name, largest([this.#coroutines.get(name) ?? NOTHING, inner]));
        }
        this.#subqueries.set(name, Math.max(bounded, this.#subqueries.get(name) ?? 0));
        sum = add(add(sum, inner), { kept: bounded });
      } else if (/^(COMPOUND QUERY|MERGE \([A-Z ]+\))$/.test(detail)) {
        const inner = this.#parts(node.id);
        rows *= Math.max(1, inner.rows);
        sum = add(add(sum, inner), kept(inner.rows));
      } else if (/^CORRELATED (SCALAR|LIST) SUBQUERY \d+$/.test(detail) || detail.startsWith("RIGHT-JOIN ")) {
        const inner = this.#level(node.id);
        this.#longestList = Math.max(this.#longestList, inner.rows);
        perRow.push(detail.includes("LIST") ? add(inner, kept(inner.rows)) : inner);
      } else if (/^(SCALAR|LIST) SUBQUERY \d+$/.test(detail)) {
        const inner = this.#level(node.id);
        this.#longestList = Math.max(this.#longestList, inner.rows);
        sum = add(add(sum, inner), kept(inner.rows));
      } else if (detail.startsWith("USE TEMP B-TREE FOR ")) {
        sorts++;
      } else if (/^(CREATE )?BLOOM FILTER( ON |$)/.test(detail)) {
        sum = add(sum, { steps: this.#everything() });
      } else if (!/^(REUSE (LIST )?SUBQUERY \d+|USING .* FOR IN-OPERATOR)$/.test(detail)) {
        this.#unknown ??= detail;
      }
    }
    for (const inner of perRow) {
      // What one round keeps is gone in the next.
      sum = add(sum, {
        steps: rows * (inner.steps + 1),
        comparisons: rows * inner.comparisons,
        kept: inner.kept,
      });
    }
    // No sorts of rows without a bound are no work, not an unknown amount.
    if (sorts > 0) sum = add(sum, { comparisons: sorts * sorting(rows), kept: sorts * rows });
    return { ...sum, rows };
  }

  /** Queries whose results are put together. */
  #parts(parent: number): PlanCost {
    let total = NOTHING;
    for (const node of this.#children.get(parent) ?? []) {
      this.#counted.add(node);
      const part = this.#level(node.id);
      total = { ...add(total, part), rows: total.rows + part.rows };
    }
    return total;
  }

  /** The work of the subquery that a loop walks through, if it may be one. */
  #coroutineOf(detail: string): PlanCost {
    const text = detail.replace(/^\S+ /, "");
    const names = this.#names(text);
    const found = names.flatMap((name) => this.#coroutines.get(name) ?? []);
    const unknown = names.length === 0 && !CONSTANT.test(text);
    return largest(unknown ? [...this.#coroutines.values()] : found);
  }

  /**
   * What the text of a subquery says of its rows: the most of what its name may be an alias of. Where one of these is
   * not known, or the name may be one that SQLite gave, nothing.
   */
  #boundOf(name: string): number {
    if (!/^[a-z_][a-z0-9_]*$/.test(name)) return Number.POSITIVE_INFINITY;
    const bounds = this.#namesOf(name).map((other) => {
      const bound = this.#bounds.get(other);
      // `WITH x` names x; where WITH is a name itself, it has a bound.
      return bound ?? (KEYWORDS_BEFORE_NAMES.has(other) && other !== name ? 0 : Number.POSITIVE_INFINITY);
    });
    return Math.max(...bounds);
  }

  /** How many rows a loop passes each time it is entered, at least 1. */
  #loop(detail: string): number {
    if (detail.startsWith("SCAN ")) return this.#named(detail.slice("SCAN ".length));
    const whole = this.#named(detail.slice("SEARCH ".length));
    const columns = equalColumns(detail);
    const tables = this.#candidates(detail.slice("SEARCH ".length)).filter((table) =>
      columns.every((column) => TABLE_SHAPES[table].columns.has(column)),
    );
    if (columns.length === 0 || tables.length === 0) return whole;
    const searches = this.#alternatives.combinations(columns, this.#everything());
    let most = 1;
    for (const table of tables) {
      const unique = TABLE_SHAPES[table].key.every((column) => columns.includes(column));
      // At least 1: what is not there is searched for all the same.
      const found = unique ? 1 : Math.max(1, this.#sizes.largestGroup(table, columns));
      most = Math.max(most, Math.min(this.#sizes.rows(table), found * searches));
    }
    return Math.min(whole, most) + (searches === 1 ? 0 : searches);
  }

  /** Rows of what a SCAN or SEARCH names, at least 1. */
  #named(text: string): number {
    const tables = this.#candidates(text).map((table) => this.#sizes.rows(table));
    const names = this.#names(text);
    const subqueries = names.flatMap((name) => this.#subqueries.get(name) ?? []);
    const constant = CONSTANT.exec(text);
    const constants = constant === null ? [] : [Number(constant[1] ?? constant[2] ?? 1)];
    const known = [...tables, ...subqueries, ...constants];
    return Math.max(1, known.length === 0 ? this.#everything() : Math.max(...known));
  }

  /** Tables that the text of a plan row may mean. */
  #candidates(text: string): Table[] {
    return [...new Set(this.#names(text).flatMap(tableOf))];
  }

  /** The names that the text may begin with, and all that they may be aliases of. */
  #names(text: string): string[] {
    const lower = text.toLowerCase();
    const all = new Set([...this.#aliases.keys(), ...this.#subqueries.keys(), ...this.#tables]);
    const begins = [...all].filter((name) => lower === name || lower.startsWith(`${name} `));
    return [...new Set(begins.flatMap((name) => this.#namesOf(name)))];
  }

  /** A name, and all that it may be an alias of. */
  #namesOf(name: string): string[] {
    const found = new Set([name]);
    // A set grows while it is walked through.
    for (const known of found) for (const other of this.#aliases.get(known) ?? []) found.add(other);
    return [...found];
  }

  /** Every name that stands after another, with or without AS, may be an alias of it. */
  #readAliases(tokens: readonly SqlToken[]): void {
    let before: string | undefined;
    const selects: boolean[] = [];
    for (const [index, token] of tokens.entries()) {
      if (token.text === "(") selects.push(isWord(tokens[index + 1], "select", "with", "values"));
      // `(trades) AS t` names the table, `(SELECT ... FROM trades) AS t` something new.
      if (token.text === ")") before = selects.pop() === true ? undefined : before;
      if (token.text === ")" || isWord(token, "as")) continue;
      const name = aliasOf(token);
      if (name !== undefined && before !== undefined) {
        this.#aliases.set(name, (this.#aliases.get(name) ?? new Set()).add(before));
      }
      before = name;
    }
  }

  /** Rows of the largest table, subquery or list there is. */
  #everything(): number {
    const tables = [...this.#tables].map((table) => this.#sizes.rows(table));
    return Math.max(1, this.#longestList, ...tables, ...this.#subqueries.values());
  }
}

const tableOf = (name: string | undefined): Table[] => (name !== undefined && isTable(name) ? [name] : []);

/** What a plan says of rows that are not in a table. */
const CONSTANT = /^(?:(\d+) CONSTANT ROWS|CONSTANT ROW|(\d+)-ROW VALUES CLAUSE)$/;

const NOTHING: PlanCost = { rows: 0, steps: 0, comparisons: 0, kept: 0 };

/** The work of both; the rows are the first one's. */
const add = (a: PlanCost, b: Partial<PlanCost>): PlanCost => ({
  rows: a.rows,
  steps: a.steps + (b.steps ?? 0),
  comparisons: a.comparisons + (b.comparisons ?? 0),
  kept: a.kept + (b.kept ?? 0),
});

/** As much of each as the one that has the most. */
const largest = (costs: readonly PlanCost[]): PlanCost => ({
  rows: Math.max(0, ...costs.map(({ rows }) => rows)),
  steps: Math.max(0, ...costs.map(({ steps }) => steps)),
  comparisons: Math.max(0, ...costs.map(({ comparisons }) => comparisons)),
  kept: Math.max(0, ...costs.map(({ kept }) => kept)),
});

/** The work of keeping rows in an order. */
const kept = (rows: number): Partial<PlanCost> => ({ comparisons: sorting(rows), kept: rows });

const sorting = (rows: number): number => rows * Math.ceil(Math.log2(rows + 1));

/** Keywords that a name of a common table expression may stand behind. */
const KEYWORDS_BEFORE_NAMES: ReadonlySet<string> = new Set(["with", "recursive"]);

/** The columns of an index that a SEARCH compares for equality; none if the text is not understood. */
const equalColumns = (detail: string): string[] => {
  const [, terms = ""] =
    / USING (?:COVERING )?(?:INDEX [a-z_]+|PRIMARY KEY) \(([^()]*)\)(?: LEFT-JOIN| EXISTS)?$/.exec(detail) ??
    [];
  return terms.split(" AND ").flatMap((term) => /^([a-z_]+)=\?$/.exec(term)?.[1] ?? []);
};
