import Big from "big.js";
import { beforeAll, describe, expect, it } from "vitest";
import { RealData, TestConversation, type Trade } from "./real-data.ts";

let data: RealData;

beforeAll(() => {
  data = new RealData();
});

const ask = (question: string, context = "") => new TestConversation(data.engine()).ask(question, context);

const DAY = Date.UTC(2024, 7, 9);
const at = (minutes: number, seconds = 0) => DAY + (minutes * 60 + seconds) * 1_000;

const inOrder = (trades: readonly Trade[]): Trade[] =>
  trades.toSorted((a, b) => a.timestamp - b.timestamp || (a.id < b.id ? -1 : 1));

const during = (trades: readonly Trade[], from: number, to: number): Trade[] =>
  inOrder(trades).filter(({ timestamp }) => timestamp >= from && timestamp < to);

const big = (text: string) => new Big(text);
const sum = (values: readonly Big[]): Big => values.reduce((total, value) => total.plus(value), big("0"));
const volume = (trades: readonly Trade[]): string => sum(trades.map(({ size }) => big(size))).toFixed();
const worth = (trades: readonly Trade[]): Big => sum(trades.map(({ price, size }) => big(price).times(size)));
const rounded = (value: Big): string => value.round(8, Big.roundHalfUp).toFixed();
const vwap = (trades: readonly Trade[]): string => rounded(worth(trades).div(volume(trades)));

/** The first trade than which none is better. */
const best = (trades: readonly Trade[], key: "price" | "size", sign: 1 | -1): Trade => {
  const [first, ...rest] = inOrder(trades);
  if (first === undefined) throw new Error("No trades.");
  return rest.reduce((found, trade) => (big(trade[key]).cmp(found[key]) === sign ? trade : found), first);
};

const utc = (ms: number): string =>
  `${new Date(ms)
    .toISOString()
    .replace("T", " ")
    .replace(/(\.000)?Z$/, "")} UTC`;

const newest = (trades: readonly Trade[]): Trade => inOrder(trades).at(-1) as Trade;

type Expectation = (trades: RealData["trades"]) => readonly (string | number)[];

