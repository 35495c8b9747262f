import * as fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AssistantOptions,
  assistant,
  type Data,
} from "../../../../../src/backends/embedded/chat/assistant/assistant.ts";
import { dataOf } from "../../../../../src/backends/embedded/chat/assistant/dataset-data.ts";
import { inlined } from "../../../../../src/backends/embedded/chat/assistant/selects.ts";
import { type err, ok } from "../../../../../src/lib/result.ts";
import { type Answered, RealData, TestConversation } from "./real-data.ts";

let data: RealData;
/** SQL that was run, without its parameters. */
let ran: string[];

beforeAll(() => {
  data = new RealData();
});

/** What would be other if anything had been written. */
const changes = (): unknown =>
  data.storage.database
    .prepare("SELECT total_changes() AS rows, group_concat(sql) AS schema FROM sqlite_master")
    .get();

const NOW = Date.UTC(2026, 10, 22, 12);

const recording: AssistantOptions["dataOf"] = (asker, signal): Data => {
  const real = dataOf({ getByName: () => data.queries }, async () => {})(asker, signal);
  return {
    ask: (sql, params) => {
      ran.push(sql);
      return real.ask(sql, params);
    },
  };
};

const conversation = () => {
  ran = [];
  return new TestConversation(assistant({ dataOf: recording }), () => NOW);
};

const ask = (question: string): Promise<Answered> => conversation().ask(question);

describe("a question that is not understood as a whole", () => {
  it.each([
    ["What will the price of BTC be tomorrow?", '"will" and "tomorrow"'],
    ["What is the weather?", '"weather"'],
    ["highest price of BTC excluding the first minute", '"excluding"'],
    ["highest price of BTC not on 2024-08-09", '"not"'],
    ["trades of BTC with a price > 61600", '">" and "61600"'],
    ["median price of BTC", '"median"'],
    ["last price of pepe", '"pepe"'],
    ["price of BTC on 2024-02-30", '"2024-02-30"'],
    ["price of BTC at 25:00", '"25:00"'],
    ["price of BTC at 9am local time", '"local"'],
    ["price of BTC at 13pm", '"13pm"'],
    ["price and volume of BTC", '"price" and "volume"'],
    ["what happened with BTC", '"happened"'],
    ["average volume of BTC", '"average" and "volume"'],
    ["highest volume candle of BTC", '"highest", "volume" and "candle"'],
    ["highest price of BTC and ETH", "one symbol at a time"],
    ["price of BTC between 00:01 and 00:02 and since 00:03", "one span of time"],
    ["how many trades of BTC in total and of what value", '"many", "trades", "total" and "value"'],
    ["How many buyers were there of BTC?", '"many" and "buyers"'],
    ["How many buyers and sellers of BTC?", '"many", "buyers" and "sellers"'],
    ["Who bought BTC?", '"Who"'],
    ["Where was BTC traded?", '"Where"'],
    ["how much does it cost to buy BTC", '"cost"'],
    ["value of the last trade of BTC", '"value", "last" and "trade"'],
    ["average value of the trades of BTC", '"average", "value" and "trades"'],
    ["trade of the highest value of BTC", '"trade", "highest" and "value"'],
    ["price and value of BTC", '"price" and "value"'],
    ["1 minute candles of BTC with the value", '"candles" and "value"'],
    ["total price of the buys of BTC", '"total", "price" and "buys"'],
    ["How many times was BTC traded?", '"many", "times" and "traded"'],
    ["What time range does BTC cover?", '"time", "range" and "cover"'],
    ["largest and smallest trade of BTC", '"largest", "smallest" and "trade"'],
    ["last trades of BTC", '"last" and "trades"'],
    ["all prices of BTC", '"prices"'],
    ["price of BTC trades", '"price" and "trades"'],
    ["When was BTC traded?", '"when" and "traded"'],
    ["average trade of BTC", '"average" and "trade"'],
    ["average buy of BTC", '"average" and "buy"'],
    ["compare the volume of BTC", '"compare" and "volume"'],
    ["compare the sizes of buys and sells of BTC", '"compare", "sizes"'],
    ["volume per trade of BTC", '"per"'],
    ["price of each trade of BTC", '"each"'],
    ["highest price of any coin", '"coin"'],
    ["Which symbol had the highest price?", '"symbol"'],
    ["What is the price in dollars?", "convert nothing to USD"],
    ["how many 5 minute candles are there?", "Only candles have a resolution"],
    ["number of transfers and the largest", '"number"'],
    ["size of the transfers", '"size"'],
    ["when was 0x098B716B8Aaf21512996dC57EB0615e2383E2f96 sanctioned?", '"when"'],
    [
      "how much did 0x098B716B8Aaf21512996dC57EB0615e2383E2f96 receive from sanctioned addresses?",
      "one at a time",
    ],
    ["how many BTC addresses are on the OFAC list?", "not by asset"],
    ["transfers on tron and bitcoin", "one chain at a time"],
    ["how many rows on tron?", "not of a part of it"],
    ["which symbols are there on arbitrum?", "to a chain"],
    ["what time is it?", "I do not see what you ask"],
    ["how many labels in 2024?", "span of time"],
    ["1 minute candles of BTC and 5 minute candles", "5"],
    ["last price of BTC every 5 minutes", '"every"'],
    ["SELECT price FROM trades", "looks like SQL"],
    ["", "I do not see what you ask"],
    ["???", "I do not see what you ask"],
    ["🙂", '"🙂"'],
    ["and for ETH?", "I do not see what you ask"],
    [`why ${"very ".repeat(500)}`, "too long"],
  ])("is refused, with the reason and three examples: %s", async (question, reason) => {
    const { text, sql, parts } = await ask(question);
    expect(text).toMatch(/^I cannot answer that\./);
    expect(text).toContain(reason);
    expect(text.match(/^- /gm)).toHaveLength(3);
    expect(sql).toBeUndefined();
    expect(parts.at(-1)).toEqual({ type: "done", tokens: { prompt: 0, completion: 0, total: 0 } });
    // Nothing was looked up but the symbols.
    expect(ran).toHaveLength(1);
  });

  it("has examples that are answered", async () => {
    const { text } = await ask("help");
    const examples = [...text.matchAll(/^- (.*)$/gm)].map(([, example]) => example ?? "");
    expect(examples).toHaveLength(3);
    for (const example of examples) expect((await ask(example)).sql).toMatch(/^SELECT/);
  });
});

