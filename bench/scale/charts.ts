import type { LineChart, Point } from "../lib/chart.ts";
import { short } from "./format.ts";
import { DIRECT, type ScaleResult, type Study } from "./study.ts";

const overScales = (
  { scales }: Study,
  series: Readonly<Record<string, (scale: ScaleResult) => number>>,
): Point[] =>
  Object.entries(series).flatMap(([name, y]) =>
    scales.map((scale) => ({ series: name, x: scale.sockets, y: y(scale) })),
  );

const ofWidth =
  (width: number) =>
  (scale: ScaleResult): number => {
    const [room] = scale.widths.find(({ setup }) => setup.width === width)?.load.rooms ?? [];
    return room === undefined ? 0 : room.ownCalls / room.market.rate;
  };

const SHARES = [0.01, ...Array.from({ length: 19 }, (_, step) => (step + 1) / 20), 0.99, 1];

export const chartsOf = (study: Study): readonly LineChart[] => {
  const common = { kind: "lines", xTitle: "sockets", xScale: "log", yScale: "log" } as const;
  return [
    {
      ...common,
      name: "scale-latency",
      title: "From publish to the client's socket",
      yTitle: "ms",
      points: overScales(study, {
        "market p50": ({ simulated }) => simulated.market.percentile(0.5),
        "market p99": ({ simulated }) => simulated.market.percentile(0.99),
        "personal p50": ({ simulated }) => simulated.personal.percentile(0.5),
        "personal p99": ({ simulated }) => simulated.personal.percentile(0.99),
      }),
    },
    {
      ...common,
      name: "scale-bill",
      title: "A month, beside Socket.IO with Redis",
      yTitle: "$",
      points: overScales(study, {
        service: ({ bill }) => bill.usd,
        "service, coalescing 250 ms": ({ coalesced }) => coalesced.at(-1)?.usd ?? 0,
        fleet: ({ fleet }) => fleet.computeUsd,
        "fleet and traffic": ({ fleet }) => fleet.computeUsd + fleet.balancerUsd + fleet.egressUsd,
      }),
    },
    {
      ...common,
      name: "scale-calls",
      title: "The hottest room's own calls for an event",
      yTitle: "calls",
      points: overScales(study, {
        direct: ofWidth(DIRECT),
        "FANOUT_WIDTH 256": ofWidth(256),
        "FANOUT_WIDTH 64": ofWidth(64),
      }),
    },
    {
      kind: "lines",
      name: "scale-storm",
      title: "Back after every socket was dropped at once",
      xTitle: "s",
      yTitle: "share of sockets, %",
      xScale: "log",
      points: study.scales.flatMap(({ sockets, storm }) =>
        SHARES.map((share) => ({
          series: `${short(sockets)} sockets`,
          x: storm.back.percentile(share) / 1_000,
          y: share * storm.share * 100,
        })),
      ),
    },
  ];
};
