import { formatTable } from "../../bench/lib/table.ts";
import type { Scenario } from "./scenarios.ts";
import type { Verdict } from "./verdict.ts";

const HEAD = [
  "what happens",
  "faults",
  "events accepted",
  "deliveries due",
  "received",
  "lost",
  "doubled",
  "out of order",
  "reconnects",
  "not recovered",
  "back after",
  "first event after",
  "stale bars",
  "ghosts",
] as const;

/** A row of the table in docs/reliability.md. */
export const rowOf = ({ name, fault }: Scenario, times: number, verdict: Verdict): readonly string[] => [
  name,
  `${times} ${fault}`,
  ...[verdict.accepted, verdict.due, verdict.received].map(String),
  ...[verdict.lost, verdict.doubled, verdict.disordered].map(String),
  ...[verdict.outages.length, verdict.unrecovered].map(String),
  seconds(verdict.outages.map(({ backAfterMs }) => backAfterMs)),
  seconds(verdict.outages.flatMap(({ eventAfterMs }) => eventAfterMs ?? [])),
  ...[verdict.staleBars, verdict.ghosts].map(String),
];

export const tableOf = (rows: readonly (readonly string[])[]): string => formatTable(HEAD, rows);

/** The median and, in parentheses, the longest. */
const seconds = (durations: readonly number[]): string => {
  if (durations.length === 0) return "";
  const sorted = durations.toSorted((a, b) => a - b);
  const text = (ms = 0): string => (ms / 1_000).toFixed(2);
  return `${text(sorted[Math.floor((sorted.length - 1) / 2)])} s (${text(sorted.at(-1))} s)`;
};
