import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

const EVENTS = 1_000;
const BATCH = 20;
const SYMBOLS = ["ONE-USD", "TWO-USD", "THREE-USD"];
const NUMBERS = Array.from({ length: EVENTS }, (_, index) => index + 1);

let service: Service;

beforeEach(async () => {
  service = await startService({ vars: { GATEWAYS_PER_COLO: "1" } });
});
afterEach(() => service.stop());

/** Publishes `EVENTS` numbered events in batches, calling `between` before some of them. */
const publishAll = async (
  item: (number: number) => object,
  between: (published: number) => Promise<void> = async () => undefined,
): Promise<void> => {
  for (let start = 0; start < EVENTS; start += BATCH) {
    await between(start);
    await service.publish(NUMBERS.slice(start, start + BATCH).map(item));
  }
};

it("FAN-1, FAN-2, ROOM-5: 50 clients in two namespaces and 3 rooms get 1,000 events each, once and in order", async () => {
  const clients = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      service.connect(`user_${index}`, { path: index % 2 === 0 ? "" : "/ws" }),
    ),
  );
  const symbolOf = (index: number) => SYMBOLS[index % SYMBOLS.length] ?? "";
  for (const [index, client] of clients.entries()) await client.subscribe(`market:${symbolOf(index)}`);
  await Promise.all(SYMBOLS.map((symbol) => publishAll((number) => bar(symbol, number))));
  for (const [index, client] of clients.entries()) {
    const bars = await client.all("market_chart_live_update", EVENTS);
    expect(bars.map(({ timestamp }) => timestamp)).toEqual(NUMBERS);
    expect(new Set(bars.map(({ symbol }) => symbol))).toEqual(new Set([symbolOf(index)]));
    expect(client.payloads("disconnect")).toEqual([]);
  }
  for (const client of clients) client.close();
}, 60_000);

describe("hibernation: eviction of gateways and rooms in mid-stream loses nothing", () => {
  it.each(["market", "personal"])(
    "%s events",
    async (kind) => {
      const user = `user_evict_${kind}`;
      const item = (number: number) => (kind === "market" ? bar("EVICT-USD", number) : credit(user, number));
      const event = kind === "market" ? "market_chart_live_update" : "credits_granted";
      // One after the other: workerd never lets go of an object that took several upgrades at a time.
      const clients: TestClient[] = [];
      for (const path of ["", "/ws", "", "/ws"]) clients.push(await service.connect(user, { path }));
      for (const client of clients) await client.subscribe("market:EVICT-USD");
      await publishAll(item, async (published) => {
        if (published % 200 !== 100) return;
        await service.evict("Gateway", "local-0");
        await service.evict("Room", kind === "market" ? "market:EVICT-USD" : `user:${user}`);
      });
      for (const client of clients) {
        const events = await client.all(event, EVENTS);
        expect(events.map(({ timestamp }) => timestamp)).toEqual(NUMBERS);
        expect(client.payloads("disconnect")).toEqual([]);
        // The gateway still knows who is subscribed to what.
        client.socket.emit("unsubscribe", { room: "market:EVICT-USD" });
        await client.next("unsubscribed");
      }
      await service.publish(bar("EVICT-USD", EVENTS + 1));
      const watcher = await service.connect("user_after");
      expect(await watcher.subscribe("market:EVICT-USD")).toEqual({
        room: "market:EVICT-USD",
        subscriberCount: 1,
      });
      for (const client of clients) {
        await client.settled();
        if (kind === "market") expect(client.payloads(event)).toHaveLength(EVENTS);
        client.close();
      }
      watcher.close();
    },
    60_000,
  );
});
