import { describe, expect, it } from "vitest";
import { commandOf, readArguments } from "../../../bench/lib/arguments.ts";
import type { Scenario } from "../../../bench/scenarios/scenario.ts";

const scenarioOf = (name: string, options: Scenario["options"]): Scenario => ({
  name,
  summary: `what ${name} does`,
  rounds: 5,
  options,
  targets: [],
  run: () => Promise.reject(new Error("Not to be run.")),
});

const SCENARIOS = [
  scenarioOf("burst", { sockets: { default: 1_000, help: "sockets of the room" } }),
  scenarioOf("codec", {}),
];

const read = (...args: readonly string[]) => readArguments(SCENARIOS, args);

describe("arguments of a benchmark", () => {
  it("are every scenario with its defaults, unless told", () => {
    const { jobs } = read("--rounds", "2", "--json", "all.json");
    expect(jobs.map(({ scenario, rounds, options }) => [scenario.name, rounds, options])).toEqual([
      ["burst", 2, { sockets: 1_000 }],
      ["codec", 2, {}],
    ]);
  });

  it("give one scenario its options, and the command that repeats it", () => {
    const { jobs, svg } = read("burst", "--sockets", "50", "--svg", "charts");
    expect(svg).toBe("charts");
    expect(jobs.map(commandOf)).toEqual(["npm run bench -- burst --rounds 5 --sockets 50"]);
  });

  it.each([
    [["swim"], "There is no scenario swim."],
    [["burst", "--events", "3"], "Unknown option '--events'"],
    [["--sockets", "3"], "Unknown option '--sockets'"],
    [["burst", "--sockets", "1.5"], "--sockets is a whole number above 0."],
    [["burst", "--rounds", "0"], "--rounds is a whole number above 0."],
    [["burst", "codec"], "Unexpected argument 'codec'"],
  ])("%j is an error", (args, message) => {
    expect(() => read(...args)).toThrow(message);
  });

  it("names the scenario's own options in its errors", () => {
    expect(() => read("burst", "--events", "3")).toThrow(
      /--sockets <n> +sockets of the room \(default 1000\)/,
    );
  });
});
