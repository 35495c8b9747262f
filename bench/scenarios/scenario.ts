import type { Chart } from "../lib/chart.ts";
import type { TargetKind } from "../servers/target.ts";

/** A number that a scenario lets its user choose: a whole one, above 0. */
export interface OptionSpec {
  readonly default: number;
  readonly help: string;
}

export interface Goal {
  /** What is to be reached, with the figure. */
  readonly goal: string;
  readonly measured: string;
  readonly met: boolean;
}

export interface Report {
  /** What was done and what came out, as Markdown to be put into docs/performance.md: tables with ratios first. */
  readonly text: string;
  /** Every single measurement, for `--json`. */
  readonly rows: readonly object[];
  /** A goal that is not met is said plainly, and fails nothing. */
  readonly goals: readonly Goal[];
  /** For `--svg`. */
  readonly charts: readonly Chart[];
  /** What went wrong with deliveries; any makes the run fail. */
  readonly faults: readonly string[];
}

export interface Context<Option extends string = string> {
  readonly rounds: number;
  readonly options: Readonly<Record<Option, number>>;
  /** Tells who waits what happens now. */
  progress(line: string): void;
  /** Aborts when the user wants no more; checked before each piece of work. */
  readonly signal: AbortSignal;
}

export interface Scenario<Option extends string = string> {
  /** As on the command line. */
  readonly name: string;
  readonly summary: string;
  /** Rounds unless told; 5 where a scenario has no reason for another number. */
  readonly rounds: number;
  /** By their names on the command line. */
  readonly options: Readonly<Record<Option, OptionSpec>>;
  /** Servers that take part. */
  readonly targets: readonly TargetKind[];
  run(context: Context<Option>): Promise<Report>;
}
