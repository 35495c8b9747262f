import { writeFile } from "node:fs/promises";
import path from "node:path";
import { describeMachine, formatMachine, loadAverage } from "../lib/machine.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { costs } from "./costs.ts";
import { type Predicted, simulateLocally } from "./local-simulation.ts";
import { type Outcome, runSeries, type Series, withService } from "./real-system.ts";

export const VALIDATION_FILE = path.join(import.meta.dirname, "validation.json");

interface Case {
  readonly name: string;
  readonly sockets: number;
  readonly gateways: number;
  readonly series: Series;
}

const burst = (batch: number): Series => ({ events: 200, pace: { kind: "burst", batch } });
const paced = (perSecond: number): Series => ({
  events: 8 * perSecond,
  pace: { kind: "paced", intervalMs: 1_000 / perSecond },
});

/** None of these sizes, and no pace, is among those that `calibrate` measures. */
const CASES: readonly Case[] = [
  ...[1, 5, 50].map((batch) => ({
    name: `burst by ${batch}`,
    sockets: 1_000,
    gateways: 1,
    series: burst(batch),
  })),
  ...[1, 5].map((batch) => ({
    name: `burst by ${batch}`,
    sockets: 1_000,
    gateways: 4,
    series: burst(batch),
  })),
  ...[1, 5].map((batch) => ({
    name: `burst by ${batch}`,
    sockets: 2_000,
    gateways: 1,
    series: burst(batch),
  })),
  { name: "paced 10/s", sockets: 1_000, gateways: 1, series: paced(10) },
  { name: "paced 25/s", sockets: 1_000, gateways: 1, series: paced(25) },
  { name: "paced 50/s", sockets: 1_000, gateways: 1, series: paced(50) },
  { name: "paced 25/s", sockets: 1_000, gateways: 4, series: paced(25) },
];

export interface ValidationRow extends Pick<Case, "name" | "sockets" | "gateways"> {
  readonly predicted: Predicted;
  readonly measured: Predicted;
}

export interface Validation {
  readonly machine: string;
  readonly rounds: number;
  /** Load averages. */
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly rows: readonly ValidationRow[];
}

export interface ValidationOptions {
  readonly rounds: number;
  readonly progress: (line: string) => void;
  readonly signal: AbortSignal;
}

const WARM_UP_EVENTS = 50;
const MEASURES = ["deliveriesPerSecond", "p50", "p99"] as const;

/** Cases of the same size share a server. */
const bySize = (): readonly (readonly Case[])[] => [
  ...Map.groupBy(CASES, ({ sockets, gateways }) => `${sockets}/${gateways}`).values(),
];

const measure = async (cases: readonly Case[], signal: AbortSignal): Promise<[Case, Outcome][]> => {
  const [{ sockets, gateways } = { sockets: 1, gateways: 1 }] = cases;
  return withService({ sockets, gateways }, async ({ target, client }) => {
    await runSeries(target, client, { events: WARM_UP_EVENTS, pace: { kind: "burst", batch: 1 } }, signal);
    const outcomes: [Case, Outcome][] = [];
    for (const one of cases) outcomes.push([one, await runSeries(target, client, one.series, signal)]);
    return outcomes;
  });
};

const rowOf = (one: Case, outcomes: readonly Outcome[]): ValidationRow => {
  const { name, sockets, gateways, series } = one;
  const median = (measure: keyof Predicted): number =>
    spreadOf(outcomes.map((outcome) => outcome[measure])).median;
  return {
    ...{ name, sockets, gateways },
    predicted: simulateLocally(one, series, costs),
    measured: { deliveriesPerSecond: median("deliveriesPerSecond"), p50: median("p50"), p99: median("p99") },
  };
};

/** By how much of the measured value the predicted one is above it. */
const errorOf = ({ predicted, measured }: ValidationRow, measure: keyof Predicted): number =>
  predicted[measure] / measured[measure] - 1;

const percent = (share: number): string => `${share < 0 ? "−" : "+"}${Math.abs(share * 100).toFixed(0)}%`;

export const formatValidation = ({ rows }: Pick<Validation, "rows">): string => {
  const figure = (value: number, measure: keyof Predicted): string =>
    measure === "deliveriesPerSecond" ? `${(value / 1_000).toFixed(1)}k` : value.toFixed(1);
  const head = ["case", "sockets", "gateways"].concat(
    ...["deliveries/s", "p50 ms", "p99 ms"].map((name) => [`${name} predicted`, "measured", "error"]),
  );
  const table = formatTable(
    head,
    rows.map((row) => [
      row.name,
      String(row.sockets),
      String(row.gateways),
      ...MEASURES.flatMap((measure) => [
        figure(row.predicted[measure], measure),
        figure(row.measured[measure], measure),
        percent(errorOf(row, measure)),
      ]),
    ]),
  );
  const median = (measure: keyof Predicted): string =>
    percent(spreadOf(rows.map((row) => Math.abs(errorOf(row, measure)))).median).slice(1);
  return `${table}

Median error, whatever its sign: ${median("deliveriesPerSecond")} of deliveries a second, ${median("p50")} of the median latency, ${median("p99")} of the 99th percentile.`;
};

/** Runs the service and the simulator at sizes that this machine holds, and writes both down. */
export const validate = async ({ rounds, progress, signal }: ValidationOptions): Promise<Validation> => {
  const loadBefore = loadAverage();
  const outcomes = new Map<Case, Outcome[]>(CASES.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    for (const cases of bySize()) {
      progress(
        `round ${round + 1} of ${rounds}: ${cases[0]?.sockets} sockets, ${cases[0]?.gateways} gateways`,
      );
      for (const [one, outcome] of await measure(cases, signal)) outcomes.get(one)?.push(outcome);
    }
  }
  const validation: Validation = {
    machine: formatMachine(describeMachine()),
    rounds,
    loadBefore,
    loadAfter: loadAverage(),
    rows: CASES.map((one) => rowOf(one, outcomes.get(one) ?? [])),
  };
  await writeFile(VALIDATION_FILE, `${JSON.stringify(validation, null, 2)}\n`);
  return validation;
};
