import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Arguments, type Job, readArguments, usageOf } from "./lib/arguments.ts";
import { drawChart } from "./lib/chart.ts";
import { describeMachine, loadAverage } from "./lib/machine.ts";
import { formatOutcome, formatSummary, type Outcome, toJson } from "./lib/report-page.ts";
import { codec } from "./scenarios/codec.ts";
import { compression } from "./scenarios/compression.ts";
import { connect } from "./scenarios/connect.ts";
import { fanOut } from "./scenarios/fan-out.ts";
import { idle } from "./scenarios/idle.ts";
import { ingest } from "./scenarios/ingest.ts";
import { overload } from "./scenarios/overload.ts";
import { paced } from "./scenarios/paced.ts";
import { query } from "./scenarios/query.ts";
import { realistic } from "./scenarios/realistic.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { storm } from "./scenarios/storm.ts";

/** In the order in which they run. */
const SCENARIOS: readonly Scenario[] = [
  fanOut,
  paced,
  realistic,
  overload,
  connect,
  storm,
  idle,
  ingest,
  codec,
  compression,
  query,
];

const runJob = async (job: Job, signal: AbortSignal): Promise<Outcome> => {
  const { scenario, rounds, options } = job;
  for (const target of scenario.targets) await target.prepare?.();
  const before = loadAverage();
  const progress = (line: string): void => console.error(`${scenario.name}: ${line}`);
  const report = await scenario.run({ rounds, options, progress, signal });
  return { job, load: [before, loadAverage()], report };
};

const writeCharts = async ({ report }: Outcome, folder: string): Promise<void> => {
  await mkdir(folder, { recursive: true });
  for (const chart of report.charts) {
    await writeFile(path.join(folder, `${chart.name}.svg`), await drawChart(chart));
  }
};

const runAll = async ({ jobs, json, svg }: Arguments, signal: AbortSignal): Promise<void> => {
  const machine = describeMachine();
  const outcomes: Outcome[] = [];
  const failed: string[] = [];
  for (const job of jobs) {
    let outcome: Outcome;
    try {
      outcome = await runJob(job, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A run of all takes long: one that cannot end must not take the others with it.
      console.error(`${job.scenario.name} failed:`, error);
      failed.push(job.scenario.name);
      process.exitCode = 1;
      continue;
    }
    outcomes.push(outcome);
    console.log(`${formatOutcome(outcome, machine, svg)}\n`);
    if (svg !== undefined) await writeCharts(outcome, svg);
    if (json !== undefined) await writeFile(json, `${JSON.stringify(toJson(outcomes, machine), null, 2)}\n`);
    const { faults } = outcome.report;
    if (faults.length === 0) continue;
    console.error(`Events were not delivered exactly once and in order:\n${faults.join("\n")}\n`);
    process.exitCode = 1;
  }
  if (jobs.length > 1) console.log(formatSummary(outcomes, failed));
};

/** Aborts when the user wants to stop. */
const stopSignal = (): AbortSignal => {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The second time at once; see children.ts for what becomes of the processes.
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort(new Error("Stopped."));
    });
  }
  return stopping.signal;
};

const main = async (): Promise<void> => {
  const args = readArguments(SCENARIOS, process.argv.slice(2));
  const [job] = args.jobs;
  if (args.help) console.log(usageOf(SCENARIOS, args.jobs.length === 1 ? job?.scenario : undefined));
  else await runAll(args, stopSignal());
};

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
