import { describe, expect, it } from "vitest";
import { formatOutcome, formatSummary, type Outcome, toJson } from "../../../bench/lib/report-page.ts";

const MACHINE = {
  cpus: 2,
  model: "a CPU",
  memoryGiB: 24,
  os: "Linux 6",
  versions: { Node: "24.0.0", workerd: "2026-07-30" },
  date: "2026-11-22T12:00:00.000Z",
};

const outcomeOf = (name: string, met: boolean): Outcome => ({
  job: {
    scenario: {
      name,
      summary: "",
      rounds: 5,
      options: {},
      targets: [],
      run: () => Promise.reject(new Error("Not to be run.")),
    },
    rounds: 3,
    options: { sockets: 10 },
  },
  load: [0.5, 1.25],
  report: {
    text: "| a table |",
    rows: [{ round: 0 }],
    goals: [{ goal: "to be fast", measured: "1.02 (0.95–1.10)", met }],
    charts: [{ kind: "bars", name: `${name}-speed`, title: "Speed", valueTitle: "deliveries/s", bars: [] }],
    faults: [],
  },
});

describe("the page of a benchmark", () => {
  it("has command, results, chart, goals, load and machine", () => {
    expect(formatOutcome(outcomeOf("burst", true), MACHINE, "docs/charts")).toBe(
      `## burst

\`\`\`sh
npm run bench -- burst --rounds 3 --sockets 10
\`\`\`

| a table |

![Speed](charts/burst-speed.svg)

| goal       | measured         | met |
| ---------- | ---------------- | --- |
| to be fast | 1.02 (0.95–1.10) | yes |

Medians of 3 rounds (min–max). Load average 0.5 before, 1.3 after.

**Machine.** 2 CPUs (a CPU), 24 GiB, Linux 6; Node 24.0.0, workerd 2026-07-30; 2026-11-22.`,
    );
  });

  it("sums up the goals of all scenarios, and names what is not measured", () => {
    const summary = formatSummary([outcomeOf("burst", true), outcomeOf("paced", false)], ["idle"]);
    expect(summary).toContain("1 of 2 are met. Not measured, because they failed: idle.");
    expect(summary).toContain("| paced    | to be fast | 1.02 (0.95–1.10) | **no** |");
  });

  it("keeps every measurement for other programs", () => {
    expect(toJson([outcomeOf("burst", true), outcomeOf("paced", false)], MACHINE)).toMatchObject({
      machine: MACHINE,
      load: { before: 0.5, after: 1.25 },
      scenarios: { burst: { options: { sockets: 10 }, rows: [{ round: 0 }] }, paced: { faults: [] } },
    });
  });
});
