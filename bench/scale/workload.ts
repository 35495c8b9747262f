/** What users and backends do. All of it is assumed. */
export interface Workload {
  readonly sockets: number;
  readonly symbols: number;
  /** Markets a socket is subscribed to, on average. */
  readonly markets: number;
  /** The `r`th most popular market has a share in proportion to `r` to the power of minus this. */
  readonly popularitySkew: number;
  /** Events a second of the most popular market; the `r`th has them in proportion to `r` to the power of minus the skew. */
  readonly hottestRate: number;
  readonly rateSkew: number;
  /** Events a second for one user: as many in an hour as named below. */
  readonly personalRate: number;
  /** Requests a second of one socket. */
  readonly requestRate: number;
  /** Seconds from connecting to leaving. */
  readonly sessionS: number;
  readonly pingIntervalS: number;
  /** Events in one publish request. */
  readonly publishBatch: number;
  readonly eventBytes: number;
}

export const PERSONAL_EVENTS_AN_HOUR = 6;
export const REQUESTS_AN_HOUR = 6;

export const workloadOf = (sockets: number): Workload => ({
  sockets,
  symbols: 500,
  markets: 2,
  popularitySkew: 1,
  hottestRate: 20,
  rateSkew: 0.7,
  personalRate: PERSONAL_EVENTS_AN_HOUR / 3_600,
  requestRate: REQUESTS_AN_HOUR / 3_600,
  sessionS: 1_200,
  pingIntervalS: 25,
  publishBatch: 5,
  eventBytes: 160,
});

export interface Market {
  /** Of all subscriptions. */
  readonly share: number;
  /** Subscribers, in sockets. */
  readonly subscribers: number;
  /** Events a second. */
  readonly rate: number;
}

/** The most popular first. */
export const marketsOf = (workload: Workload): readonly Market[] => {
  const { symbols, popularitySkew, sockets, markets, hottestRate, rateSkew } = workload;
  const weights = Array.from({ length: symbols }, (_, index) => (index + 1) ** -popularitySkew);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, index) => ({
    share: weight / total,
    // A socket subscribes to a market once at most.
    subscribers: sockets * Math.min(1, (markets * weight) / total),
    rate: hottestRate * (index + 1) ** -rateSkew,
  }));
};
