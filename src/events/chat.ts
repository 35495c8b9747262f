/** Chat: questions in natural language, answers as a stream. */
import * as z from "zod";
import { client, family, server } from "./define.ts";
import { envelopeFields } from "./envelope.ts";
import { backendRefusals, count, id, record } from "./fields.ts";

export const chatEvents = family("chat", {
  chat: client({
    schema: z.strictObject({
      conversationId: id,
      message: z.string().min(1).max(100_000),
      context: record.optional(),
    }),
    summary: "Sends a message to a conversation.",
    example: {
      conversationId: "conv_01",
      message: "What did BTC-USDT trade at last?",
      context: { symbol: "BTC-USDT" },
    },
    responses: [
      "chat_typing",
      "chat_stop_typing",
      "chat_message",
      "chat_response",
      "chat_error",
      ...backendRefusals,
    ],
    completion: "chat_response",
    error: "chat_error",
  }),
  chat_typing: server({
    delivery: "transient",
    schema: z.looseObject({ conversationId: id }),
    summary: "An answer is being written.",
    example: { conversationId: "conv_01" },
  }),
  chat_stop_typing: server({
    delivery: "transient",
    schema: z.looseObject({ conversationId: id }),
    summary: "No answer is being written any more.",
    example: { conversationId: "conv_01" },
  }),
  chat_message: server({
    delivery: "durable",
    schema: z.looseObject({ conversationId: id, role: z.string(), delta: z.string(), isFinal: z.boolean() }),
    summary: "A piece of the answer, to be appended to those before it.",
    example: {
      conversationId: "conv_01",
      role: "assistant",
      delta: "The last trade was at ",
      isFinal: false,
    },
  }),
  chat_response: server({
    delivery: "durable",
    schema: z.looseObject({
      conversationId: id,
      messageId: id,
      tokens: z.union([count, record], { error: "Expected a count, or an object of counts" }),
      sql: z.string().optional(),
    }),
    summary: "The answer is complete; nothing more follows.",
    example: {
      conversationId: "conv_01",
      messageId: "msg_01",
      tokens: 128,
      sql: "SELECT price FROM trades ORDER BY timestamp DESC LIMIT 1",
    },
  }),
  chat_error: server({
    delivery: "durable",
    schema: z.looseObject({ conversationId: id, ...envelopeFields }),
    summary: "The message could not be answered; nothing more follows.",
    example: { conversationId: "conv_01", code: "INTERNAL", message: "No answer could be made. Try again." },
  }),
});
