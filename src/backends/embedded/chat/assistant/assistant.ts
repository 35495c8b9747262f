import type { ErrorEnvelope } from "../../../../events/envelope.ts";
import { err, ok, type Result } from "../../../../lib/result.ts";
import { TABLES } from "../../dataset/schema.ts";
import type { ChatEngine, ChatPart, ChatQuestion } from "../engine.ts";
import { addressReply } from "./address-reply.ts";
import { during, enumerated, figure, plural, time } from "./phrases.ts";
import type { LabelQuestion, Question, TimeSpan, TradeQuestion, TransferQuestion } from "./question.ts";
import { more, type Reply, sourced, worth } from "./reply.ts";
import {
  anchored,
  inlined,
  isRelative,
  LIST_ROWS,
  labelsSelect,
  OVERVIEW,
  type Param,
  rowsSelect,
  type Select,
  SYMBOLS,
  spanOfSymbol,
  spanOfTransfers,
  tradeSelect,
  transferSelect,
} from "./selects.ts";
import { type Row, tradeReply, tradesFromTo } from "./trade-reply.ts";
import { understand } from "./understand.ts";

/** The data of an application, read only. */
export interface Data {
  /** The rows of one SELECT, or why it was not run. */
  ask(sql: string, params: readonly Param[]): Promise<Result<readonly Row[], ErrorEnvelope>>;
}

/** Who asks, of what. */
export type Asker = Pick<ChatQuestion, "applicationId" | "userId">;

export interface AssistantOptions {
  /** What is asked of it ends when `signal` aborts. */
  dataOf(asker: Asker, signal: AbortSignal): Data;
}

/** No language model, no tokens. */
const NO_TOKENS = { prompt: 0, completion: 0, total: 0 } as const;

/** Takes the place of an answer; thrown and caught in this file. */
class Unreadable extends Error {
  readonly envelope: ErrorEnvelope;

  constructor(envelope: ErrorEnvelope) {
    super(envelope.message);
    this.envelope = envelope;
  }
}

/**
 * Answers questions about the data in English by rules: each question it understands is one SELECT, which it shows. It
 * says no figure that is not in a row, and answers nothing that it does not understand as a whole.
 */
export const assistant = ({ dataOf }: AssistantOptions): ChatEngine => ({
  async *answer(question, signal): AsyncGenerator<ChatPart, void, undefined> {
    const answering = new Answer(dataOf(question, signal));
    let reply: Reply;
    try {
      reply = await answering.reply(question);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      yield { type: "failed", error: error.envelope };
      return;
    }
    const { sentences, selects } = reply;
    for (const [i, sentence] of sentences.entries()) {
      if (signal.aborted) {
        yield { type: "failed", error: { code: "INTERNAL", message: "The answer was cancelled." } };
        return;
      }
      yield { type: "delta", text: i === 0 || sentence.startsWith("\n") ? sentence : ` ${sentence}` };
    }
    for (const select of selects) yield { type: "delta", text: `\n\n\`\`\`sql\n${inlined(select)}\n\`\`\`` };
    const [first] = selects;
    yield { type: "done", tokens: NO_TOKENS, ...(first === undefined ? {} : { sql: inlined(first) }) };
  },
});

class Answer {
  readonly #data: Data;
  #symbols: readonly string[] = [];

  constructor(data: Data) {
    this.#data = data;
  }

  async reply({ history, ...asked }: ChatQuestion): Promise<Reply> {
    this.#symbols = (await this.#rows(SYMBOLS)).map(({ symbol }) => String(symbol));
    let previous: Question | undefined;
    for (const turn of history) {
      const before = this.#understand(turn, previous);
      if (before.ok && before.value.about !== "help") previous = before.value;
    }
    const question = this.#understand(asked, previous);
    return question.ok ? this.#answer(question.value) : this.#refusal(question.error);
  }

