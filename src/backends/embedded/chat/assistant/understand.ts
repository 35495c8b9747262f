/** Understands a question in English: the whole of it, or not at all. Pure. */
import type { Clock } from "../../../../lib/clock.ts";
import { err, ok, type Result } from "../../../../lib/result.ts";
import { checkedChains } from "../../compliance/addresses.ts";
import type { Table } from "../../dataset/schema.ts";
import { type Concept, coinOf, conceptOf, isJoining } from "./lexicon.ts";
import type {
  AddressQuestion,
  LabelQuestion,
  Measure,
  Question,
  Side,
  TimeSpan,
  TradeQuestion,
  TransferQuestion,
} from "./question.ts";
import { timePhrases } from "./time-phrases.ts";
import { type Token, tokensOf } from "./tokens.ts";

export interface Surroundings {
  /** What was asked before. */
  readonly previous: Question | undefined;
  /** The symbol that the client's context names. */
  readonly symbol: string | undefined;
  /** Symbols that the data has. */
  readonly symbols: readonly string[];
  readonly clock: Clock;
}

/** What the words of a question say, before it is known what they ask. */
interface Reading {
  readonly concepts: ReadonlySet<Concept>;
  readonly words: readonly { readonly concept: Concept; readonly text: string }[];
  readonly coins: readonly string[];
  readonly chains: readonly string[];
  readonly addresses: readonly string[];
  /** Nothing is said but a coin, a chain or a time. */
  readonly bare: boolean;
  readonly span: TimeSpan | undefined;
  readonly resolution: number | undefined;
  /** Goes on from the question before. */
  readonly followUp: boolean;
}

const FOLLOW_UP = /^\W*(?:and|so|then|also|ok|okay|now|what about|how about)\b/i;

const SQL = /^\W*(?:select|insert|update|delete|drop|create|alter|pragma|attach)\b/i;

const DEFAULT_RESOLUTION = 60_000;

/** The question, or a sentence that says why it is not understood. */
export const understand = (text: string, around: Surroundings): Result<Question, string> => {
  if (SQL.test(text)) return err("That looks like SQL, which query runs; I take questions in English.");
  const tokens = tokensOf(text.replace(/\bmost recent\b/gi, "recent"));
  if (tokens === undefined) return err("That is too long a question for me.");
  const phrases = timePhrases(tokens, around.clock);
  if (phrases === undefined) return err("I take one span of time in a question.");
  const { span, resolution, rest } = phrases;
  const reading = read(rest, around.symbols);
  if (!reading.ok) return reading;
  const { previous } = around;
  const followUp = previous !== undefined && FOLLOW_UP.test(text);
  return questionOf({ ...reading.value, span, resolution, followUp }, around);
};

type Words = Pick<Reading, "concepts" | "words" | "coins" | "chains" | "addresses" | "bare">;

const read = (tokens: readonly Token[], symbols: readonly string[]): Result<Words, string> => {
  const bases = new Set(symbols.flatMap((symbol) => symbol.split("-")));
  const compact = new Map(symbols.map((symbol) => [symbol.replaceAll("-", ""), symbol]));
  const words: { concept: Concept; text: string }[] = [];
  const coins = new Set<string>();
  const chains = new Set<string>();
  const addresses: string[] = [];
  const unknown: string[] = [];
  let bare = true;
  const word = (text: string): boolean => {
    const lower = text.toLowerCase();
    const coin = coinOf(lower);
    const chain = checkedChains.includes(lower) ? lower : undefined;
    if (chain !== undefined) chains.add(chain);
    if (coin !== undefined) coins.add(coin);
    if (chain !== undefined || coin !== undefined) return true;
    const concept = conceptOf(lower);
    if (concept !== undefined) {
      if (concept !== "filler") words.push({ concept, text });
      bare &&= isJoining(lower);
      return true;
    }
    const upper = text.toUpperCase();
    const symbol =
      compact.get(upper) ?? (bases.has(upper) || /^[A-Z][A-Z0-9]{1,9}$/.test(text) ? upper : undefined);
    if (symbol !== undefined) coins.add(symbol);
    return symbol !== undefined;
  };
  for (const token of tokens) {
    switch (token.type) {
      case "word":
        if (!word(token.word) && !word(token.text)) unknown.push(token.text);
        break;
      case "pair": {
        // "volume-weighted", "bitcoin-cash", "buy-side", or a symbol.
        const parts = token.text.split(/[-/]/);
        if (conceptOf(token.text.toLowerCase()) || checkedChains.includes(token.text.toLowerCase())) {
          word(token.text);
        } else if (parts.every((part) => conceptOf(part.toLowerCase()))) parts.forEach(word);
        else coins.add(token.pair);
        break;
      }
      case "address":
        addresses.push(token.text);
        break;
      case "dash":
        break;
      default:
        unknown.push(token.text);
    }
  }
  if (unknown.length > 0) return err(`I do not understand ${listed(unknown)}.`);
  const concepts = new Set(words.map(({ concept }) => concept));
  return ok({ concepts, words, coins: [...coins], chains: [...chains], addresses, bare });
};

