import type { DatabaseSync } from "node:sqlite";
import type { Call, Said } from "./contract.ts";

const COUNT = "SELECT count(*) AS value FROM trades WHERE symbol = ?";
const LAST =
  "SELECT price AS value FROM trades WHERE symbol = ? ORDER BY timestamp DESC, trade_id DESC LIMIT 1";

const HELP =
  "I know the last price and the number of the trades of BTC-USDT and ETH-USDT. Ask me for one of them.";

/** Answers two questions, by SQL, and says so when it is asked another. */
export function* chat(data: DatabaseSync, { requestId, payload }: Call<"chat">): Generator<Said> {
  const { text, sql } = reply(data, payload.message);
  yield { event: "chat_typing", data: {} };
  const words = text.split(/(?<= )/);
  for (const [index, delta] of words.entries()) {
    const isFinal = index === words.length - 1;
    yield { event: "chat_message", data: { role: "assistant", delta, isFinal } };
  }
  yield { event: "chat_stop_typing", data: {} };
  const tokens = { words: words.length };
  yield { event: "chat_response", data: { messageId: requestId, tokens, ...(sql && { sql }) } };
}

const reply = (data: DatabaseSync, message: string): { text: string; sql?: string } => {
  const [, base] = /\b(BTC|ETH)\b/i.exec(message) ?? [];
  if (!base) return { text: HELP };
  const symbol = `${base.toUpperCase()}-USDT`;
  const ask = (sql: string) => ({
    value: data.prepare(sql).get(symbol)?.value,
    sql: sql.replace("?", `'${symbol}'`),
  });
  if (/how many|number|count/i.test(message)) {
    const { value, sql } = ask(COUNT);
    return { text: `There are ${value} trades of ${symbol}, all of 2024-08-09.`, sql };
  }
  if (/price|last|trade at/i.test(message)) {
    const { value, sql } = ask(LAST);
    return { text: `The last recorded trade of ${symbol} was at ${value} USDT, on 2024-08-09.`, sql };
  }
  return { text: HELP };
};
