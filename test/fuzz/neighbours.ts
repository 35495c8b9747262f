import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import { type TestClient, TRANSPORTS } from "../support/client.ts";
import { bar, credit, type Service } from "../support/service.ts";

const USER = "neighbour";
const SYMBOL = "NEIGHBOUR-USD";
/** Between two publishes. */
const PAUSE_MS = 20;

/** The healthy clients beside the attackers, on every transport, and the backend that publishes to them. */
export class Neighbours {
  readonly #service: Service;
  readonly #clients: readonly TestClient[];
  readonly #ids: readonly (string | undefined)[];
  readonly #publishing: Promise<void>;
  #published = 0;
  #stopped = false;

  private constructor(service: Service, clients: readonly TestClient[]) {
    this.#service = service;
    this.#clients = clients;
    this.#ids = clients.map(({ socket }) => socket.id);
    this.#publishing = this.#publish();
    // `finish` tells; a test that has failed before does not ask.
    this.#publishing.catch(() => undefined);
  }

  static async start(service: Service): Promise<Neighbours> {
    const clients = await Promise.all([
      ...TRANSPORTS.map((transports) => service.connect(USER, { transports })),
      service.connect(USER, { path: "/ws" }),
    ]);
    for (const client of clients) await client.subscribe(`market:${SYMBOL}`);
    return new Neighbours(service, clients);
  }

  /** Events published so far to each of them, in each of two rooms. */
  get published(): number {
    return this.#published;
  }

  /**
   * Publishes no more, and expects every neighbour to be on the connection it had, with every event of the market and
   * of its own once and in order, and with nothing else.
   */
  async finish(): Promise<void> {
    this.#stopped = true;
    await this.#publishing;
    const numbers = Array.from({ length: this.#published }, (_, index) => index + 1);
    for (const [index, client] of this.#clients.entries()) {
      const bars = await client.all("market_chart_live_update", this.#published);
      const credits = await client.all("credits_granted", this.#published);
      await client.settled();
      expect(bars.map(({ timestamp }) => timestamp)).toEqual(numbers);
      expect(credits.map(({ amount }) => amount)).toEqual(numbers);
      const others = client
        .names()
        .filter((name) => name !== "market_chart_live_update" && name !== "credits_granted");
      expect(others.toSorted()).toEqual([
        ...["connect", "connected", "market_chart_initial_data", "pong", "subscribed"],
      ]);
      expect(client.socket.id).toBe(this.#ids[index]);
    }
  }

  /** Numbered events for the neighbours, and some for the attackers' rooms. */
  async #publish(): Promise<void> {
    while (!this.#stopped) {
      const number = this.#published + 1;
      await this.#service.publish([
        bar(SYMBOL, number),
        credit(USER, number),
        bar("FUZZ-USD", number),
        { event: "chat_typing", userId: `fuzz_${number % 8}`, data: { conversationId: "fuzz" } },
      ]);
      this.#published = number;
      await setTimeout(PAUSE_MS);
    }
  }
}
