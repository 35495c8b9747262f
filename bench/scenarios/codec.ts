import path from "node:path";
import type { Bar } from "../lib/chart.ts";
import { KINDS } from "../lib/codec/kinds.ts";
import type { CodecCommand, CodecTime } from "../lib/codec/main.ts";
import { CONTENDERS, DIRECTIONS, type Direction, JSON_ALONE, OWN, REFERENCE } from "../lib/codec/tasks.ts";
import { cell, count, decimals, judge, type Measured, ratios } from "../lib/report.ts";
import { spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { runRounds } from "../lib/turns.ts";
import { WorkerProcess } from "../lib/worker-process.ts";
import type { Context, Goal, Report, Scenario } from "./scenario.ts";

type Row = CodecTime & Measured;

type Options = Context<"slices" | "slice-ms">;

const MAIN = path.join(import.meta.dirname, "../lib/codec/main.ts");
const TIMEOUT_MS = 600_000;

/** One round: everything, in a process that has run nothing else. */
const runRound = async (round: number, { options }: Options): Promise<Row[]> => {
  const child = new WorkerProcess<CodecCommand>(MAIN);
  try {
    const command = { slices: options.slices, sliceMs: options["slice-ms"] };
    // What main.ts answers.
    const times = (await child.ask(command, TIMEOUT_MS)) as readonly CodecTime[];
    return times.map((time) => ({ round, ...time }));
  } finally {
    await child.stop();
  }
};

const speed = ({ ns }: Row): number => 1e9 / ns;

/** What was measured of one kind of packet in one direction. */
interface Case {
  readonly kind: string;
  readonly direction: Direction;
  readonly rows: readonly Row[];
}

const casesOf = (rows: readonly Row[], direction: Direction): Case[] =>
  KINDS.map(({ name: kind }) => ({
    kind,
    direction,
    rows: rows.filter((row) => row.kind === kind && row.direction === direction),
  }));

const geometricMean = (values: readonly number[]): number =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

/** Of each round, over all kinds of packets: how much faster a contender is than the official codec. */
const overall = (cases: readonly Case[], contender: string): number[] => {
  const ofKinds = cases.map(({ rows }) => ratios(rows, contender, REFERENCE, speed));
  return (ofKinds[0] ?? []).map((_, round) =>
    geometricMean(ofKinds.flatMap((ofKind) => ofKind[round] ?? [])),
  );
};

const ratioTable = (cases: readonly Case[], direction: Direction): string =>
  formatTable(
    [`${direction}: speed to ${REFERENCE}`, OWN, JSON_ALONE],
    [
      ...cases.map(({ kind, rows }) => [
        kind,
        ...[OWN, JSON_ALONE].map((name) => cell(ratios(rows, name, REFERENCE, speed), decimals(2))),
      ]),
      ["**geometric mean**", ...[OWN, JSON_ALONE].map((name) => cell(overall(cases, name), decimals(2)))],
    ],
  );

const whole = (value: number): string => count(Math.round(value));

const timeTable = (cases: readonly Case[], direction: Direction): string =>
  formatTable(
    [`${direction}: ns`, ...CONTENDERS],
    cases.map(({ kind, rows }) => [
      kind,
      ...CONTENDERS.map((name) =>
        cell(
          rows.filter(({ contender }) => contender === name).map(({ ns }) => ns),
          whole,
        ),
      ),
    ]),
  );

const goalOf = (cases: readonly Case[], direction: Direction): Goal =>
  judge(
    `Codec, ${direction}: at least 2 × ${REFERENCE} (geometric mean of all kinds)`,
    overall(cases, OWN),
    { atLeast: 2 },
    decimals(2),
  );

const barsOf = (cases: readonly Case[]): Bar[] =>
  cases.flatMap(({ kind, direction, rows }) =>
    [OWN, JSON_ALONE].map((series) => ({
      group: `${kind}, ${direction}`,
      series,
      ...spreadOf(ratios(rows, series, REFERENCE, speed)),
    })),
  );

const NOTE = `Packets to WebSocket messages, or to an HTTP polling payload of 20, and back to checked packets: \`socket.io-parser\`
with \`engine.io-parser\`, as the official server uses them. Each round is a process of its own, in which all take short turns;
before, each codec must have written what the other writes, and read what it has written. "${JSON_ALONE}" is \`JSON.stringify\` or
\`JSON.parse\` of what is in the packet: no codec that reads and writes JSON can be faster than that, so its column says how
much faster than ${REFERENCE} one could be at all. With a binary event, its bytes are no part of it.`;

export const codec: Scenario<"slices" | "slice-ms"> = {
  name: "codec",
  summary: "packets encoded and decoded, beside the official parsers",
  rounds: 5,
  options: {
    slices: { default: 30, help: "turns of each codec with each kind of packet" },
    "slice-ms": { default: 5, help: "length of a turn in ms" },
  },
  targets: [],
  run: async (context): Promise<Report> => {
    const rows = await runRounds(context, (round) => runRound(round, context));
    const directions = DIRECTIONS.map((direction) => ({ direction, cases: casesOf(rows, direction) }));
    return {
      text: [
        NOTE,
        ...directions.map(({ direction, cases }) => ratioTable(cases, direction)),
        ...directions.map(({ direction, cases }) => timeTable(cases, direction)),
      ].join("\n\n"),
      rows,
      goals: directions.map(({ direction, cases }) => goalOf(cases, direction)),
      charts: [
        {
          kind: "bars",
          name: "codec",
          title: `Codec: how many times as fast as ${REFERENCE}`,
          valueTitle: `speed to ${REFERENCE}`,
          bars: directions.flatMap(({ cases }) => barsOf(cases)),
        },
      ],
      faults: [],
    };
  },
};
