/** Credits: every movement reaches the personal room, and is never dropped. */
import * as z from "zod";
import { family, server } from "./define.ts";
import { decimal, id, timestamp } from "./fields.ts";

export const creditsEvents = family("credits", {
  credit_balance_updated: server({
    delivery: "durable",
    schema: z.looseObject({
      newBalance: decimal,
      lifetimeEarned: decimal,
      lifetimeSpent: decimal,
      applicationId: id,
    }),
    summary: "Your credit balance changed.",
    example: { newBalance: 940, lifetimeEarned: 1000, lifetimeSpent: 60, applicationId: "app_1" },
  }),
  credits_deducted: server({
    delivery: "durable",
    schema: z.looseObject({
      amount: decimal,
      newBalance: decimal,
      action: z.string(),
      transactionId: id,
      timestamp,
    }),
    summary: "Credits were spent.",
    example: {
      amount: "12.50",
      newBalance: "927.50",
      action: "query",
      transactionId: "txn_01",
      timestamp: "2024-08-09T00:00:01.437Z",
    },
  }),
  credits_granted: server({
    delivery: "durable",
    schema: z.looseObject({
      amount: decimal,
      newBalance: decimal,
      reason: z.string(),
      transactionId: id,
      timestamp,
    }),
    summary: "Credits were added.",
    example: {
      amount: 100,
      newBalance: 1027.5,
      reason: "monthly_grant",
      transactionId: "txn_02",
      timestamp: 1723161601437,
    },
  }),
  insufficient_credits: server({
    delivery: "durable",
    schema: z.looseObject({ required: decimal, available: decimal, action: z.string() }),
    summary: "An action was refused because it costs more than you have.",
    example: { required: 25, available: 12.5, action: "address_analysis" },
  }),
});
