import { formatTable } from "../lib/table.ts";
import { CAUSES } from "./bill.ts";
import { costNames, costTable } from "./costs.ts";
import { duration, percent, short, usd } from "./format.ts";
import { type LimitUse, tightest } from "./limits.ts";
import { busiest } from "./load.ts";
import type { Storm } from "./storm.ts";
import type { ScaleResult, Study, Variant } from "./study.ts";

const eventsOf = ({ load }: Variant): number => load.rooms.reduce((sum, { market }) => sum + market.rate, 0);
const callsOf = ({ load }: Variant): number => load.rooms.reduce((sum, { calls }) => sum + calls, 0);
const callsAnEvent = (variant: Variant): number => callsOf(variant) / eventsOf(variant);
const latencies = ({ simulated: { market } }: Variant): string[] => {
  const { p50, p99, p999 } = market.percentiles();
  return [p50, p99, p999].map(duration);
};
const widthName = ({ setup: { width } }: Variant): string =>
  Number.isFinite(width) ? String(width) : "direct";

/** A row for each measure, a column for each scale. */
const byScale = (
  { scales }: Study,
  measures: Readonly<Record<string, (scale: ScaleResult) => string>>,
): string =>
  formatTable(
    ["", ...scales.map(({ sockets }) => short(sockets))],
    Object.entries(measures).map(([name, of]) => [name, ...scales.map(of)]),
  );

const maxSessions = (scale: ScaleResult): number =>
  // Room for the sockets of a neighbour that has failed.
  Math.min(32_000, Math.ceil((1.25 * busiest(scale.load.classes).sockets) / 100) * 100);

const overall = (uses: readonly LimitUse[], eased: boolean): string => {
  const { limit, share } = tightest(uses.filter((use) => use.eased === eased));
  return `${limit} ${percent(share)}`;
};

const settings = (study: Study): string =>
  byScale(study, {
    "`GATEWAYS_PER_COLO`": ({ setup }) => String(setup.gatewaysPerColo),
    "`MAX_SESSIONS_PER_GATEWAY`": (scale) => String(maxSessions(scale)),
    "gateways in all": ({ load }) => short(load.gateways),
    "sockets of the largest": ({ load }) => short(busiest(load.classes).sockets),
    "deliveries/s": ({ load }) => short(load.deliveries),
  });

const limits = (study: Study): string => {
  const names = study.scales[0]?.limits.map(({ limit }) => limit) ?? [];
  return byScale(study, {
    ...Object.fromEntries(
      names.map((name) => [
        name,
        (scale: ScaleResult) => percent(scale.limits.find(({ limit }) => limit === name)?.share ?? 0),
      ]),
    ),
    "**sets the gateways' size**": ({ limits }) => overall(limits, true),
    "**first where more gateways do not help**": ({ limits }) => overall(limits, false),
  });
};

const latency = (study: Study): string => {
  const of = (kind: "market" | "personal", p: "p50" | "p99" | "p999") => (scale: ScaleResult) =>
    duration(scale.simulated[kind].percentiles()[p]);
  return byScale(study, {
    "market p50": of("market", "p50"),
    "market p99": of("market", "p99"),
    "market p99.9": of("market", "p999"),
    "personal p50": of("personal", "p50"),
    "personal p99": of("personal", "p99"),
    "personal p99.9": of("personal", "p999"),
    "states replaced by newer ones": ({ simulated }) => percent(simulated.conflated),
  });
};

const widths = (study: Study): string =>
  formatTable(
    [
      "sockets",
      "`FANOUT_WIDTH`",
      "own calls an event",
      "hottest room's CPU",
      "p50",
      "p99",
      "p99.9",
      "replaced",
      "late",
      "a month",
    ],
    study.scales.flatMap(({ sockets, widths }) =>
      widths.map((variant) => {
        const [room] = variant.load.rooms;
        const { simulated } = variant;
        return [
          short(sockets),
          widthName(variant),
          short((room?.ownCalls ?? 0) / (room?.market.rate ?? 1)),
          percent(simulated.roomBusy),
          ...latencies(variant),
          percent(simulated.conflated),
          percent(simulated.late),
          usd(variant.bill.usd),
        ];
      }),
    ),
  );

const gateways = ({ gateways, proportional }: Study): string => {
  const rowOf = (name: string, variant: Variant): string[] => {
    const { sockets, busy } = busiest(variant.load.classes);
    return [
      name,
      short(variant.load.gateways),
      short(sockets),
      percent(busy),
      short(callsAnEvent(variant)),
      ...latencies(variant),
      usd(variant.bill.usd),
    ];
  };
  const head = ["`GATEWAYS_PER_COLO`", "gateways", "sockets of the largest", "its CPU", "calls an event"];
  return formatTable(
    [...head, "p50", "p99", "p99.9", "a month"],
    [
      ...gateways.map((variant) => rowOf(String(variant.setup.gatewaysPerColo), variant)),
      rowOf(`up to ${proportional.setup.gatewaysPerColo}, by users`, proportional),
    ],
  );
};

