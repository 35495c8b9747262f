import path from "node:path";
import type { Report } from "../scenarios/scenario.ts";
import { commandOf, type Job } from "./arguments.ts";
import { formatMachine, type Machine } from "./machine.ts";
import { formatGoals } from "./report.ts";
import { formatTable } from "./table.ts";

/** What became of one scenario. */
export interface Outcome {
  readonly job: Job;
  /** Load averages before and after. */
  readonly load: readonly [before: number, after: number];
  readonly report: Report;
}

const chartLinks = ({ charts }: Report, folder: string | undefined): string[] =>
  folder === undefined
    ? []
    : charts.map(({ name, title }) => `![${title}](${path.basename(folder)}/${name}.svg)`);

/** One scenario's part of docs/performance.md. Its charts are looked for in a folder beside the page. */
export const formatOutcome = (
  { job, load, report }: Outcome,
  machine: Machine,
  folder: string | undefined,
): string =>
  [
    `## ${job.scenario.name}`,
    `\`\`\`sh\n${commandOf(job)}\n\`\`\``,
    report.text,
    ...chartLinks(report, folder),
    ...(report.goals.length === 0 ? [] : [formatGoals(report.goals)]),
    `Medians of ${job.rounds} ${job.rounds === 1 ? "round" : "rounds"} (min–max). Load average ` +
      `${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after.`,
    `**Machine.** ${formatMachine(machine)}`,
  ].join("\n\n");

/** All goals of all scenarios, and the names of those that came to no end. */
export const formatSummary = (outcomes: readonly Outcome[], failed: readonly string[]): string => {
  const goals = outcomes.flatMap(({ job, report }) =>
    report.goals.map((goal) => ({ scenario: job.scenario.name, ...goal })),
  );
  const met = goals.filter((goal) => goal.met).length;
  const rows = goals.map(({ scenario, goal, measured, met }) => [
    scenario,
    goal,
    measured,
    met ? "yes" : "**no**",
  ]);
  const missing = failed.length === 0 ? "" : ` Not measured, because they failed: ${failed.join(", ")}.`;
  return [
    "## Goals",
    `${met} of ${goals.length} are met.${missing}`,
    formatTable(["scenario", "goal", "measured", "met"], rows),
  ].join("\n\n");
};

/** For `--json`. */
export const toJson = (outcomes: readonly Outcome[], machine: Machine): object => ({
  machine,
  load: { before: outcomes[0]?.load[0], after: outcomes.at(-1)?.load[1] },
  scenarios: Object.fromEntries(
    outcomes.map(({ job, load: [before, after], report: { goals, faults, rows } }) => [
      job.scenario.name,
      {
        command: commandOf(job),
        rounds: job.rounds,
        options: job.options,
        load: { before, after },
        goals,
        faults,
        rows,
      },
    ]),
  ),
});
