import { setTimeout } from "node:timers/promises";
import type { Random } from "../support/packet-generator.ts";
import { bar, credit, INGEST_TOKEN, type PublishResult } from "../support/service.ts";

type Item = (ReturnType<typeof credit> | ReturnType<typeof bar>) & { readonly id: string };

export interface PublisherOptions {
  readonly origin: string;
  readonly users: readonly string[];
  readonly symbols: readonly string[];
  readonly random: Random;
  /** Sends requests twice, at once or later, and numbers out of their order. */
  readonly unruly: boolean;
}

const PAUSE_MS = 5;
const RETRY_MS = 25;
/** A request that is not answered by then is sent again. */
const ANSWER_MS = 3_000;
/** How many earlier requests an unruly publisher may send again. */
const REMEMBERED = 500;

/**
 * A backend: publishes numbered events, each request until the service has accepted all of it, and only then the
 * next one.
 */
export class Publisher {
  /** The numbers of each user's events, in the order in which they were sent. */
  readonly personal: ReadonlyMap<string, number[]>;
  /** The latest bar of each symbol that was accepted. */
  readonly bars = new Map<string, number>();
  /** What no service should answer. */
  readonly problems: string[] = [];
  readonly #options: PublisherOptions;
  readonly #sent: (readonly Item[])[] = [];
  #round = 0;
  #running: Promise<void> | undefined;
  #abandoned = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.personal = new Map(options.users.map((user) => [user, []]));
  }

  /** Publishes until it is told to end. */
  start(): void {
    this.#running = this.#publish();
  }

  /** Ends when all has been accepted. */
  async end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running;
  }

  /** Ends when all has been accepted, and one last event for everyone too. */
  async finish(): Promise<void> {
    await this.end();
    await this.#send();
  }

  /** Ends, and gives up what has not been accepted. */
  async abandon(): Promise<void> {
    this.#abandoned = true;
    await this.end();
  }

  async #publish(): Promise<void> {
    // The first turn runs before `start` has returned.
    do {
      await this.#send();
      await setTimeout(PAUSE_MS);
    } while (this.#running !== undefined);
  }

  async #send(): Promise<void> {
    const { users, symbols, random, unruly } = this.#options;
    const round = ++this.#round;
    const credits = users.flatMap((user) =>
      Array.from({ length: 1 + random.int(3) }, (_, index) => ({ user, number: round * 10 + index })),
    );
    if (unruly && random.chance(50)) credits.reverse();
    const items: readonly Item[] = [
      ...credits.map(({ user, number }) => ({ id: `credit-${user}-${number}`, ...credit(user, number) })),
      ...symbols.map((symbol) => ({ id: `bar-${symbol}-${round}`, ...bar(symbol, round) })),
    ];
    const again = unruly ? this.#again(items) : [];
    await Promise.all([items, ...again].map((request) => this.#deliver(request)));
    for (const { user, number } of credits) this.personal.get(user)?.push(number);
    for (const symbol of symbols) this.bars.set(symbol, round);
    if (unruly) this.#sent[round % REMEMBERED] = items;
  }

  /** Requests to send beside this one: itself, or an earlier one. */
  #again(items: readonly Item[]): (readonly Item[])[] {
    const { random } = this.#options;
    const earlier = this.#sent[random.int(Math.max(1, this.#sent.length))] ?? [];
    return [items, earlier].filter((request) => request.length > 0 && random.chance(40));
  }

  async #deliver(items: readonly Item[]): Promise<void> {
    let waiting = items;
    for (;;) {
      waiting = await this.#post(waiting);
      if (waiting.length === 0 || this.#abandoned) return;
      await setTimeout(RETRY_MS);
    }
  }

  /** Those that have to be sent again, in order. */
  async #post(items: readonly Item[]): Promise<readonly Item[]> {
    try {
      const response = await fetch(`${this.#options.origin}/api/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify(items),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      if (response.status !== 202) {
        this.problems.push(`ingest answered ${response.status}: ${await response.text()}`);
        return items;
      }
      const { rejected } = (await response.json()) as PublishResult;
      for (const { code, message } of rejected) {
        if (code === "VALIDATION_FAILED") throw new Error(`An item is not valid: ${message}`);
      }
      return rejected.flatMap(({ index }) => items[index] ?? []);
    } catch (error) {
      // The service is down, or went down.
      if (error instanceof TypeError || (error as Error).name === "TimeoutError") return items;
      throw error;
    }
  }
}