describe("a question that the data cannot answer", () => {
  it.each([
    ["last price of DOGE", "The data has no trades of DOGE. It has BTC-USDT and ETH-USDT."],
    ["price of solana", "The data has no trades of SOL. It has BTC-USDT and ETH-USDT."],
    ["price of BTC-USD", "The data has no trades of BTC-USD. It has BTC-USDT and ETH-USDT."],
    ["price of BTC in dollars", "The data has no trades of BTC-USD. It has BTC-USDT and ETH-USDT."],
    [
      "volume of BTC today",
      "The data has no trades of BTC-USDT from 2026-11-22 00:00:00 UTC to 2026-11-23 00:00:00 UTC",
    ],
    ["volume of BTC yesterday", "The data has no trades of BTC-USDT from 2026-11-21 00:00:00 UTC"],
    ["price of BTC before 2024", "Of BTC-USDT it has 10147 trades from 2024-08-09 00:00:01.437 UTC to"],
    ["transfers on solana", "The data has no transfers on solana."],
  ])("is answered with what there is instead: %s", async (question, expected) => {
    const { prose, sql } = await ask(question);
    expect(prose).toContain(expected);
    expect(sql).toMatch(/^SELECT/);
  });

  it("is said to be so when there is nothing at all", async () => {
    const empty: Data = {
      ask: async (sql) => ok(sql.includes("count(*)") && !sql.includes("GROUP BY") ? [{ trades: 0 }] : []),
    };
    const talk = () => new TestConversation(assistant({ dataOf: () => empty }), () => NOW);
    expect((await talk().ask("last price of BTC")).prose).toBe("The data has no trades.");
    expect((await talk().ask("which symbols are there?")).prose).toBe("The data has no trades.");
  });

  it("fails when the data does not answer: busy, or refused", async () => {
    const failing = (error: Parameters<typeof err>[0]) =>
      dataOf(
        { getByName: () => ({ query: async () => ({ status: "refused", error: error as never }) }) },
        async () => {},
      );
    const busy = { code: "RATE_LIMITED", message: "Too many.", retryAfter: 5 };
    const said = async (error: unknown) => {
      const talk = new TestConversation(assistant({ dataOf: failing(error) }), () => NOW);
      return (await talk.ask("last price of BTC")).parts;
    };
    expect(await said(busy)).toEqual([{ type: "failed", error: busy }]);
    expect(await said({ code: "VALIDATION_FAILED", message: "It costs too much." })).toEqual([
      {
        type: "failed",
        error: { code: "INTERNAL", message: "The query that answers this was not run. It costs too much." },
      },
    ]);
  });
});

