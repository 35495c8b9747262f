import Big from "big.js";
import { err, ok, type Result } from "../../../lib/result.ts";
import type { TimeRange } from "../../../lib/time-window.ts";
import type { ComplianceRpc, CorridorFlow, CorridorQuery } from "../dataset/compliance-protocol.ts";

/** The officially assigned codes of ISO 3166-1 alpha-2. */
const COUNTRIES: ReadonlySet<string> = new Set(
  `AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC
   CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD
   GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH
   KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW
   MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC
   SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY
   UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW`.split(/\s+/),
);

/** Two different countries. */
export interface Corridor {
  readonly from: string;
  readonly to: string;
}

/** Reads `US-MX`. Fails with a sentence for whoever wrote it. */
export const parseCorridor = (corridor: string): Result<Corridor, string> => {
  const [, from = "", to = ""] = /^([A-Z]{2})-([A-Z]{2})$/.exec(corridor) ?? [];
  if (!COUNTRIES.has(from) || !COUNTRIES.has(to)) {
    return err("Write the corridor as two country codes of ISO 3166-1 alpha-2, such as US-MX.");
  }
  return from === to ? err("A corridor has two different countries, such as US-MX.") : ok({ from, to });
};

export interface CorridorFlows {
  /** By day, outbound first; sums are to the cent. */
  readonly flows: readonly (CorridorFlow & Corridor)[];
  /** Sums of all transfers with a value, to the cent; `net` is outbound less inbound. */
  readonly totalsUSD: { readonly outbound: string; readonly inbound: string; readonly net: string };
  /** Transfers, those without a value included. */
  readonly count: number;
  /** Transfers without a value in US dollars: they are in no sum. */
  readonly unvalued: number;
  /** Transfers that are in no flow: labels of one side name several countries. */
  readonly ambiguous: number;
}

/** Adds up what went along a corridor, both ways. */
export const corridorFlows = async (
  source: Pick<ComplianceRpc, "corridorSlice">,
  { from, to }: Corridor,
  range: TimeRange,
  signal: AbortSignal,
): Promise<CorridorFlows> => {
  const flows = new Map<string, CorridorFlow>();
  let ambiguous = 0;
  let after: CorridorQuery["after"];
  do {
    signal.throwIfAborted();
    const slice = await source.corridorSlice({
      ...{ from, to, start: range.from, end: range.to },
      ...(after && { after }),
    });
    for (const flow of slice.flows) add(flows, flow);
    ambiguous += slice.ambiguous;
    after = slice.next;
  } while (after);

  const exact = [...flows.values()].sort(
    (a, b) => compare(a.day, b.day) || -compare(a.direction, b.direction),
  );
  const outbound = total(exact.filter(({ direction }) => direction === "outbound"));
  const inbound = total(exact.filter(({ direction }) => direction === "inbound"));
  return {
    flows: exact.map((flow) => ({
      ...flow,
      ...(flow.direction === "outbound" ? { from, to } : { from: to, to: from }),
      usd: Big(flow.usd).toFixed(2),
    })),
    totalsUSD: {
      outbound: outbound.toFixed(2),
      inbound: inbound.toFixed(2),
      net: outbound.minus(inbound).toFixed(2),
    },
    count: exact.reduce((sum, { count }) => sum + count, 0),
    unvalued: exact.reduce((sum, { unvalued }) => sum + unvalued, 0),
    ambiguous,
  };
};

const add = (flows: Map<string, CorridorFlow>, flow: CorridorFlow): void => {
  const key = `${flow.day} ${flow.direction}`;
  const sum = flows.get(key);
  flows.set(
    key,
    sum
      ? {
          ...flow,
          count: sum.count + flow.count,
          usd: Big(sum.usd).plus(flow.usd).toFixed(),
          unvalued: sum.unvalued + flow.unvalued,
        }
      : flow,
  );
};

const total = (flows: readonly CorridorFlow[]): Big => flows.reduce((sum, { usd }) => sum.plus(usd), Big(0));

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
