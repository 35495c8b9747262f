import { parseArgs } from "node:util";
import type { OptionSpec, Scenario } from "../scenarios/scenario.ts";

export interface Job {
  readonly scenario: Scenario;
  readonly rounds: number;
  /** Every option of the scenario. */
  readonly options: Readonly<Record<string, number>>;
}

export interface Arguments {
  readonly help: boolean;
  /** Scenarios to run, in this order. */
  readonly jobs: readonly Job[];
  /** File for every measurement. */
  readonly json?: string;
  /** Folder for the charts. */
  readonly svg?: string;
}

const line = (name: string, help: string): string => `  ${name.padEnd(24)} ${help}`;

const optionLines = ({ rounds, options }: Scenario): string[] => [
  line("--rounds <n>", `rounds, each with fresh servers (default ${rounds})`),
  ...Object.entries(options).map(([name, spec]) =>
    line(`--${name} <n>`, `${spec.help} (default ${spec.default})`),
  ),
];

const COMMON = [
  line("--json <file>", "also write every measurement to a file"),
  line("--svg <folder>", "also write charts into a folder"),
  line("--help", "say this, or with a scenario its options"),
];

export const usageOf = (scenarios: readonly Scenario[], scenario?: Scenario): string =>
  (scenario === undefined
    ? [
        "Usage: npm run bench -- [scenario] [options]",
        "",
        "Without a scenario all run, one after the other:",
        ...scenarios.map(({ name, summary }) => line(name, summary)),
        "",
        line("--rounds <n>", "rounds, each with fresh servers (default: the scenario's own)"),
        ...COMMON,
      ]
    : [`Usage: npm run bench -- ${scenario.name} [options]`, "", ...optionLines(scenario), ...COMMON]
  ).join("\n");

const wholeNumber = (name: string, text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} is a whole number above 0.`);
  return value;
};

/** Arguments of the command line, as jobs; the message of what it throws says how it is done. */
export const readArguments = (scenarios: readonly Scenario[], args: readonly string[]): Arguments => {
  // A first word that is none is an option of all scenarios.
  const [first] = args;
  const named = first?.startsWith("-") === false ? first : undefined;
  const scenario = scenarios.find(({ name }) => name === named);
  if (named !== undefined && scenario === undefined) {
    throw new Error(`There is no scenario ${named}.\n\n${usageOf(scenarios)}`);
  }
  const specs: Readonly<Record<string, OptionSpec>> = scenario?.options ?? {};
  const fail = (message: string): never => {
    throw new Error(`${message}\n\n${usageOf(scenarios, scenario)}`);
  };
  try {
    const { values } = parseArgs({
      args: args.slice(named === undefined ? 0 : 1),
      options: {
        ...Object.fromEntries(Object.keys(specs).map((name) => [name, { type: "string" } as const])),
        rounds: { type: "string" },
        json: { type: "string" },
        svg: { type: "string" },
        help: { type: "boolean", default: false },
      },
    });
    const given = new Map<string, unknown>(Object.entries(values));
    const numberOf = (name: string, fallback: number): number =>
      given.has(name) ? wholeNumber(name, String(given.get(name))) : fallback;
    return {
      help: values.help,
      jobs: (scenario === undefined ? scenarios : [scenario]).map((scenario) => ({
        scenario,
        rounds: numberOf("rounds", scenario.rounds),
        options: Object.fromEntries(
          Object.entries(scenario.options).map(([name, spec]) => [name, numberOf(name, spec.default)]),
        ),
      })),
      ...(values.json !== undefined && { json: values.json }),
      ...(values.svg !== undefined && { svg: values.svg }),
    };
  } catch (error) {
    return fail((error as Error).message);
  }
};

/** The command that does the same job again. */
export const commandOf = ({ scenario, rounds, options }: Job): string =>
  [
    `npm run bench -- ${scenario.name}`,
    ...Object.entries({ rounds, ...options }).map(([name, value]) => `--${name} ${value}`),
  ].join(" ");
