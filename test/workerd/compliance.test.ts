import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import ofacCsv from "../../data/address-labels-ofac-2024-09-27.csv?raw";
import labelsCsv from "../../data/address-labels-synthetic-sample.csv?raw";
import transfersCsv from "../../data/transfers-synthetic-sample.csv?raw";
import type { BackendEvent, BackendRequest, Handler } from "../../src/backends/backend.ts";
import {
  addressAnalysisHandler,
  addressTransactionsHandler,
  crossBorderFlowsHandler,
} from "../../src/backends/embedded/compliance.ts";
import type { Table } from "../../src/backends/embedded/dataset/schema.ts";
import { sleep } from "../../src/lib/after.ts";
import { log } from "../../src/lib/log.ts";

type Name = "address_analysis" | "address_transactions" | "cross_border_flows";

const deps = { datasets: env.DATASETS, clock: Date.now, sleep, log };

const rowsOf = (csv: string): Record<string, string>[] => {
  // No value of these files has a comma or a quote.
  const [header = "", ...lines] = csv.trimEnd().split("\n");
  const columns = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [columns[i], value])));
};

const shipped: readonly (readonly [source: string, table: Table, csv: string])[] = [
  ["ofac", "address_labels", ofacCsv],
  ["labels", "address_labels", labelsCsv],
  ["transfers", "transfers", transfersCsv],
];

const filled = async (name: string): Promise<void> => {
  for (const [source, table, csv] of shipped) {
    const rows = rowsOf(csv);
    const answer = await env.DATASETS.getByName(name).importBatch(table, { source, position: 0, rows });
    expect(answer).toMatchObject({ status: "imported", rejected: [], progress: { inserted: rows.length } });
  }
};

const ask = async <N extends Name>(
  handler: Handler<N>,
  applicationId: string,
  event: N,
  payload: BackendRequest<N>["payload"],
): Promise<BackendEvent[]> => {
  const request: BackendRequest<N> = {
    ...{ id: "job_1", event, payload, userId: "u", socketId: "s" },
    ...{ applicationId, applications: [applicationId] },
  };
  const events: BackendEvent[] = [];
  for await (const answered of handler(request, new AbortController().signal)) events.push(answered);
  return events;
};

it("REQ-3: compliance requests are answered from a real dataset", async () => {
  await filled("compliance");
  const address = "0x41e1e5f5defbbef7571f631656f4f393202dab5d";

  const analysed = await ask(addressAnalysisHandler(deps), "compliance", "address_analysis", {
    chain: "ethereum",
    address,
    hops: 5,
  });
  expect(analysed.at(0)).toEqual({ event: "address_analysis_started", data: {} });
  expect(analysed.at(-2)).toMatchObject({
    event: "address_analysis_response",
    data: { riskScore: 97.91, riskLevel: "severe", scores: { own: 0, incoming: 97.91, outgoing: 0 } },
  });
  expect(analysed.at(-1)?.event).toBe("address_analysis_completed");

  const transactions: unknown[] = [];
  let cursor: string | null | undefined;
  do {
    const [page] = await ask(addressTransactionsHandler(deps), "compliance", "address_transactions", {
      ...{ chain: "ethereum", address, limit: 2 },
      ...(cursor && { cursor }),
    });
    const data = page?.data as { transactions: unknown[]; nextCursor: string | null };
    transactions.push(...data.transactions);
    cursor = data.nextCursor;
  } while (cursor);
  expect(transactions).toHaveLength(9);

  const window = { from: Date.parse("2024-07-01"), to: Date.parse("2024-09-27") };
  const flows = await ask(crossBorderFlowsHandler(deps), "compliance", "cross_border_flows", {
    corridor: "US-MX",
    window,
  });
  expect(flows).toMatchObject([
    {
      event: "cross_border_flows_response",
      data: { totalsUSD: { outbound: "751133.34", inbound: "491649.88", net: "259483.46" } },
    },
  ]);
});

it("an application sees nothing of another's dataset", async () => {
  await filled("one-application");
  const payload = { chain: "ethereum", address: "0x41e1e5f5defbbef7571f631656f4f393202dab5d" };
  expect(await ask(addressAnalysisHandler(deps), "another", "address_analysis", payload)).toMatchObject([
    { event: "address_analysis_error", data: { code: "NOT_FOUND" } },
  ]);
});
