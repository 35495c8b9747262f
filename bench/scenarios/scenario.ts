import type { TargetKind } from "../servers/target.ts";

export interface Options {
  readonly rounds: number;
  readonly sockets: number;
  readonly events: number;
}

export interface Report {
  /** Tables and notes, as Markdown. */
  readonly text: string;
  /** Every single measurement, for `--json`. */
  readonly samples: unknown;
  /** What went wrong with deliveries; any makes the run fail. */
  readonly faults: readonly string[];
}

export interface Scenario {
  readonly summary: string;
  readonly targets: readonly TargetKind[];
  /** Runs all rounds, telling `progress` about each; stops early when `signal` aborts. */
  run(options: Options, progress: (line: string) => void, signal: AbortSignal): Promise<Report>;
}