/** What each answer must say, computed from the files alone. */
const QUESTIONS: readonly (readonly [question: string, expected: Expectation])[] = [
  ["What did BTC-USDT trade at last?", ({ btc }) => [newest(btc).price, utc(newest(btc).timestamp)]],
  ["What is the current price of ETH?", ({ eth }) => [newest(eth).price, newest(eth).size]],
  [
    "first price of bitcoin",
    ({ btc }) => [inOrder(btc)[0]?.price ?? "", utc(inOrder(btc)[0]?.timestamp ?? 0)],
  ],
  [
    "What was the highest price of BTC?",
    ({ btc }) => [best(btc, "price", 1).price, utc(best(btc, "price", 1).timestamp)],
  ],
  ["lowest price of ETH/USDT please", ({ eth }) => [best(eth, "price", -1).price]],
  ["When was the lowest price of ethereum reached?", ({ eth }) => [utc(best(eth, "price", -1).timestamp)]],
  [
    "highest price of BTC between 2024-08-09 00:01 and 2024-08-09 00:02:30",
    ({ btc }) => [best(during(btc, at(1), at(2, 30)), "price", 1).price],
  ],
  [
    "highest price of BTC from 00:01 to 00:02",
    ({ btc }) => [best(during(btc, at(1), at(2)), "price", 1).price],
  ],
  [
    "lowest price of BTC in the last 2 minutes",
    ({ btc }) => [best(during(btc, newest(btc).timestamp - 119_999, at(9)), "price", -1).price],
  ],
  [
    "What was the biggest trade of ETH in the first 30 seconds?",
    ({ eth }) => [best(during(eth, 0, (inOrder(eth)[0]?.timestamp ?? 0) + 30_000), "size", 1).size],
  ],
  [
    "smallest sell of BTC",
    ({ btc }) => [
      best(
        btc.filter(({ side }) => side === "sell"),
        "size",
        -1,
      ).size,
    ],
  ],
  ["price of BTC at 00:02", ({ btc }) => [newest(during(btc, 0, at(2) + 1)).price]],
  ["price of ETH at 2024-08-09T00:03:15Z", ({ eth }) => [newest(during(eth, 0, at(3, 15) + 1)).price]],
  [
    "What was the average price of BTC?",
    ({ btc }) => [vwap(btc), rounded(sum(btc.map(({ price }) => big(price))).div(btc.length)), btc.length],
  ],
  ["average trade size of ETH", ({ eth }) => [rounded(big(volume(eth)).div(eth.length)), eth.length]],
  ["How much BTC was traded on 2024-08-09?", ({ btc }) => [volume(btc), rounded(worth(btc)), btc.length]],
  ["ETH volume since 00:04:30", ({ eth }) => [volume(during(eth, at(4, 30), at(9)))]],
  ["volume of ETH before 00:01", ({ eth }) => [volume(during(eth, 0, at(1))), during(eth, 0, at(1)).length]],
  [
    "How many BTC were bought on August 9, 2024 between 12:01am and 12:02am?",
    ({ btc }) => [volume(during(btc, at(1), at(2)).filter(({ side }) => side === "buy"))],
  ],
  ["How many trades of ETH are there?", ({ eth }) => [eth.length, utc(newest(eth).timestamp)]],
  [
    "number of sells of BTC at 00:03",
    ({ btc }) => [during(btc, at(3), at(4)).filter(({ side }) => side === "sell").length],
  ],
  ...["worth of the buys of BTC", "What were the buys of BTC worth?", "total value of the buys of BTC"].map(
    (question): readonly [string, Expectation] => [
      question,
      ({ btc }) => {
        const buys = btc.filter(({ side }) => side === "buy");
        return [volume(buys), rounded(worth(buys)), buys.length];
      },
    ],
  ),
  ["total value of ETH", ({ eth }) => [volume(eth), rounded(worth(eth))]],
  ["How much is BTC worth?", ({ btc }) => [newest(btc).price]],
  ["What does BTC cost?", ({ btc }) => [newest(btc).price]],
  [
    "How many ETH coins were sold, and worth how much in total?",
    ({ eth }) => [volume(eth.filter(({ side }) => side === "sell"))],
  ],
  ["volume of the buy side of BTC", ({ btc }) => [volume(btc.filter(({ side }) => side === "buy"))]],
  [
    "Compare the buys and sells of BTC-USDT.",
    ({ btc }) =>
      ["buy", "sell"].flatMap((side) => {
        const trades = btc.filter((trade) => trade.side === side);
        return [`${side}: ${trades.length} trades`, volume(trades), rounded(worth(trades)), vwap(trades)];
      }),
  ],
  [
    "What was the price range of BTC in August 2024?",
    ({ btc }) => {
      const [high, low] = [best(btc, "price", 1).price, best(btc, "price", -1).price];
      return [high, low, big(high).minus(low).toFixed()];
    },
  ],
  [
    "How much did ETH change from 00:01 to 00:04?",
    ({ eth }) => {
      const trades = during(eth, at(1), at(4));
      const [first, last] = [trades[0]?.price ?? "", newest(trades).price];
      const change = big(last).minus(first);
      return [first, last, change.toFixed(), change.times(100).div(first).round(4).toFixed(), trades.length];
    },
  ],
  ["candles of BTC every 2 minutes", () => ["Candles of 2 minutes", "low 61556.04"]],
  [
    "Show me 1 minute candles of BTC between 00:01 and 00:03",
    ({ btc }) =>
      [1, 2].map((minute) => {
        const trades = during(btc, at(minute), at(minute + 1));
        const [high, low] = [best(trades, "price", 1).price, best(trades, "price", -1).price];
        return `${utc(at(minute))}: open ${trades[0]?.price}, high ${high}, low ${low}, close ${newest(trades).price}, volume ${volume(trades)}, ${trades.length} trades`;
      }),
  ],
  [
    "Which symbols are there?",
    ({ btc, eth }) => ["BTC-USDT", btc.length, utc(newest(btc).timestamp), "ETH-USDT", eth.length],
  ],
  [
    "how many rows does each table have?",
    ({ btc, eth }) => [`trades ${btc.length + eth.length}`, "transfers 396", "bars 0"],
  ],
];

