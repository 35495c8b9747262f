import { SCHEMA } from "../../dataset/schema.ts";
import type { ChatQuestion, Turn } from "../engine.ts";

export interface PromptMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

const TABLES = SCHEMA.filter((statement) => statement.startsWith("CREATE TABLE"))
  .map((statement) => statement.replace("IF NOT EXISTS ", ""))
  .join(";\n");

const SYSTEM = `You answer questions about market and blockchain data for a user of LedgerCore Realtime.
The data of the user's application is in these SQLite tables:

${TABLES};

Timestamps are ms since the Unix epoch, UTC. In trades, side is the taker's.
You cannot see the rows and cannot run SQL. Never state a price, volume, count, address label or any other figure that is not in this conversation, and never guess one: say that you cannot see it, and write one SELECT over these tables that the user can run with the "query" event.
Only answer what you know; say plainly what you do not know.`;

const asked = ({ message, context }: Omit<Turn, "answer">): PromptMessage => ({
  role: "user",
  content: context === "" ? message : `Context, as JSON: ${context}\n\n${message}`,
});

/** What the model is sent of a conversation, oldest first. */
export const promptOf = (question: ChatQuestion): PromptMessage[] => [
  { role: "system", content: SYSTEM },
  ...question.history.flatMap((turn): PromptMessage[] => [
    asked(turn),
    { role: "assistant", content: turn.answer },
  ]),
  asked(question),
];
