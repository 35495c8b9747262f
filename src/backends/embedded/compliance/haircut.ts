/**
 * The haircut policy of Möser, Böhme and Breuker, "Towards Risk Scoring of Bitcoin Transactions" (FC 2014 Workshops,
 * LNCS 8438, pp. 16-32, doi:10.1007/978-3-662-44774-1_2), on transfers between addresses: what leaves an address is
 * made of all that has reached it, in proportion. docs/decisions/0012-haircut.md has the choices. Pure.
 */
import type { Side } from "../dataset/compliance-protocol.ts";

/** A transfer of one asset; `amount` in any unit, the same for all. */
export interface Flow {
  readonly counterparty: string;
  /** In ms since the epoch. */
  readonly timestamp: number;
  readonly amount: number;
}

/** A share of the funds under analysis that is to be followed beyond an address, as of a time. */
export interface Arrival {
  /** Funds can only have come in until then (`in`), and have gone out since then (`out`). */
  readonly time: number;
  readonly share: number;
}

export interface Spread {
  /** Where the shares went, in an order that does not depend on the order of the flows. */
  readonly passed: readonly (Arrival & { readonly counterparty: string })[];
  /** The share that no flow explains: none came before, or went after. */
  readonly ended: number;
}

/**
 * Follows shares of one asset across one address: each arrival is divided among the flows that it can have been made
 * of, in proportion to their amounts. Nothing is lost: the passed shares and `ended` add up to the arrivals.
 */
export const spread = (side: Side, flows: readonly Flow[], arrivals: readonly Arrival[]): Spread => {
  // Going out is coming in with the time turned round.
  const sign = side === "in" ? 1 : -1;
  const ordered = flows
    .filter(({ amount }) => amount > 0)
    .sort(
      (a, b) =>
        sign * (a.timestamp - b.timestamp) || compare(a.counterparty, b.counterparty) || a.amount - b.amount,
    );
  const totals: number[] = [];
  for (const { amount } of ordered) totals.push((totals.at(-1) ?? 0) + amount);

  // Shares for each unit of amount, at the last flow that an arrival reaches; all flows before it have them too.
  const perUnit = new Array<number>(ordered.length).fill(0);
  let ended = 0;
  const inOrder = [...arrivals].sort((a, b) => sign * (a.time - b.time) || a.share - b.share);
  let reached = 0;
  for (const { time, share } of inOrder) {
    for (let next = ordered[reached]; next && sign * (next.timestamp - time) <= 0; next = ordered[reached]) {
      reached++;
    }
    if (reached === 0) ended += share;
    else perUnit[reached - 1] = (perUnit[reached - 1] ?? 0) + share / (totals[reached - 1] ?? 1);
  }
  const passed: (Arrival & { counterparty: string })[] = [];
  let units = 0;
  for (let i = ordered.length - 1; i >= 0; i--) {
    const flow = ordered[i];
    units += perUnit[i] ?? 0;
    if (!flow || units === 0) continue;
    passed.push({ counterparty: flow.counterparty, time: flow.timestamp, share: flow.amount * units });
  }
  return { passed, ended };
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