describe("a question about trades", () => {
  it.each(QUESTIONS)("%s", async (question, expected) => {
    const { prose, sql, deltas } = await ask(question);
    // As figures stand in a sentence: not as parts of longer ones.
    for (const figure of expected(data.trades)) {
      const text = /^-?\d+\.\d+$/.test(String(figure)) ? big(String(figure)).toFixed() : String(figure);
      const value = text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
      expect(prose).toMatch(new RegExp(`(?<![\\d.])${value}(?!\\.?\\d)`));
    }
    expect(deltas).toBeGreaterThan(1);
    expect(sql).toMatch(/^SELECT /);
  });

  it.each(QUESTIONS)("shows SQL that gives its figures to whoever runs it: %s", async (question) => {
    const { prose, text, sql = "" } = await ask(question);
    expect(text).toContain(`\`\`\`sql\n${sql}\n\`\`\``);
    const rows = await data.query(sql);
    const known = new Set(
      rows.flatMap((row) =>
        Object.values(row).map((value) =>
          typeof value === "number" ? new Big(value).toFixed() : String(value),
        ),
      ),
    );
    // What is left is times, and the numbers of the question.
    const figures = prose
      .replace(/\d{4}-\d{2}-\d{2} [\d:.]+ UTC|[\d:]+ UTC|(?:last|first|of) \d+ \w+|BTC-USDT|ETH-USDT/g, "")
      .match(/-?\d+(?:\.\d+)?/g);
    for (const figure of figures ?? []) expect(known).toContain(figure);
  });
});

describe("a question that goes on from the one before", () => {
  it("keeps what it does not name", async () => {
    const talk = new TestConversation(data.engine());
    const { btc, eth } = data.trades;
    const said = async (question: string) => (await talk.ask(question)).prose;
    expect(await said("What was the highest price of BTC from 00:01 to 00:02?")).toContain("61631.79");
    const lowest = best(during(btc, at(1), at(2)), "price", -1).price;
    expect(await said("And the lowest?")).toContain(`lowest price of BTC-USDT from 00:01:00`);
    expect(await said("And the lowest?")).toContain(lowest);
    expect(await said("and for ETH?")).toContain(best(during(eth, at(1), at(2)), "price", -1).price);
    expect(await said("what about the volume?")).toContain(volume(during(eth, at(1), at(2))));
    expect(await said("and on 2023-01-01?")).toContain("has no trades of ETH-USDT");
    // A whole question begins anew, but for the symbol.
    expect(await said("How many trades were there?")).toContain(`${eth.length} trades of ETH-USDT`);
    expect(await said("BTC?")).toContain(`${btc.length} trades of BTC-USDT`);
    expect(await said("and the buys?")).toMatch(/4990 trades of BTC-USDT/);
  });

  it("goes on from the day that the one before meant, not from its own", async () => {
    let now = at(12 * 60);
    const talk = new TestConversation(data.engine(), () => now);
    expect((await talk.ask("volume of BTC today")).prose).toContain("from 2024-08-09 00:00:00 UTC");
    now += 24 * 3_600_000;
    expect((await talk.ask("and the lowest price?")).prose).toContain(
      "The lowest price of BTC-USDT from 2024-08-09 00:00:00 UTC to 2024-08-10 00:00:00 UTC",
    );
    expect((await talk.ask("volume of BTC yesterday")).prose).toContain("from 2024-08-09 00:00:00 UTC");
    expect((await talk.ask("volume of BTC today")).prose).toContain(
      "has no trades of BTC-USDT from 2024-08-10",
    );
  });

  it("may be the answer to what was asked back", async () => {
    const talk = new TestConversation(data.engine());
    expect((await talk.ask("What was the highest price?")).prose).toBe(
      "Which symbol do you mean? The data has trades of BTC-USDT and ETH-USDT.",
    );
    expect((await talk.ask("ETH")).prose).toContain("The highest price of ETH-USDT was 2684.39 USDT");
  });

  it("goes on from the last one that was understood", async () => {
    const talk = new TestConversation(data.engine());
    await talk.ask("lowest price of ETH");
    await talk.ask("what about the weather?");
    await talk.ask("help");
    expect((await talk.ask("and for BTC?")).prose).toContain(
      "The lowest price of BTC-USDT was 61556.04 USDT",
    );
  });

  it("takes the symbol that the client's context names, unless one is named", async () => {
    const context = JSON.stringify({ symbol: "eth-usdt", other: 1 });
    expect((await ask("last price", context)).prose).toContain("ETH-USDT was 2677.61");
    expect((await ask("last price of BTC", context)).prose).toContain("BTC-USDT was 61602.02");
    expect((await ask("last price", JSON.stringify({ symbol: 5 }))).prose).toMatch(/^Which symbol/);
    expect((await ask("last price", JSON.stringify({ symbol: "x' OR 1=1 --" }))).prose).toMatch(
      /^The data has no trades of X' OR/,
    );
  });
});

