import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { bar, type Service, startService } from "../support/service.ts";

const SYMBOL = "FAN-USD";
const ROOM = `market:${SYMBOL}`;
const GATEWAYS = 5;

interface GatewayStats {
  readonly delivered: number;
  readonly relayed: number;
  readonly webSockets: number;
}

let service: Service;

afterEach(() => service.stop());

const start = async (vars: Readonly<Record<string, string>> = {}): Promise<void> => {
  const entry = await readFile(new URL("../support/counting-worker.js", import.meta.url), "utf8");
  service = await startService({ entry, vars: { GATEWAYS_PER_COLO: String(GATEWAYS), ...vars } });
};

/** What each gateway was asked, in order of their names. */
const stats = async (): Promise<GatewayStats[]> =>
  Promise.all(
    Array.from({ length: GATEWAYS }, async (_, index) => {
      const response = await fetch(`${service.origin}/test/stats?gateway=local-${index}`);
      return (await response.json()) as GatewayStats;
    }),
  );

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

/** Sockets in the room, so many that every gateway has at least one. */
const fill = async (atLeast: number): Promise<TestClient[]> => {
  const clients: TestClient[] = [];
  while (clients.length < atLeast || (await stats()).some(({ webSockets }) => webSockets === 0)) {
    const client = await service.connect(`user_${clients.length}`);
    clients.push(client);
    await client.subscribe(ROOM);
  }
  return clients;
};

/** Publishes events one by one, each once all of these have the one before. */
const publish = async (
  clients: readonly TestClient[],
  from: number,
  to: number,
  symbol = SYMBOL,
): Promise<void> => {
  for (let number = from; number <= to; number++) {
    await service.publish(bar(symbol, number));
    await Promise.all(clients.map((client) => client.next("market_chart_live_update")));
  }
};

const numbersOf = (client: TestClient): number[] =>
  client
    .payloads("market_chart_live_update")
    .filter(({ symbol }) => symbol === SYMBOL)
    .map(({ timestamp }) => timestamp);

/** The clients that are on none of these gateways. */
const elsewhere = (clients: readonly TestClient[], gateways: readonly string[]): TestClient[] =>
  clients.filter(({ sessionId }) => !gateways.includes(sessionId.split(".")[0] ?? ""));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describe("FAN-1 the cost of an event", () => {
  it("grows with the gateways that have subscribers, not with the sockets", async () => {
    await start({ PRESENCE_LIMIT: "0" });
    const few = await fill(1);
    await publish(few, 1, 3);
    const before = (await stats()).map(({ delivered }) => delivered);
    expect(before).toEqual(Array(GATEWAYS).fill(3));
    const many = [...few, ...(await fill(60))];
    await publish(many, 4, 6);
    expect((await stats()).map(({ delivered }) => delivered)).toEqual(Array(GATEWAYS).fill(6));
  });
});

describe("FAN-3 relays", () => {
  it("pass on what the room does not send itself: once, in order, at no more calls", async () => {
    await start({ PRESENCE_LIMIT: "0", FANOUT_WIDTH: "2" });
    const clients = await fill(10);
    await publish(clients, 1, 4);
    const all = await stats();
    expect(sum(all.map(({ relayed }) => relayed))).toBe(2 * 4);
    // A relay delivers its own by the call it gets.
    expect(sum(all.map(({ delivered }) => delivered))).toBe((GATEWAYS - 2) * 4);
    // Gateways that have hibernated relay, too.
    for (let index = 0; index < GATEWAYS; index++) await service.evict("Gateway", `local-${index}`);
    await publish(clients, 5, 8);
    for (const client of clients) expect(numbersOf(client)).toEqual(upTo(8));
  });

  it("that are lost cost no one else an event", async () => {
    await start({ PRESENCE_LIMIT: "0", FANOUT_WIDTH: "1" });
    const clients = await fill(10);
    await publish(clients, 1, 2);
    const lostGateways = ["local-0", "local-1"];
    const stayed = elsewhere(clients, lostGateways);
    for (const [lost, gateway] of lostGateways.entries()) {
      await fetch(`${service.origin}/test/abort?gateway=${gateway}`);
      // While the clients of the lost gateway come back.
      for (const number of upTo(10)) await service.publish(bar(SYMBOL, 2 + 10 * lost + number));
    }
    expect(stayed.length).toBeGreaterThan(0);
    for (const client of stayed) {
      expect((await client.all("market_chart_live_update", 22)).map(({ timestamp }) => timestamp)).toEqual(
        upTo(22),
      );
    }
  });
});

describe("FAN-5 links", () => {
  it("carry what a room and its relays send often, and cost nobody an event when they break", async () => {
    await start({ PRESENCE_LIMIT: "0", FANOUT_WIDTH: "2" });
    const clients = await fill(10);
    await publish(clients, 1, 10);
    expect((await service.room(ROOM)).links).toBe(0);
    const ask = async () => (await fetch(`${service.origin}/test/link?gateway=local-0`)).text();
    expect(await ask()).toBe("refused");
    // Gateways that only this room called would be busy after it, and be asked again after ten seconds.
    await Promise.all(clients.map((client) => client.subscribe("market:OTHER-USD")));
    await publish(clients, 1, 150, "OTHER-USD");
    await publish(clients, 11, 150);
    expect((await service.room(ROOM)).links).toBeGreaterThan(0);
    expect(await ask()).toBe("opened");
    const calls = (await stats()).map(({ delivered, relayed }) => delivered + relayed);
    expect(sum(calls)).toBe(GATEWAYS * 300);
    // One that the room calls, over a link.
    const relays = (await stats()).map(({ relayed }) => relayed);
    const lost = `local-${relays.indexOf(Math.max(...relays))}`;
    const stayed = elsewhere(clients, [lost]);
    await fetch(`${service.origin}/test/abort?gateway=${lost}`);
    await publish(stayed, 151, 170);
    for (const client of stayed) expect(numbersOf(client)).toEqual(upTo(170));
  });
});
