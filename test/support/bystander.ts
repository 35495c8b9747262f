import { expect } from "vitest";
import type { TestClient } from "./client.ts";
import { bar, credit, type Service } from "./service.ts";

/** Healthy sockets in both namespaces, to show that what befalls others leaves them untouched. */
export class Bystanders {
  readonly #service: Service;
  readonly #clients: readonly TestClient[];
  readonly #ids: readonly (string | undefined)[];
  #published = 0;

  private constructor(service: Service, clients: readonly TestClient[]) {
    this.#service = service;
    this.#clients = clients;
    this.#ids = clients.map(({ socket }) => socket.id);
  }

  static async start(service: Service): Promise<Bystanders> {
    const clients = await Promise.all(
      ["", "/ws", "", "/ws"].map((path) => service.connect("user_bystander", { path })),
    );
    for (const client of clients) await client.subscribe("market:BYSTANDER-USD");
    return new Bystanders(service, clients);
  }

  /** Every bystander is on the connection it had, and has got every event so far, once and in order. */
  async areUntouched(): Promise<void> {
    this.#published++;
    await this.#service.publish([
      bar("BYSTANDER-USD", this.#published),
      credit("user_bystander", this.#published),
    ]);
    const expected = Array.from({ length: this.#published }, (_, index) => index + 1);
    for (const [index, client] of this.#clients.entries()) {
      await client.all("market_chart_live_update", this.#published);
      await client.all("credits_granted", this.#published);
      expect(client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp)).toEqual(expected);
      expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual(expected);
      expect(client.payloads("disconnect")).toEqual([]);
      expect(client.socket.id).toBe(this.#ids[index]);
    }
  }
}
