/** The functions that queries may call. Pure. */

/**
 * What a call costs.
 * - `plain`: no more than any other step
 * - `text`: reads its texts once
 * - `search`: may read one text again for each character of another
 */
export type FunctionCost = "plain" | "text" | "search";

/**
 * Left out, besides what is not about data: what makes values of any size out of nothing (`zeroblob`, `randomblob`,
 * `printf`, `format`, `char`, `hex`), what gathers all rows in one value (`group_concat`, `json_group_array`), and what
 * tells of the engine (`sqlite_version`, `total_changes`, `sqlite_offset`). `replace` and `strftime` are bounded by
 * what `texts.ts` asks of their arguments.
 */
const BY_COST: Readonly<Record<FunctionCost, readonly string[]>> = {
  plain: [
    ...[
      "abs",
      "ceil",
      "ceiling",
      "exp",
      "floor",
      "ln",
      "log",
      "log10",
      "log2",
      "mod",
      "pow",
      "power",
      "round",
    ],
    ...["sign", "sqrt", "trunc", "coalesce", "ifnull", "iif", "if", "likelihood", "likely", "unlikely"],
    ...["count", "sum", "total", "avg", "row_number", "rank", "dense_rank", "percent_rank", "cume_dist"],
    ...["ntile", "lag", "lead", "first_value", "last_value", "nth_value", "typeof", "current_date"],
    ...["current_time", "current_timestamp"],
  ],
  text: [
    ...["min", "max", "nullif", "length", "octet_length", "unicode", "lower", "upper", "substr", "substring"],
    ...["date", "time", "datetime", "julianday", "unixepoch", "timediff", "strftime"],
  ],
  search: ["like", "glob", "instr", "trim", "ltrim", "rtrim", "replace"],
};

const COSTS: ReadonlyMap<string, FunctionCost> = new Map(
  (Object.keys(BY_COST) as FunctionCost[]).flatMap((cost) =>
    BY_COST[cost].map((name): [string, FunctionCost] => [name, cost]),
  ),
);

/** `undefined` for a function that queries may not call. */
export const functionCost = (name: string): FunctionCost | undefined => COSTS.get(name.toLowerCase());

export const FUNCTIONS: readonly string[] = [...COSTS.keys()].sort();