const coalescing = ({ coalescing, scales }: Study): string => {
  const head = ["sockets", "`MARKET_COALESCE_MS`", "calls/s", "calls an event", "largest gateway's CPU"];
  return formatTable(
    [...head, "p50", "p99", "p99.9", "a month", "with as few gateways as do"],
    coalescing.flatMap(({ sockets, variants }) =>
      variants.map((variant) => {
        const { coalesceMs } = variant.setup;
        const fewer = scales
          .find((scale) => scale.sockets === sockets)
          ?.coalesced.find((one) => one.coalesceMs === coalesceMs);
        return [
          short(sockets),
          String(coalesceMs),
          short(callsOf(variant)),
          short(callsAnEvent(variant)),
          percent(busiest(variant.load.classes).busy),
          ...latencies(variant),
          usd(variant.bill.usd),
          usd(fewer?.usd ?? variant.bill.usd),
        ];
      }),
    ),
  );
};

const audience = ({ audiences }: Study): string =>
  formatTable(
    ["limit of a market room", "subscribers", "sockets in all"],
    audiences.map(({ limit, subscribers, sockets }) => [limit, short(subscribers), short(sockets)]),
  );

const backAfter = (p: number, { share, back }: Storm): string =>
  share < p ? "not in 300 s" : duration(back.percentile(p / share));

const storm = (study: Study): string => {
  const at =
    (p: number) =>
    ({ storm }: ScaleResult): string =>
      backAfter(p, storm);
  return byScale(study, {
    "half are back after": at(0.5),
    "99% are back after": at(0.99),
    "all are back after": at(1),
    "connections for each socket": ({ storm }) => storm.attempts.toFixed(2),
    "most back in a second": ({ storm }) => short(storm.peakBack),
    "most connections of a gateway in a second": ({ storm }) => short(storm.peakGateway),
    "most joins of the hottest room in a second": ({ storm }) => short(storm.peakRoom),
  });
};

const bill = (study: Study): string =>
  byScale(study, {
    ...Object.fromEntries(
      CAUSES.map((cause) => [cause, (scale: ScaleResult) => usd(scale.bill.byCause[cause])]),
    ),
    "**whole bill**, less what is included": ({ bill }) => usd(bill.usd),
    "for each 1,000 sockets": ({ bill, sockets }) => usd((bill.usd / sockets) * 1_000),
    "of it: calls and other requests": ({ bill }) => percent(bill.byPrice.objectRequests / bill.usd),
    "of it: rows written": ({ bill }) => percent(bill.byPrice.rowsWritten / bill.usd),
    "of it: duration": ({ bill }) => percent(bill.byPrice.gbSeconds / bill.usd),
    "of it: the Worker": ({ bill }) =>
      percent((bill.byPrice.workerRequests + bill.byPrice.workerCpuMs) / bill.usd),
  });

const comparison = (study: Study): string =>
  byScale(study, {
    "the service": ({ bill }) => usd(bill.usd),
    ...Object.fromEntries(
      [50, 100, 250].map((wanted) => [
        `with \`MARKET_COALESCE_MS\` ${wanted}`,
        ({ coalesced }: ScaleResult) =>
          usd(coalesced.find(({ coalesceMs }) => coalesceMs === wanted)?.usd ?? 0),
      ]),
    ),
    "without links": ({ withoutLinksUsd }) => usd(withoutLinksUsd),
    "fleet: instances": ({ fleet }) => short(fleet.instances),
    "fleet: Redis nodes": ({ fleet }) => short(fleet.redisNodes),
    "fleet: instances and Redis": ({ fleet }) => usd(fleet.computeUsd),
    "fleet: and load balancer": ({ fleet }) => usd(fleet.computeUsd + fleet.balancerUsd),
    "fleet: and traffic to the internet": ({ fleet }) =>
      usd(fleet.computeUsd + fleet.balancerUsd + fleet.egressUsd),
  });

const linkUse = (study: Study): string =>
  byScale(study, {
    "calls/s of rooms": ({ links: { ofRooms } }) => short(ofRooms.calls),
    "of them over links": ({ links: { ofRooms } }) => percent(ofRooms.overLinks / ofRooms.calls),
    "calls/s of relays": ({ links: { ofRelays } }) => short(ofRelays.calls),
    "of these over links": ({ links: { ofRelays } }) =>
      ofRelays.calls === 0 ? "" : percent(ofRelays.overLinks / ofRelays.calls),
    "requests for each call": ({ links: { ofRooms, ofRelays } }) =>
      short((ofRooms.requests + ofRelays.requests) / (ofRooms.calls + ofRelays.calls)),
    "most links of a gateway": ({ links }) => short(Math.round(links.mostOfGateway)),
    "most links of a room": ({ links }) => short(Math.round(links.mostOfRoom)),
    "saved of the bill": ({ bill, withoutLinksUsd }) => percent(1 - bill.usd / withoutLinksUsd),
  });

const assumptions = (): string =>
  formatTable(
    ["name", "value", "unit", "", "where it comes from"],
    costNames.map((name) => {
      const { value, unit, kind, source } = costTable[name];
      return [`\`${name}\``, String(value), unit, kind, source];
    }),
  );

/** By the name of their place in docs/scale.md. */
export const tablesOf = (study: Study): Readonly<Record<string, string>> => ({
  settings: settings(study),
  limits: limits(study),
  latency: latency(study),
  widths: widths(study),
  gateways: gateways(study),
  coalescing: coalescing(study),
  audience: audience(study),
  storm: storm(study),
  bill: bill(study),
  comparison: comparison(study),
  links: linkUse(study),
  assumptions: assumptions(),
});
