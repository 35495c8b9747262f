import type {
  AddressLabel,
  ComplianceRpc,
  Side,
  SideTransfer,
  TransfersAnswer,
} from "../dataset/compliance-protocol.ts";
import { type Arrival, spread } from "./haircut.ts";

/** Where the transfers and labels come from. */
export type TransferSource = Pick<ComplianceRpc, "transfersOf">;

/** What one direction of an analysis reads at most. */
export interface TraceBounds {
  /** Addresses whose transfers are read. */
  readonly addresses: number;
  /** Transfers read of all of them; the last address may go beyond by its own. */
  readonly transfers: number;
  /** Transfers of one address. One that has more, and no label, is not looked behind: it is a service. */
  readonly perAddress: number;
}

export const BOUNDS: TraceBounds = { addresses: 2_000, transfers: 50_000, perAddress: 5_000 };

/** Addresses that one call asks about. */
const BATCH = 500;

/** A share of the funds that came from, or went to, a labelled address. */
export interface Exposure {
  readonly address: string;
  readonly hops: number;
  readonly share: number;
}

/** What is not known of the rest of the funds: shares that add up to 1 with the exposures. */
export interface Unattributed {
  /** At addresses without a label, as many hops away as were asked for. */
  readonly beyond: number;
  /** At addresses of which the data has no earlier (later) transfer of the asset. */
  readonly ended: number;
  /** At addresses that were not read because of the bounds. */
  readonly unread: number;
}

/** One asset of the funds. */
export interface AssetFunds {
  readonly asset: string;
  /** Of all funds. */
  readonly share: number;
}

type Shares = Map<string, Arrival[]>;

/**
 * Follows the funds of one address in one direction, hop by hop, until labelled addresses. Each asset is followed by
 * itself, by amount: what an address sends of an asset it has received of the same. At the address itself assets weigh
 * by their values in US dollars.
 */
export class Trace {
  readonly side: Side;
  readonly #chain: string;
  readonly #target: string;
  readonly #bounds: TraceBounds;
  /** Shares to be followed beyond unlabelled addresses, by asset. */
  #frontier: Map<string, Shares>;
  #read = new Map<string, readonly SideTransfer[]>();
  readonly #labels = new Map<string, AddressLabel[]>();
  readonly #exposures = new Map<string, { address: string; hops: number; share: number }>();
  #hops = 0;
  #ended = 0;
  #unread = 0;
  #addresses = 0;
  #transfers = 0;

  /** The transfers of the address itself: the newest, if it has more than the bound. */
  direct: readonly SideTransfer[] = [];
  /** The address has more transfers than were read. */
  truncated = false;
  /** How many addresses were not read, or not looked behind, because of the bounds. */
  skipped = 0;
  funds: readonly AssetFunds[] = [];
  /** What passed through the direct counterparties without a label. */
  passedDirectly: readonly { readonly address: string; readonly share: number }[] = [];

  constructor(side: Side, chain: string, target: string, bounds: TraceBounds) {
    this.side = side;
    this.#chain = chain;
    this.#target = target;
    this.#bounds = bounds;
    this.#frontier = new Map([[target, new Map()]]);
  }

  /** Nothing is left to follow. */
  get done(): boolean {
    return this.#frontier.size === 0;
  }

