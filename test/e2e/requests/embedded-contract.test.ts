import path from "node:path";
import { afterAll, expect } from "vitest";
import { BarBuilder, readTrades } from "../../../scripts/lib/bars.ts";
import { importDemoData } from "../../../scripts/lib/demo-data.ts";
import { ROOT } from "../../../scripts/lib/wrangler.ts";
import { startAskedService } from "../../support/asker.ts";
import { INGEST_TOKEN } from "../../support/service.ts";
import { describeContract } from "../../unit/backends/contract.ts";

const { server, run } = await startAskedService({});
const { url } = server;

afterAll(() => server.stop());

await importDemoData({ url, token: INGEST_TOKEN, application: "demo" });

// What a market's room has of the recorded trades: the last state of each bar.
const builder = new BarBuilder("BTC-USDT");
const bars = new Map(
  readTrades(path.join(ROOT, "data/trades-btc-usdt-2024-08-09.csv"))
    .map((trade) => builder.add(trade))
    .map((bar) => [bar.timestamp, { event: "market_chart_live_update", data: { ...bar, venue: "binance" } }]),
);
const published = await fetch(`${url.origin}/api/events`, {
  method: "POST",
  headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
  body: JSON.stringify([...bars.values()]),
});
expect(await published.json()).toEqual({ accepted: bars.size, rejected: [] });

describeContract("the embedded backend", run);
