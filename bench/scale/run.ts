import { parseArgs } from "node:util";
import { calibrate } from "./calibrate.ts";
import { costs } from "./costs.ts";
import { writeDocs } from "./docs.ts";
import { study } from "./study.ts";
import { tablesOf } from "./tables.ts";
import { formatValidation, validate } from "./validate.ts";

const USAGE = `Usage: npm run bench:scale -- [command] [--rounds <n>]

  simulate     10 thousand to 10 million sockets, with the costs in bench/scale/costs.json (default)
  calibrate    measure those costs anew, on the built service; writes that file
  validate     run the service and the simulator at the same sizes; writes bench/scale/validation.json
  docs         simulate, and rewrite the tables of docs/scale.md and its charts

  --rounds <n>  of calibrate and validate (default 3)
  --help`;

const COMMANDS = ["simulate", "calibrate", "validate", "docs"] as const;
type Command = (typeof COMMANDS)[number];

const progress = (line: string): void => console.error(line);

const readArguments = (): { command: Command; rounds: number } | undefined => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: "string", default: "3" }, help: { type: "boolean", default: false } },
  });
  const command = COMMANDS.find((name) => name === (positionals[0] ?? "simulate"));
  const rounds = Number(values.rounds);
  if (values.help || command === undefined || positionals.length > 1) return undefined;
  return Number.isInteger(rounds) && rounds > 0 ? { command, rounds } : undefined;
};

const main = async (): Promise<void> => {
  const chosen = readArguments();
  if (chosen === undefined) {
    console.log(USAGE);
    return;
  }
  const { command, rounds } = chosen;
  const stopping = new AbortController();
  process.once("SIGINT", () => stopping.abort(new Error("Stopped.")));
  const options = { rounds, progress, signal: stopping.signal };
  switch (command) {
    case "calibrate":
      await calibrate(options);
      return;
    case "validate":
      console.log(formatValidation(await validate(options)));
      return;
    case "docs":
      await writeDocs(study(costs, progress));
      return;
    case "simulate":
      for (const [name, table] of Object.entries(tablesOf(study(costs, progress)))) {
        console.log(`## ${name}\n\n${table}\n`);
      }
  }
};

main().catch((error: Error) => {
  console.error(error.message, error.cause ?? "");
  process.exitCode = 1;
});
