/** What the compliance requests ask of a dataset over RPC. All of it only reads, and may be asked again. */

/** What somebody says of an address. */
export interface AddressLabel {
  readonly address: string;
  readonly label: string;
  readonly category: string;
  /** ISO 3166-1 alpha-2; empty when unknown. */
  readonly jurisdiction: string;
  readonly source: string;
  /** YYYY-MM-DD: the date of the source; empty when unknown. */
  readonly asOf: string;
}

/** An answer about something on a chain, or the chains that the dataset has, when that chain is not among them. */
export type OnChain<T> =
  | { readonly known: true; readonly value: T }
  | { readonly known: false; readonly chains: readonly string[] };

/** Where a transfer stands among those of an address. */
export interface TransferKey {
  /** In ms since the epoch. */
  readonly timestamp: number;
  readonly hash: string;
  readonly position: number;
}

export interface AddressPage {
  readonly chain: string;
  readonly address: string;
  /** Transfers at most. */
  readonly limit: number;
  /** Only transfers that come after this one, which is to say: older ones. */
  readonly after?: TransferKey;
}

export interface StoredTransfer extends TransferKey {
  readonly from: string;
  readonly to: string;
  readonly asset: string;
  /** A decimal, as it was imported. */
  readonly amount: string;
  readonly usd: number | null;
}

/** `in`: what an address received; `out`: what it sent. */
export type Side = "in" | "out";

export interface TransfersQuery {
  readonly chain: string;
  readonly side: Side;
  /** Of each address: what it received until, or sent since, a time in ms. */
  readonly addresses: readonly { readonly address: string; readonly time: number }[];
  /** Of each address at most so many, the newest. */
  readonly perAddress: number;
}

/** One transfer as seen from the address that was asked about; never to itself. */
export interface SideTransfer {
  readonly counterparty: string;
  readonly timestamp: number;
  readonly asset: string;
  readonly amount: string;
  readonly usd: number | null;
}

export interface TransfersAnswer {
  /** For the first of the addresses asked about, in their order: at least one, and as many as one call should read. */
  readonly addresses: readonly {
    readonly address: string;
    readonly transfers: readonly SideTransfer[];
    /** There are more than `perAddress`. */
    readonly more: boolean;
  }[];
  /** All labels of the counterparties. */
  readonly labels: readonly AddressLabel[];
}

/** Where a transfer stands among all of the dataset. */
export interface CorridorKey extends TransferKey {
  readonly chain: string;
}

export interface CorridorQuery {
  /** Two jurisdictions. */
  readonly from: string;
  readonly to: string;
  /** In ms since the epoch, `end` not included. */
  readonly start: number;
  readonly end: number;
  /** Where the last slice ended. */
  readonly after?: CorridorKey;
}

/** What went one way on one day. */
export interface CorridorFlow {
  /** YYYY-MM-DD, UTC. */
  readonly day: string;
  readonly direction: "outbound" | "inbound";
  /** Transfers, those without a value in US dollars included. */
  readonly count: number;
  /** The exact sum, a decimal. */
  readonly usd: string;
  /** Transfers without a value in US dollars. */
  readonly unvalued: number;
}

/** Some of the transfers of a window, added up. */
export interface CorridorSlice {
  readonly flows: readonly CorridorFlow[];
  /** Transfers that may belong to the corridor: labels of their sender or receiver name several jurisdictions. */
  readonly ambiguous: number;
  /** Where the next slice begins; absent after the last. */
  readonly next?: CorridorKey;
}

export interface ComplianceRpc {
  addressLabels(chain: string, address: string): Promise<OnChain<readonly AddressLabel[]>>;
  /** The newest transfers of an address, newest first. */
  addressPage(page: AddressPage): Promise<OnChain<readonly StoredTransfer[]>>;
  transfersOf(query: TransfersQuery): Promise<TransfersAnswer>;
  /** How many addresses are labelled with each of the jurisdictions. */
  labelledIn(jurisdictions: readonly string[]): Promise<Readonly<Record<string, number>>>;
  corridorSlice(query: CorridorQuery): Promise<CorridorSlice>;
}