const listed = (texts: readonly string[]): string => {
  const quoted = [...new Set(texts)].slice(0, 5).map((text) => `"${text.slice(0, 40).toWellFormed()}"`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
};

const questionOf = (reading: Reading, around: Surroundings): Result<Question, string> => {
  const { concepts, addresses, followUp } = reading;
  const { previous } = around;
  const has = (...some: Concept[]): boolean => some.some((concept) => concepts.has(concept));
  const pointsBack = followUp || has("it");
  if (addresses.length > 1) return err("I take one address at a time.");
  const aboutAddress = has("sanction", "label", "exposure", "transfer") || concepts.size === 0;
  if (addresses.length === 1 || (previous?.about === "address" && pointsBack && aboutAddress)) {
    return addressQuestion(reading, previous?.about === "address" ? previous : undefined);
  }
  if (has("help") && reading.coins.length === 0) return ok({ about: "help" });
  if (has("row") || (has("count") && has("candles"))) return rowsQuestion(reading);
  if (has("transfer")) return transferQuestion(reading);
  if (has("sanction", "label", "address")) return labelQuestion(reading);
  const measured = [...concepts].some(
    (concept) => MEASURING.has(concept) && concept !== "range" && concept !== "count",
  );
  if (has("table") && !measured) return rowsQuestion(reading);
  if (has("symbol", "data", "time") && !measured && !has("price") && reading.coins.length === 0) {
    return fitting(reading, ["symbol", "data", "time", "range", "trade", "count", "it"], {
      about: "symbols",
    });
  }
  if (followUp && previous?.about === "transfers" && only(reading, ["high", "count", "usd", "value"])) {
    return transferQuestion(reading, previous);
  }
  if (followUp && previous?.about === "labels" && only(reading, ["count"]))
    return labelQuestion(reading, previous);
  return tradeQuestion(reading, around);
};

const only = ({ concepts }: Reading, allowed: readonly Concept[]): boolean =>
  [...concepts].every((concept) => allowed.includes(concept));

/** The question, if it leaves none of the words out. */
const fitting = (
  { words, span }: Reading,
  allowed: readonly Concept[],
  question: Question,
): Result<Question, string> => {
  const misfits = words.filter(({ concept }) => !allowed.includes(concept));
  if (misfits.length > 0)
    return err(`I do not see what ${listed(misfits.map(({ text }) => text))} asks here.`);
  if (span !== undefined && !("span" in question)) return err("I cannot narrow that down to a span of time.");
  return ok(question);
};

const chainOf = ({ chains }: Reading): string | undefined => chains[0];

const addressQuestion = (
  reading: Reading,
  previous: AddressQuestion | undefined,
): Result<Question, string> => {
  const { concepts, addresses, followUp } = reading;
  const has = (...some: Concept[]): boolean => some.some((concept) => concepts.has(concept));
  const address = addresses[0] ?? previous?.address ?? "";
  const chain = chainOf(reading) ?? (addresses.length === 0 ? previous?.chain : undefined);
  const labels = has("sanction", "label");
  const aspect = has("exposure")
    ? "exposure"
    : labels
      ? has("transfer")
        ? "everything"
        : "labels"
      : has("transfer")
        ? "transfers"
        : ((followUp ? previous?.aspect : undefined) ?? "everything");
  return fitting(
    reading,
    [
      "address",
      "sanction",
      "label",
      "transfer",
      "exposure",
      "usd",
      "value",
      "much",
      "count",
      "data",
      "it",
      "time",
    ],
    { about: "address", aspect, address, ...(chain === undefined ? {} : { chain }) },
  );
};

const rowsQuestion = (reading: Reading): Result<Question, string> => {
  const { concepts } = reading;
  const tables: Table[] = [];
  if (concepts.has("trade")) tables.push("trades");
  if (concepts.has("transfer")) tables.push("transfers");
  if (concepts.has("label") || concepts.has("address")) tables.push("address_labels");
  if (concepts.has("candles")) tables.push("bars");
  if (tables.length > 1 || reading.coins.length > 0 || reading.chains.length > 0) {
    return err("I count the rows of one table, or of each, but not of a part of it.");
  }
  const [table] = tables;
  return fitting(
    reading,
    ["row", "table", "count", "data", "trade", "transfer", "label", "address", "candles", "it"],
    { about: "rows", ...(table === undefined ? {} : { table }) },
  );
};

/** `before`: the question that this one goes on from. */
const transferQuestion = (reading: Reading, before?: TransferQuestion): Result<Question, string> => {
  const { concepts } = reading;
  const span = reading.span ?? before?.span ?? { kind: "all" };
  const named = chainOf(reading);
  if (reading.coins.length > 0 && named === undefined) {
    return err("I know transfers by chain and time, not by asset.");
  }
  const chain = named ?? before?.chain;
  const measure = concepts.has("high")
    ? "largest"
    : concepts.size > 0
      ? "totals"
      : (before?.measure ?? "totals");
  return fitting(
    reading,
    ["transfer", "count", "usd", "value", "much", "high", "data", "time", "range", "size"],
    {
      about: "transfers",
      measure,
      span,
      ...(chain === undefined ? {} : { chain }),
    },
  );
};

const labelQuestion = (reading: Reading, before?: LabelQuestion): Result<Question, string> => {
  const chain = chainOf(reading) ?? before?.chain;
  return fitting(reading, ["sanction", "label", "address", "count", "data"], {
    about: "labels",
    sanctioned: before?.sanctioned ?? reading.concepts.has("sanction"),
    ...(chain === undefined ? {} : { chain }),
  });
};

const MEASURING: ReadonlySet<Concept> = new Set([
  ...(["last", "first", "high", "low", "average", "range", "change", "volume", "count", "candles"] as const),
  ...(["compare", "buy", "sell"] as const),
]);

const tradeQuestion = (
  reading: Reading,
  { previous, symbol, symbols }: Surroundings,
): Result<Question, string> => {
  const { concepts, followUp, span, resolution } = reading;
  const before = previous?.about === "trades" ? previous : undefined;
  const noun = NOUNS.some((concept) => concepts.has(concept));
  const measuring = [...concepts].filter((concept) => MEASURING.has(concept));
  const goesOn = before !== undefined && (followUp || reading.bare);
  const coin = coinsOf(reading, symbols);
  if (!coin.ok) return coin;
  const isNothing = !noun && measuring.length === 0;
  if (isNothing && !goesOn) return err("I do not see what you ask.");
  if (isNothing && coin.value === undefined && span === undefined && resolution === undefined) {
    return err("I do not see what you ask.");
  }
  const sides = sidesOf(measuring);
  const measure = isNothing
    ? before?.measure
    : measureOf(reading, sides === "both", goesOn ? before : undefined);
  if (measure === undefined) {
    return err(`I cannot bring ${listed(reading.words.map(({ text }) => text))} together in one answer.`);
  }
  const side =
    sides === "both" || measure === "sides" ? undefined : (sides ?? (goesOn ? before?.side : undefined));
  const named = coin.value ?? before?.symbol ?? symbol;
  const question: TradeQuestion = {
    about: "trades",
    measure,
    span: span ?? (goesOn ? before?.span : undefined) ?? { kind: "all" },
    resolution: resolution ?? (goesOn ? before?.resolution : undefined) ?? DEFAULT_RESOLUTION,
    ...(named === undefined ? {} : { symbol: named }),
    ...(side === undefined ? {} : { side }),
  };
  if (resolution !== undefined && measure !== "candles") return err("Only candles have a resolution.");
  return fitting(reading, [...MEASURING, ...NOUNS, "much", "symbol", "data", "time", "it", "usd"], question);
};

const NOUNS: readonly Concept[] = ["price", "trade", "traded", "value", "size"];

/** The symbol or coin that is named. */
const coinsOf = (
  { coins, concepts, chains }: Reading,
  symbols: readonly string[],
): Result<string | undefined, string> => {
  const strange = chains.find((chain) => coinOf(chain) === undefined);
  if (strange !== undefined) return err(`"${strange}" is a chain, and trades are not on one.`);
  const named = concepts.has("usd") ? [...coins, "USD"] : coins;
  const [first, second, ...more] = named;
  if (second === undefined) return ok(first === "USD" ? undefined : first);
  if (more.length > 0) return err("I take one symbol at a time.");
  const pair = `${first}-${second}`;
  if (symbols.includes(pair)) return ok(pair);
  // Said twice: "bitcoin (BTC-USDT)".
  const whole = named.find((name) => symbols.includes(name));
  if (whole !== undefined && named.every((name) => whole.split("-").includes(name) || name === whole))
    return ok(whole);
  const isQuote = second === "USD" || symbols.some((symbol) => symbol.endsWith(`-${second}`));
  return isQuote && !first?.includes("-") ? ok(pair) : err("I take one symbol at a time.");
};

const sidesOf = (measuring: readonly Concept[]): Side | "both" | undefined => {
  const buy = measuring.includes("buy");
  const sell = measuring.includes("sell");
  if ((buy && sell) || measuring.includes("compare")) return "both";
  return buy ? "buy" : sell ? "sell" : undefined;
};

/** What is measured, by the words for it, sorted; all of them, so that "average volume" is not taken for either. */
const MEASURES: ReadonlyMap<string, Measure> = new Map<string, Measure>([
  ["", "last-price"],
  ["last", "last-price"],
  ["first", "first-price"],
  ["high", "highest-price"],
  ["low", "lowest-price"],
  ["average", "average-price"],
  ["range", "price-range"],
  ["high low", "price-range"],
  ["high low range", "price-range"],
  ["change", "price-change"],
  ["first last", "price-change"],
  ["volume", "volume"],
  ["count volume", "volume"],
  ["count", "count"],
  ["candles", "candles"],
  ["candles high low", "candles"],
  ["candles first high last low", "candles"],
  ["candles volume", "candles"],
]);

const OF_SIZE: ReadonlyMap<Measure, Measure> = new Map<Measure, Measure>([
  ["highest-price", "largest-trade"],
  ["lowest-price", "smallest-trade"],
  ["average-price", "average-size"],
]);

/** What is measured; undefined if the words do not go together. `before`: the question that this one goes on from. */
const measureOf = (
  { concepts, words }: Reading,
  bothSides: boolean,
  before: TradeQuestion | undefined,
): Measure | undefined => {
  const has = (concept: Concept): boolean => concepts.has(concept);
  const core = [...concepts].filter(
    (concept) => MEASURING.has(concept) && !["buy", "sell", "compare"].includes(concept),
  );
  if (bothSides) {
    return core.every((concept) => ["volume", "count", "average"].includes(concept)) ? "sides" : undefined;
  }
  const named = core.length > 0 || has("price");
  if (!named && has("size")) return undefined;
  // "How much was traded", "how many BTC were bought".
  const moved = words.some(({ text }) => /^(?:traded|bought|sold)$/i.test(text));
  if (moved && !has("trade") && (!named || core.join() === "count")) return "volume";
  // "And the buys?" "The value of BTC". "What did BTC trade at?" "Trades of BTC".
  if (!named && !has("trade")) return before?.measure ?? (has("value") ? "last-price" : undefined);
  if (!named) return words.some(({ text }) => /^trades$/i.test(text)) ? "count" : "last-price";
  const measure = MEASURES.get(core.sort().join(" "));
  // "Trading volume" is one thing, "price and volume" are two.
  const priced = words.some(({ concept, text }) => concept === "price" && !/^trading$/i.test(text));
  if (priced && (measure === "volume" || measure === "count")) return undefined;
  if (measure === undefined || has("price")) return has("size") ? undefined : measure;
  const extreme = measure === "highest-price" || measure === "lowest-price";
  const sizes = ["largest-trade", "smallest-trade", "average-size"];
  const largest = words.some(({ text }) => /^(?:biggest|largest|greatest|smallest)$/i.test(text));
  const ofSize =
    has("size") || (extreme && (has("trade") || largest)) || sizes.includes(before?.measure ?? "");
  if (measure === "count" && !has("trade") && !has("buy") && !has("sell")) return undefined;
  return ofSize ? (OF_SIZE.get(measure) ?? (has("size") ? undefined : measure)) : measure;
};
