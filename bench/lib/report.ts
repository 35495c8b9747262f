import type { Goal } from "../scenarios/scenario.ts";
import { formatSpread, spreadOf } from "./stats.ts";
import { formatTable } from "./table.ts";

export type Format = (value: number) => string;

export const decimals =
  (digits: number): Format =>
  (value) =>
    value.toFixed(digits);
export const thousands: Format = (value) => `${(value / 1_000).toFixed(1)}k`;
export const megabytes: Format = (bytes) => (bytes / 1e6).toFixed(0);
export const percent: Format = (share) => `${Math.round(share * 100)}%`;
/** 1,000 for 1000, whatever the machine's language. */
export const count: Format = (value) => value.toLocaleString("en-US");

/** What every measurement says of itself. */
export interface Measured {
  readonly round: number;
  /** The server's name, or another name of what is compared. */
  readonly contender: string;
}

/** The median and how far the rest lay, or the only value; a dash for what this platform does not tell. */
export const cell = (values: readonly (number | undefined)[], format: Format): string => {
  const known = values.filter((value) => value !== undefined);
  const [only, ...others] = known;
  if (only === undefined) return "–";
  return others.length === 0 ? format(only) : formatSpread(spreadOf(known), format);
};

/** A measure of rows, and how a table shows it. */
export type Column<Row> = readonly [head: string, value: (row: Row) => number | undefined, format: Format];

export const headsOf = <Row>(columns: readonly Column<Row>[]): string[] => columns.map(([head]) => head);

export const cellsOf = <Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] =>
  columns.map(([, value, format]) => cell(rows.map(value), format));

/**
 * Of each round, one contender's value by the other's. They were measured right after each other: what slowed both
 * cancels out.
 */
export const ratios = <Row extends Measured>(
  rows: readonly Row[],
  contender: string,
  reference: string,
  value: (row: Row) => number | undefined,
): number[] =>
  rows.flatMap((row) => {
    const other = rows.find(({ round, contender }) => round === row.round && contender === reference);
    const [own, base] = [value(row), other && value(other)];
    // Nothing, where the clock of CPU times was too coarse to see any, is not to be compared with.
    return row.contender === contender && own !== undefined && base ? [own / base] : [];
  });

export type Bound = { readonly atLeast: number } | { readonly atMost: number };

/** Judges a goal by the median of what was measured. Nothing measured is a goal not met. */
export const judge = (goal: string, values: readonly number[], bound: Bound, format: Format): Goal => {
  if (values.length === 0) return { goal, measured: "–", met: false };
  const { median } = spreadOf(values);
  return {
    goal,
    measured: cell(values, format),
    met: "atLeast" in bound ? median >= bound.atLeast : median <= bound.atMost,
  };
};

export const formatGoals = (goals: readonly Goal[]): string =>
  formatTable(
    ["goal", "measured", "met"],
    goals.map(({ goal, measured, met }) => [goal, measured, met ? "yes" : "**no**"]),
  );
