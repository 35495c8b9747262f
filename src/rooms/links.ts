import type { After } from "../lib/after.ts";
import type { Clock } from "../lib/clock.ts";
import { isOverloaded } from "../lib/rpc.ts";
import { TokenBucket } from "../lib/token-bucket.ts";
import type { FanOutRpc } from "./protocol.ts";

/** What `GatewayRpc.link` comes to: while it is not disposed of, the RPC session is open. */
type LinkStub = FanOutRpc & Disposable;

export interface LinksDeps {
  /** A gateway's stub: each call of it is a request of its own. */
  readonly gateway: (name: string) => FanOutRpc & { link(): Promise<LinkStub | undefined> };
  readonly clock: Clock;
  readonly after: After;
}

/** A gateway that has been called lately. */
interface Link {
  calledAt: number;
  /** When to ask the gateway for a link, at the earliest. */
  askAt: number;
  /** How long not to ask after the next refusal, in ms. */
  refusedMs: number;
  state: LinkState;
}

type LinkState =
  | { readonly status: "closed" }
  | { readonly status: "opening" }
  | { readonly status: "open"; readonly stub: LinkStub; readonly until: number };

/**
 * Calls a second, for long and at once, beyond which an object is busy. An object that is kept in memory costs as much
 * ($12.50 for a million GB-s, each object counting 0.128 GB) as some 10.7 requests a second do ($0.15 a million).
 */
export const BUSY_PER_SECOND = 10;
const BUSY_BURST = 100;

/** A gateway that has not been called for so long, in ms, is forgotten, and so is that an object was busy. */
export const IDLE_MS = 5_000;

/** How often to look for what is idle, in ms. */
export const SWEEP_MS = 1_000;

/** How long a link lasts, in ms: then the gateway is asked again whether it is worth it. */
export const LINK_MS = 300_000;

/** How long after a first refusal, in ms, a gateway is asked again; after each more it is twice as long, up to `LINK_MS`. */
const REFUSED_MS = 10_000;

const CLOSED: LinkState = { status: "closed" };

/** Counts the calls that an object makes, or gets. */
export class Busyness {
  readonly #clock: Clock;
  readonly #quiet: TokenBucket;
  /** At least until then, ms since the epoch: of calls that come together, all are to be judged alike. */
  #busyUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#quiet = new TokenBucket(BUSY_PER_SECOND, BUSY_BURST, clock);
  }

  /** Counts one. Returns whether there are so many that hibernating would save nothing. */
  count(): boolean {
    if (!this.#quiet.take()) this.#busyUntil = this.#clock() + IDLE_MS;
    return this.busy;
  }

  /** Whether there have been so many lately. */
  get busy(): boolean {
    return this.#clock() < this.#busyUntil;
  }
}

/**
 * Calls gateways. Those that are called often are called over a link (FAN-5), an RPC session that stays open: all calls
 * of it are one request, and each is less work, but neither end hibernates meanwhile.
 */
export class Links {
  readonly #deps: LinksDeps;
  readonly #links = new Map<string, Link>();
  readonly #busyness: Busyness;

  constructor(deps: LinksDeps) {
    this.#deps = deps;
    this.#busyness = new Busyness(deps.clock);
  }

  /** Links that are open. */
  get open(): number {
    return [...this.#links.values()].filter(({ state }) => state.status === "open").length;
  }

  /**
   * Calls a gateway. `run` is called again if a link turns out to be broken within `patienceMs`: what it does must be
   * idempotent.
   * @throws what the gateway, or the way to it, throws
   */
  async call<T>(
    gateway: string,
    run: (rpc: FanOutRpc) => Promise<T>,
    patienceMs = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    const busy = this.#busyness.count();
    const link = this.#links.get(gateway) ?? (busy ? this.#add(gateway) : undefined);
    if (link === undefined) return run(this.#deps.gateway(gateway));
    const now = this.#deps.clock();
    const { state, calledAt, askAt } = link;
    link.calledAt = now;
    if (state.status === "open") {
      try {
        return await run(state.stub);
      } catch (error) {
        // The gateway, or what it was, has gone: a new call tells. Another call may have found that out before.
        if (link.state === state) this.#close(link);
        if (isOverloaded(error) || this.#deps.clock() - now > patienceMs) throw error;
      }
    } else if (busy && state.status === "closed" && now >= askAt && calledAt >= now - IDLE_MS) {
      void this.#ask(gateway, link, now);
    }
    return run(this.#deps.gateway(gateway));
  }

  #add(gateway: string): Link {
    // Called for the first time: the second call may be followed by more.
    const link: Link = {
      calledAt: Number.NEGATIVE_INFINITY,
      askAt: 0,
      refusedMs: REFUSED_MS,
      state: CLOSED,
    };
    if (this.#links.size === 0) this.#deps.after(SWEEP_MS, () => this.#sweep());
    this.#links.set(gateway, link);
    return link;
  }

  /** Asks for a link, while calls go on without. */
  async #ask(gateway: string, link: Link, now: number): Promise<void> {
    const opening: LinkState = { status: "opening" };
    link.state = opening;
    const stub = await this.#deps
      .gateway(gateway)
      .link()
      .catch(() => undefined);
    if (link.state !== opening) {
      // Too late: nothing is known of the gateway any more.
      stub?.[Symbol.dispose]();
      return;
    }
    if (stub === undefined) {
      link.state = CLOSED;
      link.askAt = now + link.refusedMs;
      link.refusedMs = Math.min(2 * link.refusedMs, LINK_MS);
      return;
    }
    link.state = { status: "open", stub, until: now + LINK_MS };
    link.refusedMs = REFUSED_MS;
  }

  #close(link: Link): void {
    if (link.state.status === "open") link.state.stub[Symbol.dispose]();
    link.state = CLOSED;
  }

  /** Ends what has not been used lately, and all that is not worth it any more, so that both ends can hibernate. */
  #sweep(): void {
    const now = this.#deps.clock();
    const { busy } = this.#busyness;
    for (const [gateway, link] of this.#links) {
      const { state, calledAt } = link;
      const idle = !busy || calledAt <= now - IDLE_MS;
      if (idle || (state.status === "open" && state.until <= now)) this.#close(link);
      if (idle) this.#links.delete(gateway);
    }
    if (this.#links.size > 0) this.#deps.after(SWEEP_MS, () => this.#sweep());
  }
}
