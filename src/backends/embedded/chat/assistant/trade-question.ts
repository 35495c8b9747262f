/** Understands questions about trades. Pure. */
import { err, ok, type Result } from "../../../../lib/result.ts";
import { type Concept, coinOf } from "./lexicon.ts";
import type { Measure, Question, Side, TradeQuestion } from "./question.ts";
import { fitting, listed, type Reading } from "./reading.ts";

const DEFAULT_RESOLUTION = 60_000;

export interface TradeSurroundings {
  /** What was asked before. */
  readonly previous: Question | undefined;
  /** The symbol that the client's context names. */
  readonly symbol: string | undefined;
  /** Symbols that the data has. */
  readonly symbols: readonly string[];
}

/** Words for what trades are asked for. */
export const MEASURING: ReadonlySet<Concept> = new Set([
  ...(["last", "first", "high", "low", "average", "range", "change", "volume", "count", "candles"] as const),
  ...(["compare", "buy", "sell"] as const),
]);

/** The question, or a sentence that says why it is not understood. */
export const tradeQuestion = (
  reading: Reading,
  { previous, symbol, symbols }: TradeSurroundings,
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
  const sides = sidesOf(reading);
  const found = isNothing
    ? before?.measure
    : measureOf(reading, sides === "both", goesOn ? before : undefined);
  const measure = found !== undefined && isWhole(found, reading, sides) ? found : undefined;
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
  // "Which symbol had the highest price?" is about all of them.
  const ofOne: readonly Concept[] = coin.value === undefined ? [] : ["symbol"];
  const allowed = [
    ...MEASURING,
    ...NOUNS,
    ...ofOne,
    ...(["much", "total", "data", "time", "it", "usd"] as const),
  ];
  return fitting(reading, allowed, question);
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
  if (second === undefined) {
    return first === "USD" ? err("I convert nothing to USD. Name a symbol that is priced in it.") : ok(first);
  }
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

const sidesOf = ({ concepts, words }: Reading): Side | "both" | undefined => {
  const buy = concepts.has("buy");
  const sell = concepts.has("sell");
  const bySide = words.some(({ text }) => /^sides?$/i.test(text));
  if (buy === sell && (buy || bySide)) return "both";
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
  // "The value of the buys", "the total value": of all trades together, not of one coin.
  const together = (["trade", "buy", "sell", "total"] as const).some(has);
  if (!named && has("value") && together) return "volume";
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

const ADDED_UP: readonly Measure[] = ["volume", "count", "sides"];

const OF_PRICES: readonly Measure[] = [
  ...(["last-price", "first-price", "highest-price", "lowest-price"] as const),
  ...(["average-price", "price-range", "price-change"] as const),
];

/** Whether what is measured answers all the words: of what is asked, nothing is to be passed over. */
const isWhole = (
  measure: Measure,
  { concepts, words }: Reading,
  sides: Side | "both" | undefined,
): boolean => {
  const has = (...some: Concept[]): boolean => some.some((concept) => concepts.has(concept));
  const said = (pattern: RegExp): boolean => words.some(({ text }) => pattern.test(text));
  // Whoever trades is not in the data, so that nobody can be counted.
  if (has("count") && said(/^(?:buyers?|sellers?)$/i)) return false;
  // With what?
  if (said(/^(?:compar.*|versus|vs|against)$/i) && sides !== "both") return false;
  // "How many times", "the time range", "when was it traded".
  if (has("time") && (has("count") || measure === "price-range" || measure === "volume")) return false;
  if (has("total") && !ADDED_UP.includes(measure)) return false;
  if (has("size") && measure === "sides") return false;
  // "The last trades", "all prices": several.
  if ((measure === "last-price" || measure === "first-price") && said(/^(?:prices|trades)$/i)) return false;
  // Of their prices, or of their sizes?
  const dealt = has("trade", "traded", "buy", "sell");
  if (measure === "average-price" && dealt && !has("price", "value")) return false;
  if (measure === "price-range") {
    if (said(/^(?:biggest|largest|greatest|smallest)$/i)) return false;
    if (has("trade") && !has("price", "range")) return false;
  }
  return !has("value") || valued(measure, has, said);
};

/** Whether the answer has the value that is asked for: that of a coin is its price, that of trades what was paid. */
const valued = (
  measure: Measure,
  has: (...some: Concept[]) => boolean,
  said: (pattern: RegExp) => boolean,
): boolean => {
  // What it costs to buy is the price; what the buys cost is not.
  if (said(/^costs?$/i) && has("buy", "sell")) return false;
  if (measure === "volume" || measure === "sides") return true;
  if (has("price", "trade", "traded", "buy", "sell", "size")) return false;
  const isNamed = has("last", "first", "high", "low", "average", "range", "change");
  return OF_PRICES.includes(measure) && (isNamed || measure === "last-price");
};
