import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { describeMachine, loadAverage } from "./lib/machine.ts";
import { compression } from "./scenarios/compression.ts";
import { fanOut } from "./scenarios/fan-out.ts";
import { query } from "./scenarios/query.ts";
import type { Options, Scenario } from "./scenarios/scenario.ts";

const SCENARIOS: Readonly<Record<string, Scenario>> = { "fan-out": fanOut, compression, query };

const USAGE = `Usage: npm run bench -- [scenario] [options]

${Object.entries(SCENARIOS)
  .map(([name, { summary }]) => `  ${name.padEnd(20)} ${summary}`)
  .join("\n")}

  --rounds <n>         rounds, each with fresh servers (default 5)
  --sockets <n>        sockets on each server (default 1000)
  --events <n>         events in each measurement (default 200)
  --json <file>        also write every measurement to a file
  --help`;

class UsageError extends Error {}

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name} is a whole number above 0.`);
  return value;
};

const readArguments = () => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "5" },
        sockets: { type: "string", default: "1000" },
        events: { type: "string", default: "200" },
        json: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
};

const main = async (): Promise<void> => {
  const { values, positionals } = readArguments();
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const [name = "fan-out", ...others] = positionals;
  const scenario = SCENARIOS[name];
  if (scenario === undefined || others.length > 0)
    throw new UsageError(`No such scenario: ${positionals.join(" ")}`);
  const options: Options = {
    rounds: positive("rounds", values.rounds),
    sockets: positive("sockets", values.sockets),
    events: positive("events", values.events),
  };
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // The second time at once; see children.ts for what becomes of the processes.
      if (stopping.signal.aborted) process.exit(1);
      stopping.abort(new Error("Stopped."));
    });
  }
  const machine = describeMachine();
  const loadBefore = loadAverage();
  for (const target of scenario.targets) await target.prepare?.();
  const { text, samples, faults } = await scenario.run(
    options,
    (line) => console.error(line),
    stopping.signal,
  );
  const { rounds, sockets, events } = options;
  const command = `npm run bench -- ${name} --rounds ${rounds} --sockets ${sockets} --events ${events}`;
  const load = [loadBefore, loadAverage()];
  console.log(`
${text}

Medians of ${rounds} rounds (min–max). ${sockets} sockets, ${events} events a measurement.
Command:  ${command}
Machine:  ${machine.cpus} CPUs, ${machine.model}, ${machine.memoryGiB} GiB, ${machine.os}
Versions: Node ${machine.node}, ${machine.workerd}
Load:     ${load.map((value) => value.toFixed(1)).join(" before, ")} after; ${machine.date}`);
  if (values.json !== undefined) {
    const result = { command, machine, load, options, faults, samples };
    await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
  }
  if (faults.length === 0) return;
  console.error(`\nEvents were not delivered exactly once and in order:\n${faults.join("\n")}`);
  process.exitCode = 1;
};

main().catch((error: Error) => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error.message);
  process.exitCode = 1;
});
