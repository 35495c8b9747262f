import { afterAll, beforeAll, expect, it } from "vitest";
import type { TestClient } from "../support/client.ts";
import { type Passed, type RoundRobinProxy, startRoundRobinProxy } from "../support/round-robin-proxy.ts";
import { bar, credit, type Service, startService } from "../support/service.ts";

const FRONTS = 6;
const POLLING_CLIENTS = 200;
const UPGRADING_CLIENTS = 10;
const EVENTS = 12;
const ROOM = "market:BTC-USD";

let service: Service;
let proxy: RoundRobinProxy;

beforeAll(async () => {
  service = await startService({
    fronts: FRONTS,
    // Hundreds of clients come at once, from the two cores that serve them.
    vars: { GATEWAYS_PER_COLO: "2", PRESENCE_LIMIT: "0", CONNECT_TIMEOUT: "60000" },
  });
  proxy = await startRoundRobinProxy(service.workers);
});
afterAll(async () => {
  proxy.close();
  await service.stop();
});

const sessionOf = ({ url }: Passed): string | null => new URL(url, proxy.origin).searchParams.get("sid");

it(`CONN-1 CONN-10 CONN-11 any Worker takes any request: ${POLLING_CLIENTS} polling clients through ${
  FRONTS + 1
} Workers and two gateways`, async () => {
  // One after the other, so that the handshake and the upgrade are told apart from those of others.
  const upgraded: TestClient[] = [];
  for (let index = 0; index < UPGRADING_CLIENTS; index++) {
    const seen = proxy.passed.length;
    const client = await service.connect(`user_upgrading_${index}`, {
      origin: proxy.origin,
      transports: "default",
    });
    await client.upgraded();
    const requests = proxy.passed.slice(seen);
    const handshake = requests.find((request) => sessionOf(request) === null);
    const upgrade = requests.find(({ status }) => status === 101);
    expect(upgrade).toBeDefined();
    expect(upgrade?.target).not.toBe(handshake?.target);
    upgraded.push(client);
  }

  const polling = await Promise.all(
    Array.from({ length: POLLING_CLIENTS }, (_, index) =>
      service.connect(`user_polling_${index}`, { origin: proxy.origin, transports: "polling" }),
    ),
  );
  const clients = [...upgraded, ...polling];
  await Promise.all(clients.map((client) => client.subscribe(ROOM)));
  const sessions = polling.map(({ sessionId }) => sessionId);
  expect(new Set(sessions).size).toBe(POLLING_CLIENTS);
  expect(new Set(sessions.map((id) => id.split(".")[0]))).toEqual(new Set(["local-0", "local-1"]));

  const numbers = Array.from({ length: EVENTS }, (_, index) => index + 1);
  for (const number of numbers) await service.publish(bar("BTC-USD", number));
  await service.publish(clients.map((_, index) => credit(userOf(index), index)));
  await Promise.all(clients.map((client) => client.all("market_chart_live_update", EVENTS)));
  await Promise.all(clients.map((client) => client.all("credits_granted", 1)));
  for (const [index, client] of clients.entries()) {
    expect(client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp)).toEqual(numbers);
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([index]);
  }
  expect(polling.map(({ transport }) => transport)).toEqual(polling.map(() => "polling"));
  expect(upgraded.map(({ transport }) => transport)).toEqual(upgraded.map(() => "websocket"));

  // Not a single request was refused.
  expect(proxy.passed.filter(({ status }) => status >= 400)).toEqual([]);

  const watcher = await service.connect("user_watcher");
  expect(await watcher.subscribe(ROOM)).toMatchObject({ subscriberCount: clients.length + 1 });
  for (const client of clients) client.close();
  await expect
    .poll(() => watcher.request("subscribe", ROOM), { timeout: 10_000 })
    .toEqual({ room: ROOM, subscriberCount: 1 });
  expect(clients.flatMap((client) => client.payloads("disconnect"))).toEqual(
    clients.map(() => "io client disconnect"),
  );

  // Nor since then, but for polls that were overtaken by their client's leave.
  const refused = proxy.passed.filter(({ status }) => status >= 400);
  expect(refused.filter(({ method, status }) => method !== "GET" || status !== 400)).toEqual([]);
  expect(new Set(proxy.passed.map(({ target }) => target)).size).toBe(FRONTS + 1);
  // There was no stickiness that could have helped.
  for (const id of sessions) {
    const targets = new Set(proxy.passed.filter((request) => sessionOf(request) === id).map((r) => r.target));
    expect(targets.size).toBeGreaterThan(1);
  }
}, 60_000);

/** The user of the `index`th of all clients. */
const userOf = (index: number): string =>
  index < UPGRADING_CLIENTS ? `user_upgrading_${index}` : `user_polling_${index - UPGRADING_CLIENTS}`;
