import { type Call, envelope, Refused, type RequestName } from "./contract.ts";

const COSTS: Readonly<Record<RequestName, number>> = {
  query: 1,
  request_market_data: 0,
  address_analysis: 10,
  address_transactions: 1,
  cross_border_flows: 5,
  chat: 2,
};

/** What users may do: so many requests a second, for so many credits. In memory; a real one is a database. */
export class Accounts {
  readonly #credits: number;
  readonly #requestsPerSecond: number;
  readonly #spent = new Map<string, number>();
  readonly #charged = new Set<string>();
  readonly #requests = new Map<string, number>();
  #second = 0;

  constructor(credits = 10_000, requestsPerSecond = 50) {
    this.#credits = credits;
    this.#requestsPerSecond = requestsPerSecond;
  }

  admit(userId: string): void {
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) this.#requests.clear();
    this.#second = second;
    const count = (this.#requests.get(userId) ?? 0) + 1;
    this.#requests.set(userId, count);
    if (count > this.#requestsPerSecond) {
      throw new Refused(429, envelope("RATE_LIMITED", "Too many requests. Wait a second."), {
        "retry-after": "1",
      });
    }
  }

  /**
   * Takes what the request costs, begins it, and gives back if it is refused. A request that comes again, as the service
   * sends it after a lost connection, costs nothing more.
   */
  charge<T>({ userId, requestId }: Call, action: RequestName, begin: () => T): T {
    const required = COSTS[action];
    if (required === 0 || this.#charged.has(requestId)) return begin();
    const spent = this.#spent.get(userId) ?? 0;
    const available = this.#credits - spent;
    if (available < required) throw new Refused(402, { required, available, action });
    this.#charged.add(requestId);
    this.#spent.set(userId, spent + required);
    try {
      return begin();
    } catch (error) {
      this.#charged.delete(requestId);
      this.#spent.set(userId, spent);
      throw error;
    }
  }
}