  /** A message as it was meant when it came: "today" was that day. */
  #understand(
    { message, context, at }: Pick<ChatQuestion, "message" | "context" | "at">,
    previous: Question | undefined,
  ): Result<Question, string> {
    const symbol = symbolIn(context);
    return understand(message, { previous, symbol, symbols: this.#symbols, now: at });
  }

  #answer(question: Question): Promise<Reply> | Reply {
    switch (question.about) {
      case "trades":
        return this.#trades(question);
      case "address":
        return addressReply(question, (select) => this.#rows(select));
      case "transfers":
        return this.#transfers(question);
      case "labels":
        return this.#labels(question);
      case "rows":
        return this.#tableRows(question.table === undefined ? TABLES : [question.table]);
      case "symbols":
        return this.#overview();
      case "help":
        return {
          sentences: this.#help("I answer questions about the data of this application."),
          selects: [],
        };
      default:
        return question satisfies never;
    }
  }

  async #rows({ sql, params }: Select): Promise<readonly Row[]> {
    const rows = await this.#data.ask(sql, params);
    if (!rows.ok) throw new Unreadable(rows.error);
    return rows.value;
  }

  /** A span by times alone; `extent` finds the oldest and newest of the rows that it is told by. */
  async #anchored(span: TimeSpan, extent: Select): Promise<TimeSpan> {
    if (!isRelative(span)) return span;
    const [row = {}] = await this.#rows(extent);
    return anchored(span, { first: Number(row.first_timestamp), last: Number(row.last_timestamp) });
  }

  async #trades(question: TradeQuestion): Promise<Reply> {
    const symbol = this.#resolve(question.symbol);
    if (!symbol.ok) return { sentences: [symbol.error], selects: [SYMBOLS] };
    const fixed = await this.#anchored(question.span, spanOfSymbol(symbol.value));
    const select = tradeSelect({ ...question, span: fixed }, symbol.value);
    const sentences = tradeReply(question, symbol.value, await this.#rows(select));
    if (sentences !== undefined) return { sentences, selects: [select] };
    const span = spanOfSymbol(symbol.value);
    const [row = {}] = await this.#rows(span);
    const side =
      question.side === undefined ? "" : ` in which the taker ${question.side === "buy" ? "bought" : "sold"}`;
    const none = `The data has no trades of ${symbol.value}${side}${during(question.span)}.`;
    return { sentences: [none, `Of ${symbol.value} it has ${tradesFromTo(row)}.`], selects: [select, span] };
  }

  /** The symbol of the data that a question means; or a sentence that says why none is. */
  #resolve(named: string | undefined): Result<string, string> {
    const symbols = this.#symbols;
    const has =
      symbols.length === 0 ? "It has no trades at all." : `It has ${enumerated(symbols.slice(0, 20))}.`;
    if (symbols.length === 0) return err("The data has no trades.");
    if (named === undefined) {
      const [only] = symbols;
      if (only !== undefined && symbols.length === 1) return ok(only);
      return err(`Which symbol do you mean? The data has trades of ${enumerated(symbols.slice(0, 20))}.`);
    }
    if (symbols.includes(named)) return ok(named);
    const ofCoin = symbols.filter((symbol) => symbol.startsWith(`${named}-`));
    const [only] = ofCoin;
    if (only === undefined) return err(`The data has no trades of ${named}. ${has}`);
    return ofCoin.length === 1 ? ok(only) : err(`Which do you mean: ${enumerated(ofCoin)}?`);
  }

  async #transfers(question: TransferQuestion): Promise<Reply> {
    const fixed = await this.#anchored(question.span, spanOfTransfers(question.chain));
    const select = transferSelect({ ...question, span: fixed });
    const [row] = await this.#rows(select);
    const where = `${question.chain === undefined ? "" : ` on ${question.chain}`}${during(question.span)}`;
    const selects = [select];
    if (row === undefined)
      return { sentences: [`The data has no transfer with a known value in USD${where}.`], selects };
    if (question.measure === "largest") {
      const { from_address, to_address, asset, amount, usd, timestamp, hash, chain } = row;
      return {
        sentences: [
          `The largest transfer${where}, by its value in USD, was ${figure(amount)} ${asset}, worth ${figure(usd)} USD, at ${time(timestamp)}.`,
          `It went on ${chain} from ${from_address} to ${to_address}, in transaction ${hash}.`,
          ...(String(hash).startsWith("synthetic-") ? ["It is synthetic: made up, as the hash says."] : []),
        ],
        selects,
      };
    }
    if (row.transfers === 0) return { sentences: [`The data has no transfers${where}.`], selects };
    return {
      sentences: [
        `The data has ${plural(row.transfers, "transfer")}${where}.`,
        `The first is of ${time(row.first_timestamp)}, the last of ${time(row.last_timestamp)}.`,
        worth(row),
      ],
      selects,
    };
  }

  async #labels({ sanctioned, chain }: LabelQuestion): Promise<Reply> {
    const select = labelsSelect(sanctioned, chain);
    const rows = await this.#rows(select);
    const where = chain === undefined ? "" : ` on ${chain}`;
    if (rows.length === 0) {
      return {
        sentences: [`The data has no ${sanctioned ? "sanctioned" : "labelled"} addresses${where}.`],
        selects: [select],
      };
    }
    const lines = rows.map(
      (row) => `\n- ${row.label}: ${plural(row.addresses, "address", "addresses")} (source: ${sourced(row)})`,
    );
    const head = `${sanctioned ? "Sanctioned" : "Labelled"} addresses in the data${where}, by label:`;
    return { sentences: [head, ...lines, ...more(rows, LIST_ROWS)], selects: [select] };
  }

  async #tableRows(tables: Parameters<typeof rowsSelect>[0]): Promise<Reply> {
    const select = rowsSelect(tables);
    const rows = await this.#rows(select);
    const counts = rows.map((row) => `${row.name} ${figure(row.row_count)}`);
    return { sentences: [`Rows in the data: ${counts.join(", ")}.`], selects: [select] };
  }

  async #overview(): Promise<Reply> {
    const rows = await this.#rows(OVERVIEW);
    if (rows.length === 0) return { sentences: ["The data has no trades."], selects: [OVERVIEW] };
    const lines = rows.map(
      (row) =>
        `\n- ${row.symbol}: ${plural(row.trades, "trade")} from ${time(row.first_timestamp)} to ${time(row.last_timestamp)}`,
    );
    const others = '\nAsk "how many rows does each table have?" for transfers, address labels and bars.';
    return { sentences: ["The data has trades of:", ...lines, others], selects: [OVERVIEW] };
  }

  #refusal(reason: string): Reply {
    return { sentences: this.#help(`I cannot answer that. ${reason}`), selects: [] };
  }

  /** What can be asked: a sentence, and three examples. */
  #help(head: string): string[] {
    const [symbol = "BTC-USDT"] = this.#symbols;
    return [
      head,
      "\nYou can ask, for example:",
      `\n- What was the highest price of ${symbol} in the last 5 minutes of the data?`,
      `\n- Compare the buys and sells of ${symbol}.`,
      "\n- Is 0x098b716b8aaf21512996dc57eb0615e2383e2f96 on the OFAC list?",
    ];
  }
}

/** The symbol that a client's context names, in its JSON. */
const symbolIn = (context: string): string | undefined => {
  if (context === "") return undefined;
  // Written by the handler.
  const { symbol } = JSON.parse(context) as { readonly symbol?: unknown };
  return typeof symbol === "string" ? symbol.toUpperCase() : undefined;
};