  get exposures(): readonly Exposure[] {
    return [...this.#exposures.values()];
  }

  get unattributed(): Unattributed {
    const beyond = [...this.#frontier.values()].reduce((sum, shares) => sum + shareOf(shares), 0);
    return { beyond, ended: this.#ended, unread: this.#unread };
  }

  /** All labels of an address that was met. */
  labelsOf(address: string): readonly AddressLabel[] {
    return this.#labels.get(address) ?? [];
  }

  /** Reads the transfers of the addresses that the last hop reached: the largest shares first. */
  async gather(source: TransferSource): Promise<void> {
    this.#read = new Map();
    const sign = this.side === "in" ? 1 : -1;
    let waiting = [...this.#frontier]
      .map(([address, shares]) => ({ address, share: shareOf(shares), time: latest(shares, sign) }))
      .sort((a, b) => b.share - a.share || (a.address < b.address ? -1 : 1));
    const { addresses, transfers, perAddress } = this.#bounds;
    while (waiting.length > 0 && this.#addresses < addresses && this.#transfers < transfers) {
      const asked = waiting.slice(0, Math.min(BATCH, addresses - this.#addresses));
      const answer = await source.transfersOf({
        chain: this.#chain,
        side: this.side,
        addresses: asked.map(({ address, time }) => ({ address, time })),
        perAddress,
      });
      if (answer.addresses.length === 0) throw new Error("The dataset answered nothing.");
      this.#keep(answer);
      waiting = waiting.slice(answer.addresses.length);
    }
  }

  /** Divides the shares of the last hop among what was gathered. */
  taint(): void {
    this.#hops++;
    if (this.#hops === 1) this.#begin();
    const frontier = this.#frontier;
    this.#frontier = new Map();
    for (const [address, shares] of [...frontier].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const transfers = this.#read.get(address);
      if (transfers === undefined) {
        this.#unread += shareOf(shares);
        this.skipped++;
        continue;
      }
      const byAsset = Map.groupBy(transfers, ({ asset }) => asset);
      for (const [asset, arrivals] of shares) this.#follow(asset, byAsset.get(asset) ?? [], arrivals);
    }
    this.#read = new Map();
    if (this.#hops === 1) {
      this.passedDirectly = [...this.#frontier].map(([address, shares]) => ({
        address,
        share: shareOf(shares),
      }));
    }
  }

  #keep({ addresses, labels }: TransfersAnswer): void {
    for (const { address, transfers, more } of addresses) {
      // However much one answer holds, the bound is the same.
      if (this.#transfers >= this.#bounds.transfers) break;
      this.#addresses++;
      this.#transfers += transfers.length;
      if (this.#hops === 0) {
        this.direct = transfers;
        this.truncated = more;
      }
      // A share of only some of its transfers would be wrong.
      if (!more || this.#hops === 0) this.#read.set(address, transfers);
    }
    const met = new Set<string>();
    for (const label of labels) {
      if (label.address === this.#target) continue;
      if (!met.has(label.address)) this.#labels.set(label.address, []);
      met.add(label.address);
      this.#labels.get(label.address)?.push(label);
    }
  }

  /** The funds of the address: the shares of its assets, not bound to any time. */
  #begin(): void {
    this.funds = assetShares(this.direct);
    const time = this.side === "in" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    const shares: Shares = new Map();
    for (const { asset, share } of this.funds) if (share > 0) shares.set(asset, [{ time, share }]);
    this.#frontier = shares.size > 0 ? new Map([[this.#target, shares]]) : new Map();
  }

  #follow(asset: string, transfers: readonly SideTransfer[], arrivals: readonly Arrival[]): void {
    const flows = transfers.map(({ amount, ...rest }) => ({ ...rest, amount: Number(amount) }));
    const { passed, ended } = spread(this.side, flows, arrivals);
    this.#ended += ended;
    for (const { counterparty, time, share } of passed) {
      if (this.#labels.has(counterparty)) {
        this.#expose(counterparty, share);
        continue;
      }
      const shares = this.#frontier.get(counterparty) ?? new Map<string, Arrival[]>();
      this.#frontier.set(counterparty, shares);
      const arrived = shares.get(asset);
      if (arrived) arrived.push({ time, share });
      else shares.set(asset, [{ time, share }]);
    }
  }

  #expose(address: string, share: number): void {
    const key = `${this.#hops} ${address}`;
    const exposure = this.#exposures.get(key) ?? { address, hops: this.#hops, share: 0 };
    exposure.share += share;
    this.#exposures.set(key, exposure);
  }
}

const shareOf = (shares: Shares): number => {
  let sum = 0;
  for (const arrivals of shares.values()) for (const { share } of arrivals) sum += share;
  return sum;
};

/** The time that all arrivals lie within; without any, no bound. */
const latest = (shares: Shares, sign: 1 | -1): number => {
  let bound = Number.NEGATIVE_INFINITY;
  for (const arrivals of shares.values()) {
    for (const { time } of arrivals) bound = Math.max(bound, sign * time);
  }
  if (Number.isFinite(bound)) return sign * bound;
  return sign === 1 ? Number.MAX_SAFE_INTEGER : 0;
};

/**
 * The shares of the assets in the funds, by value. Those whose value nobody knows weigh nothing beside others; where
 * that is all of them, each weighs the same.
 */
const assetShares = (transfers: readonly SideTransfer[]): AssetFunds[] => {
  const values = new Map<string, number>();
  const moved = transfers.filter(({ amount }) => Number(amount) > 0);
  // In one order, whatever order they came in: sums of doubles depend on it.
  for (const { asset, usd } of moved.sort((a, b) => (a.usd ?? 0) - (b.usd ?? 0))) {
    values.set(asset, (values.get(asset) ?? 0) + (usd ?? 0));
  }
  const assets = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = assets.reduce((sum, [, usd]) => sum + usd, 0);
  return assets.map(([asset, usd]) => ({ asset, share: total > 0 ? usd / total : 1 / assets.length }));
};
