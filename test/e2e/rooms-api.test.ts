import { afterAll, beforeAll, expect, it } from "vitest";
import { bar, credit, INGEST_TOKEN, type Service, startService } from "../support/service.ts";

let service: Service;

beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.stop());

const get = (room: string, token = INGEST_TOKEN, method = "GET"): Promise<Response> =>
  fetch(`${service.origin}/api/rooms/${encodeURIComponent(room)}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });

const QUIET = { subscribers: 0, gateways: 0, published: 0, conflated: 0, lost: 0, waiting: 0, links: 0 };

it("ROOM-7 tells of a market and of a user what goes on there", async () => {
  const client = await service.connect("user|a");
  await client.subscribe("market:STAT-USD");
  await service.publish([bar("STAT-USD", 1), bar("STAT-USD", 2), credit("user|a", 1)]);
  await client.all("market_chart_live_update", 2);
  await client.next("credits_granted");
  const market = await get("market:STAT-USD");
  expect(market.headers.get("cache-control")).toBe("no-store");
  expect(await market.json()).toEqual({
    ...{ ...QUIET, room: "market:STAT-USD", subscribers: 1, gateways: 1, published: 2 },
  });
  expect(await (await get("user:user|a")).json()).toMatchObject({ subscribers: 1, published: 1 });
});

it("ROOM-7 tells that nobody has used a room", async () => {
  expect(await (await get("market:NOBODY-USD")).json()).toEqual({ ...QUIET, room: "market:NOBODY-USD" });
});

it("ROOM-7 is for backends, of rooms, and only to be read", async () => {
  expect((await get("market:STAT-USD", "wrong")).status).toBe(401);
  const unknown = await get("lobby:1");
  expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: "NOT_FOUND" }]);
  const posted = await get("market:STAT-USD", INGEST_TOKEN, "POST");
  expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET"]);
});