describe("a question about addresses", () => {
  const LISTED = "0x098B716B8Aaf21512996dC57EB0615e2383E2f96";

  it("is answered with the labels, their source and its date", async () => {
    for (const address of [LISTED, LISTED.toLowerCase()]) {
      const { prose, sql } = await ask(`Is ${address} on the OFAC list?`);
      expect(prose).toContain("is on a sanctions list");
      expect(prose).toContain("US Treasury OFAC SDN list, as of 2024-09-27");
      expect(await data.query(sql ?? "")).toMatchObject([{ label: "OFAC SDN", category: "sanctions" }]);
    }
  });

  it("does not call an address clean: it names the lists that were searched", async () => {
    const { prose } = await ask("is 0x00000000219ab540356cBB839Cbe05303d7705Fa sanctioned?");
    expect(prose).toBe(
      "The data has no label for 0x00000000219ab540356cBB839Cbe05303d7705Fa on any chain, in upper or lower case. So it is on none of the sanctions lists that the data has (US Treasury OFAC SDN list, as of 2024-09-27, 644 addresses).",
    );
  });

  it("counts transfers and their known worth, both ways, as the file has them", async () => {
    const { prose } = await ask("How many transfers does 123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX have?");
    const rows = data.storage.database
      .prepare("SELECT from_address AS f, to_address AS t, usd FROM transfers")
      .all()
      .map(({ f, t, usd }) => ({ f, t, usd: usd === null ? null : big(String(usd)) }));
    for (const [direction, key] of [
      ["received", "t"],
      ["sent", "f"],
    ] as const) {
      const own = rows.filter((row) => row[key] === "123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX");
      const known = own.flatMap(({ usd }) => (usd === null ? [] : [usd]));
      expect(prose).toContain(`- ${direction}: ${own.length} transfer`);
      if (known.length > 0) expect(prose).toContain(`worth ${sum(known).toFixed()} USD`);
    }
  });

  it("names the labelled addresses that one has dealt with", async () => {
    const talk = new TestConversation(data.engine());
    const { prose } = await talk.ask("What is the exposure of TW1iCqSWaPejU2Ssz1KPa1RJBT8o7koMez?");
    expect(prose).toContain(
      "received from OFAC SDN (sanctions): 2 transfers. Those whose value is known (1) are together worth 10081.45 USD.",
    );
    expect(prose).toContain(
      "sent to synthetic scam (scam): 1 transfer. What that was worth in USD is not known.",
    );
    expect((await talk.ask("and is it sanctioned?")).prose).toContain("on none of the sanctions lists");
  });

  it("says of transfers that are made up that they are", async () => {
    const made = "synthetic: made up";
    expect((await ask("How many transfers does 123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX have?")).prose).toContain(
      made,
    );
    expect((await ask("how many transfers are there?")).prose).toContain(made);
    expect((await ask("largest transfer")).prose).toContain(made);
    expect((await ask("exposure of TW1iCqSWaPejU2Ssz1KPa1RJBT8o7koMez")).prose).toContain(made);
  });

  it("says so when a text is no address, by its checksum", async () => {
    const { prose, sql } = await ask("is 123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KY sanctioned?");
    expect(prose).toContain("I do not know 123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KY as an address");
    expect(prose).toContain("As it is written the data has no label for it, on any chain.");
    expect(await data.query(sql ?? "")).toEqual([]);
  });

  it("counts the list, and transfers of a chain and time", async () => {
    const talk = new TestConversation(data.engine());
    expect((await talk.ask("How many addresses are on the OFAC list?")).prose).toContain(
      "OFAC SDN: 644 addresses",
    );
    expect((await talk.ask("and on monero?")).prose).toContain("OFAC SDN: 3 addresses");
    const { prose } = await talk.ask("total usd of transfers on tron in August 2024");
    const known = data.storage.database
      .prepare("SELECT usd FROM transfers WHERE chain = 'tron' AND timestamp >= ? AND timestamp < ?")
      .all(Date.UTC(2024, 7), Date.UTC(2024, 8));
    const usd = sum(known.flatMap((row) => (row.usd === null ? [] : [big(String(row.usd))])));
    expect(prose).toContain(`The data has ${known.length} transfers on tron`);
    expect(prose).toContain(`worth ${usd.toFixed()} USD`);
    expect((await talk.ask("and the largest?")).prose).toMatch(/largest transfer on tron from 2024-08-01/);
  });
});
