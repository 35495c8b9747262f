import { LoadClient } from "../client/client.ts";
import { formatSpread, spreadOf } from "../lib/stats.ts";
import { formatTable } from "../lib/table.ts";
import { bareDo } from "../servers/bare-do.ts";
import { ledgercore } from "../servers/ledgercore.ts";
import { socketioRedis } from "../servers/socketio-redis.ts";
import type { Target, TargetKind } from "../servers/target.ts";
import { measure, type Sample } from "./measure.ts";
import type { Options, Report, Scenario } from "./scenario.ts";

/** Events in one publish request: one row each. */
const BATCHES = [1, 5, 50] as const;
/** Events before each measurement, not counted: they wake hibernating objects and warm the code. */
const WARM_UP_EVENTS = 50;

interface Row extends Sample {
  readonly round: number;
  readonly batch: number;
  readonly target: string;
}

interface Contender {
  readonly kind: TargetKind;
  readonly target: Target;
  readonly client: LoadClient;
}

const REFERENCE = bareDo;

/** Every second round goes the other way, so that neither always runs first. */
const inTurn = <T>(items: readonly T[], round: number): readonly T[] =>
  round % 2 === 0 ? items : items.toReversed();

/** One round: fresh servers and clients, each measured right after the other. */
const runRound = async (
  kinds: readonly TargetKind[],
  round: number,
  options: Options,
  signal: AbortSignal,
): Promise<Row[]> => {
  const { sockets, events } = options;
  const contenders: Contender[] = [];
  const rows: Row[] = [];
  try {
    for (const kind of inTurn(kinds, round)) {
      signal.throwIfAborted();
      const target = await kind.start({ sockets });
      const client = new LoadClient();
      contenders.push({ kind, target, client });
      await client.connect(target, sockets);
    }
    for (const batch of inTurn(BATCHES, round)) {
      for (const { kind, target, client } of contenders) {
        signal.throwIfAborted();
        const warmUp = await measure(target, client, { sockets, events: WARM_UP_EVENTS, batch });
        const sample = await measure(target, client, { sockets, events, batch });
        rows.push({
          round,
          batch,
          target: kind.name,
          ...sample,
          // Not counted for speed, but no delivery may be wrong.
          lost: warmUp.lost + sample.lost,
          doubled: warmUp.doubled + sample.doubled,
          reordered: warmUp.reordered + sample.reordered,
        });
      }
    }
    return rows;
  } finally {
    // Clients first: a server that goes would be reported as a failure.
    for (const { client } of contenders) await client.stop();
    for (const { target } of contenders) await target.stop();
  }
};

const faultsOf = ({ round, batch, target, lost, doubled, reordered }: Row): string[] =>
  lost + doubled + reordered === 0
    ? []
    : [
        `${target}, round ${round + 1}, ${batch} events a request: ${lost} lost, ${doubled} doubled, ${reordered} reordered`,
      ];

const thousands = (value: number): string => `${(value / 1_000).toFixed(1)}k`;
const twoDecimals = (value: number): string => value.toFixed(2);
const oneDecimal = (value: number): string => value.toFixed(1);
const percent = (value: number): string => `${Math.round(value * 100)}%`;

const format = (rows: readonly Row[], kinds: readonly TargetKind[]): string => {
  const of = (kind: TargetKind, batch: number): Row[] =>
    rows.filter((row) => row.target === kind.name && row.batch === batch);
  const lines = BATCHES.flatMap((batch) =>
    kinds.map((kind): string[] => {
      const own = of(kind, batch);
      // Of pairs measured right after each other: what slowed both cancels out.
      const ratios = own.flatMap(({ round, deliveriesPerSecond }) => {
        const reference = of(REFERENCE, batch).find((row) => row.round === round);
        return reference === undefined ? [] : [deliveriesPerSecond / reference.deliveriesPerSecond];
      });
      const cpu = own.flatMap(({ serverCpuUs }) => serverCpuUs ?? []);
      return [
        kind === REFERENCE ? "1" : formatSpread(spreadOf(ratios), twoDecimals),
        kind.name,
        String(batch),
        formatSpread(spreadOf(own.map((row) => row.deliveriesPerSecond)), thousands),
        cpu.length === 0 ? "–" : formatSpread(spreadOf(cpu), oneDecimal),
        formatSpread(spreadOf(own.map((row) => row.firstMs)), oneDecimal),
        formatSpread(spreadOf(own.map((row) => row.clientBusy)), percent),
      ];
    }),
  );
  const head = [
    `ratio to ${REFERENCE.name}`,
    "server",
    "events a request",
    "deliveries/s",
    "server CPU µs/delivery",
    "first delivery ms",
    "load client busy",
  ];
  return formatTable(head, lines);
};

export const fanOut: Scenario = {
  summary: "market events to many sockets of one room, beside a Durable Object that does nothing but send",
  targets: [ledgercore, bareDo, socketioRedis],
  run: async (options, progress, signal): Promise<Report> => {
    const rows: Row[] = [];
    for (let round = 0; round < options.rounds; round++) {
      progress(`round ${round + 1} of ${options.rounds}`);
      rows.push(...(await runRound(fanOut.targets, round, options, signal)));
    }
    return { text: format(rows, fanOut.targets), samples: rows, faults: rows.flatMap(faultsOf) };
  },
};
