/** Compliance: analysis of addresses, their transactions, and flows across borders. */
import * as z from "zod";
import { client, family, server } from "./define.ts";
import { envelopeFields } from "./envelope.ts";
import { address, backendRefusals, chain, decimal, durationMs, id, list, pct, timeWindow } from "./fields.ts";

// The family has one error event, so requests without a job id of their own report it under their request id.
const error = "address_analysis_error";

export const complianceEvents = family("compliance", {
  address_analysis: client({
    schema: z.strictObject({ chain, address, hops: z.int().min(1).max(5).optional() }),
    summary: "Starts a risk analysis of an address and of those within some hops of it.",
    example: { chain: "ethereum", address: "0x8589427373d6d84e98730d7795d8f6f8731fda16", hops: 2 },
    responses: [
      "address_analysis_started",
      "address_analysis_progress",
      "address_analysis_response",
      "address_analysis_completed",
      error,
      ...backendRefusals,
    ],
    completion: "address_analysis_completed",
    error,
  }),
  address_analysis_started: server({
    delivery: "transient",
    schema: z.looseObject({ jobId: id }),
    summary: "The analysis was accepted and is running.",
    example: { jobId: "job_01" },
  }),
  address_analysis_progress: server({
    delivery: "transient",
    schema: z.looseObject({ jobId: id, stage: z.string(), pct }),
    summary: "How far the analysis has come.",
    example: { jobId: "job_01", stage: "tainting hop 2 of 2", pct: 50 },
  }),
  address_analysis_response: server({
    delivery: "durable",
    schema: z.looseObject({
      jobId: id,
      riskScore: decimal,
      riskLevel: z.string(),
      clusters: list,
      signals: list,
    }),
    summary: "The result of the analysis.",
    example: {
      jobId: "job_01",
      riskScore: 100,
      riskLevel: "severe",
      clusters: [],
      signals: [
        {
          type: "own_label",
          detail: "The address itself is labelled OFAC SDN (sanctions, as of 2024-09-27).",
          address: "0x8589427373d6d84e98730d7795d8f6f8731fda16",
          label: "OFAC SDN",
          category: "sanctions",
          source: "US Treasury OFAC SDN list",
          asOf: "2024-09-27",
          direction: "self",
          hops: 0,
          share: 1,
          points: 100,
        },
      ],
    },
  }),
  address_analysis_completed: server({
    delivery: "durable",
    schema: z.looseObject({ jobId: id, durationMs }),
    summary: "The analysis is done; nothing more follows.",
    example: { jobId: "job_01", durationMs: 2310 },
  }),
  address_analysis_error: server({
    delivery: "durable",
    schema: z.looseObject({ jobId: id, ...envelopeFields }),
    summary: "A compliance request failed; nothing more follows. `jobId` is the id it was accepted under.",
    example: {
      jobId: "job_01",
      code: "INTERNAL",
      message: "The analysis failed. Try again.",
      retryAfter: 30,
    },
  }),
  address_transactions: client({
    schema: z.strictObject({
      chain,
      address,
      limit: z.int().min(1).max(1000).optional(),
      cursor: z.string().min(1).max(4000).optional(),
    }),
    summary: "Asks for a page of an address's transactions.",
    example: { chain: "ethereum", address: "0x8589427373d6d84e98730d7795d8f6f8731fda16", limit: 50 },
    responses: ["address_transactions_response", error, ...backendRefusals],
    completion: "address_transactions_response",
    error,
  }),
  address_transactions_response: server({
    delivery: "durable",
    schema: z.looseObject({
      chain: z.string(),
      address: z.string(),
      transactions: list,
      nextCursor: z.string().nullable(),
    }),
    summary: "One page of transactions; `nextCursor` asks for the next and is null on the last.",
    example: {
      chain: "ethereum",
      address: "0x8589427373d6d84e98730d7795d8f6f8731fda16",
      transactions: [
        {
          hash: "0xabc",
          position: 0,
          timestamp: 1723161600000,
          direction: "in",
          counterparty: "0xc9228a1e2a26d0ab9034b8e1fd6cce1dd2065f4d",
          asset: "ETH",
          amount: "1.25",
          usd: 3125,
        },
      ],
      nextCursor: null,
    },
  }),
  cross_border_flows: client({
    schema: z.strictObject({ corridor: id, window: timeWindow }),
    summary:
      'Asks for the flows along a corridor; `window` is a span back from now such as "30d", or bounds in ms.',
    example: { corridor: "US-MX", window: "30d" },
    responses: ["cross_border_flows_response", error, ...backendRefusals],
    completion: "cross_border_flows_response",
    error,
  }),
  cross_border_flows_response: server({
    delivery: "durable",
    schema: z.looseObject({
      corridor: z.string(),
      flows: list,
      totalsUSD: z.union([decimal, z.record(z.string(), decimal)], {
        error: "Expected a decimal, or an object of decimals",
      }),
    }),
    summary: "The flows along the corridor and their totals in US dollars.",
    example: {
      corridor: "US-MX",
      flows: [
        {
          day: "2024-08-09",
          direction: "outbound",
          from: "US",
          to: "MX",
          count: 2,
          usd: "850.00",
          unvalued: 0,
        },
      ],
      totalsUSD: { outbound: "850.00", inbound: "0.00", net: "850.00" },
    },
  }),
});