describe("hostile questions", () => {
  const INJECTIONS = [
    "last price of BTC-USDT'; DROP TABLE trades; --",
    "last price of BTC-USDT' OR '1'='1",
    "last price of X-Y'); DELETE FROM trades; --",
    'volume of BTC" UNION SELECT 1 --',
    "is 0x098B716B8Aaf21512996dC57EB0615e2383E2f96' OR 1=1 -- sanctioned?",
    "is AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1' OR ''=' sanctioned?",
    "is '0x098B716B8Aaf21512996dC57EB0615e2383E2f96' sanctioned",
    "transfers on tron' OR 1=1",
    "price of BTC at 00:01' OR 1=1",
    "price of BTC?1?2??3",
  ];

  it.each(INJECTIONS)("become parameters or are refused, and change nothing: %s", async (question) => {
    const before = changes();
    const { parts } = await ask(question);
    expect(parts.at(-1)?.type).toBe("done");
    // None of the question's own text is in the SQL that runs.
    for (const sql of ran) expect(sql).not.toMatch(/DROP|DELETE|1=1|--|'1'|0x098|BTC/);
    expect(changes()).toEqual(before);
  });

  it("show SQL in which texts stay texts", () => {
    const select = { sql: "SELECT ? AS a, ? AS b, ? AS c", params: ["it's '; --", -5, "?"] };
    const [row] = data.storage.database.prepare(inlined(select)).all();
    expect({ ...row }).toEqual({ a: "it's '; --", b: -5, c: "?" });
  });

  it("whatever is said is answered or refused, never thrown at, and no SELECT is refused", async () => {
    const before = changes();
    const words = fc.constantFrom(
      ...[
        "highest",
        "lowest",
        "price",
        "of",
        "BTC",
        "ETH-USDT",
        "volume",
        "last",
        "first",
        "5",
        "minutes",
        "hour",
        "since",
      ],
      ...[
        "between",
        "and",
        "00:01",
        "00:02:30.5",
        "2024-08-09",
        "candles",
        "1m",
        "buys",
        "sells",
        "compare",
        "how many",
      ],
      ...[
        "trades",
        "transfers",
        "on",
        "tron",
        "ethereum",
        "sanctioned",
        "exposure",
        "it",
        "what about",
        "average",
        "size",
      ],
      ...[
        "0x098B716B8Aaf21512996dC57EB0615e2383E2f96",
        "rows",
        "table",
        "symbols",
        "change",
        "at",
        "-",
        "August",
        "2024",
      ],
      ...[
        "'",
        '"',
        ";",
        "?",
        "1e999",
        "\u0000",
        "\ud800",
        "99999999999999999999",
        "9999999 weeks",
        "00:00",
        "24:00",
        "12:00pm",
      ],
    );
    const sentence = fc.oneof(
      { weight: 4, arbitrary: fc.array(words, { maxLength: 9 }).map((list) => list.join(" ")) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 60 }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(sentence, { minLength: 1, maxLength: 3 }), async (questions) => {
        const talk = conversation();
        for (const question of questions) {
          const { parts, text, sql } = await talk.ask(question);
          expect(parts.at(-1)?.type).toBe("done");
          expect(text).not.toBe("");
          expect(text).not.toMatch(/undefined|null|NaN|unknown time/);
          if (text.startsWith("I cannot answer")) expect(sql).toBeUndefined();
        }
      }),
      { numRuns: 60 },
    );
    expect(changes()).toEqual(before);
  }, 60_000);

  it("takes a very long message in little time", async () => {
    const began = performance.now();
    for (const text of ["1", "a", "A-", "00:", "last 5 ", "between ", "🙂", "0x"]) {
      await ask(text.repeat(Math.floor(100_000 / text.length)));
    }
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
