import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { bar, credit, startService } from "../support/service.ts";

const SYMBOL = "SLOW-USD";
const EVENTS = 60;

const trade = (number: number) => ({
  event: "market_trade",
  data: { symbol: SYMBOL, price: "1.5", size: "2", side: "buy", tradeId: number, timestamp: number },
});

it("MKT-3 in a backlog states of a bar give way to newer ones, and are counted; trades and personal events do not", async () => {
  const service = await startService({
    vars: { GATEWAYS_PER_COLO: "1" },
    entry: await readFile(new URL("../support/counting-worker.js", import.meta.url), "utf8"),
  });
  const stall = (ms: number): Promise<Response> => fetch(`${service.origin}/test/stall?ms=${ms}`);
  try {
    const client = await service.connect("user_slow");
    await client.subscribe(`market:${SYMBOL}`);
    await service.publish(bar(SYMBOL, 0, { volume: 0 }));
    await client.next("market_chart_live_update");
    await stall(200);
    for (let number = 1; number <= EVENTS; number++) {
      await service.publish([bar(SYMBOL, 0, { volume: number }), trade(number), credit("user_slow", number)]);
    }
    const numbers = Array.from({ length: EVENTS }, (_, index) => index + 1);
    const trades = await client.all("market_trade", EVENTS);
    expect(trades.map(({ timestamp }) => timestamp)).toEqual(numbers);
    const credits = await client.all("credits_granted", EVENTS);
    expect(credits.map(({ amount }) => amount)).toEqual(numbers);
    await client.next("market_chart_live_update", ({ volume }) => volume === EVENTS);
    const volumes: number[] = client.payloads("market_chart_live_update").map(({ volume }) => volume);
    expect(volumes).toEqual([...new Set(volumes)].sort((a, b) => a - b));
    expect(volumes.length).toBeLessThan(EVENTS);
    expect(await service.room(`market:${SYMBOL}`)).toMatchObject({
      ...{ published: 2 * EVENTS + 1, conflated: EVENTS + 1 - volumes.length, lost: 0, waiting: 0 },
    });
    // Who keeps up gets all.
    await stall(0);
    await service.publish(bar(SYMBOL, 0, { volume: EVENTS + 1 }));
    await client.next("market_chart_live_update", ({ volume }) => volume === EVENTS + 1);
  } finally {
    await service.stop();
  }
});
