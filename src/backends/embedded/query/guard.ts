/** Decides whether a query is run, before it is: what it is, what it touches, what it may cost. */
import type { ErrorEnvelope } from "../../../events/envelope.ts";
import { err, ok, type Result } from "../../../lib/result.ts";
import { isTable, TABLES } from "../dataset/schema.ts";
import { authorize, type Instruction, type Refused } from "./bytecode.ts";
import { type PlanRow, planCost, type TableSizes, unitsOf } from "./cost.ts";
import { FUNCTIONS } from "./functions.ts";
import { nameOf } from "./sql-tokens.ts";
import { readStatement, type SqlParams, type Statement } from "./statement.ts";
import { allRows, type QuerySql } from "./storage.ts";
import { TABLE_SHAPES } from "./tables.ts";
import { longestMade, mostArguments } from "./texts.ts";

/** Rows that a query may pass by. */
export const MAX_STEPS = 20_000_000;
/** What a query may cost, as `unitsOf` counts: up to 3 s by what was measured, mostly less than one. */
export const MAX_UNITS = 500_000_000;
/** Rows that a query may sort or keep while it runs. */
export const MAX_KEPT = 2_000_000;

/** A query that may run. */
export interface Admitted {
  readonly statement: Statement;
  /** What it costs at most, as `unitsOf` counts. */
  readonly units: number;
  readonly steps: number;
}

export interface GuardDeps {
  readonly sql: QuerySql;
  readonly sizes: TableSizes;
}

export const admit = (
  text: string,
  params: SqlParams | undefined,
  { sql, sizes }: GuardDeps,
): Result<Admitted, ErrorEnvelope> => {
  const read = readStatement(text, params);
  if (!read.ok) return invalid(read.error);
  const statement = read.value;
  let program: Instruction[];
  let plan: PlanRow[];
  try {
    program = explain(sql, statement);
    plan = explainPlan(sql, statement);
  } catch (error) {
    return err(sqlError(error, statement));
  }
  const authorized = authorize(program, readableRoots(sql));
  if (!authorized.ok) return err(refusal(authorized.error));
  const cost = planCost(plan, statement.tokens, sizes);
  if (!cost.ok)
    return invalid(
      "SQLite would run this query in a way whose cost is not known here. Write it differently.",
    );
  const shape = authorized.value;
  const makesText = shape.concatenations + shape.calls.text + shape.calls.search > 0;
  const stored = makesText ? longestStored(statement, sizes) : 0;
  const textBytes = longestMade(statement.texts, stored, shape.concatenations);
  const units = unitsOf(cost.value, shape, textBytes, mostArguments(statement.tokens));
  const { steps, kept } = cost.value;
  // Bounds may be infinite, and what comes of infinite ones no number at all.
  if (!(kept <= MAX_KEPT)) {
    return invalid(
      `The query may have to sort or keep ${count(kept)} rows; the limit is ${count(MAX_KEPT)}. Read fewer rows: compare columns of an index in WHERE and in joins.`,
    );
  }
  if (!(steps <= MAX_STEPS && units <= MAX_UNITS)) {
    return invalid(
      `The query may cost too much: it may read ${count(steps)} rows, ${count(units / MAX_UNITS)} times the work that is allowed. ${ADVICE}`,
    );
  }
  return ok({ statement, units, steps });
};

const ADVICE =
  "Compare columns of an index with = in WHERE and in joins: symbol and timestamp of trades and bars, chain, from_address, to_address, hash and timestamp of transfers, chain and address of address_labels.";

const explain = (sql: QuerySql, { sql: text, bindings }: Statement): Instruction[] =>
  allRows(sql, `EXPLAIN ${text}`, ...bindings).map(([, opcode, p1, p2, p3, p4, p5]) => ({
    opcode: String(opcode),
    p1: Number(p1),
    p2: Number(p2),
    p3: Number(p3),
    p4: typeof p4 === "string" ? p4 : null,
    p5: Number(p5),
  }));

const explainPlan = (sql: QuerySql, { sql: text, bindings }: Statement): PlanRow[] =>
  allRows(sql, `EXPLAIN QUERY PLAN ${text}`, ...bindings).map(([id, parent, , detail]) => ({
    id: Number(id),
    parent: Number(parent),
    detail: String(detail),
  }));

/** The first pages of the application's tables and their indexes. */
const readableRoots = (sql: QuerySql): ReadonlySet<number> =>
  new Set(
    allRows(sql, "SELECT tbl_name, rootpage FROM sqlite_master WHERE type IN ('table', 'index')")
      .filter(([table]) => isTable(String(table)))
      .map(([, root]) => Number(root)),
  );

const longestStored = ({ tokens }: Statement, sizes: TableSizes): number => {
  const named = new Set(tokens.map(nameOf));
  return Math.max(0, ...TABLES.filter((table) => named.has(table)).map((table) => sizes.longestText(table)));
};

/** What SQLite says of a query that it does not take, for its author. */
export const sqlError = (error: unknown, { tokens }: Pick<Statement, "tokens">): ErrorEnvelope => {
  const said = error instanceof Error ? error.message : "";
  // SQLite counts the characters of what it was given, which is not what was sent.
  const text = said
    .replace(/: SQLITE_[A-Z_]+$/, "")
    .replace(/ at offset \d+/, "")
    .slice(0, 300);
  const [, what, name = ""] = /^no such (table|column): (.*)$/.exec(text) ?? [];
  if (what === "table") return noTable(` named ${name}`);
  if (what === "column") {
    const named = new Set(tokens.map(nameOf));
    const tables = TABLES.filter((table) => named.has(table));
    const columns = tables.map(
      (table) => `${table} has ${[...TABLE_SHAPES[table].columns.keys()].join(", ")}`,
    );
    return {
      code: "NOT_FOUND",
      message: `There is no column named ${name}. ${columns.join("; ") || `The tables are ${TABLES.join(", ")}`}.`,
    };
  }
  const [, unknown] =
    /no such function: (.*)$/.exec(text) ?? /not authorized to use function: (.*)$/.exec(text) ?? [];
  if (unknown !== undefined) return refusal({ reason: "function", name: unknown });
  if (/not authorized|prohibited/.test(text)) return noTable(" with such a name");
  return { code: "VALIDATION_FAILED", message: `SQLite does not run this: ${text || "it gives no reason"}.` };
};

const refusal = (refused: Refused): ErrorEnvelope => {
  switch (refused.reason) {
    case "writes":
      return validation("A query reads, nothing else is run: send one SELECT that changes nothing.");
    case "table":
      return noTable(" among the application's data that this query reads");
    case "function":
      return validation(
        `The function ${refused.name.slice(0, 50)}() cannot be called here. These can: ${FUNCTIONS.join(", ")}.`,
      );
    case "instruction":
      return validation(
        "The query reads something else than tables, or in a way that is not allowed here: virtual tables, PRAGMAs and schemas cannot be read.",
      );
    default:
      return refused satisfies never;
  }
};

const noTable = (which: string): ErrorEnvelope => ({
  code: "NOT_FOUND",
  message: `There is no table${which}. The tables are ${TABLES.join(", ")}.`,
});

const validation = (message: string): ErrorEnvelope => ({ code: "VALIDATION_FAILED", message });

const invalid = (message: string) => err(validation(message));

/** Upper bounds of huge plans have no digits worth reading. */
const count = (n: number): string =>
  !(n < 1e12) ? "more than a trillion" : Math.ceil(n).toLocaleString("en-US");
