/** What the words of a question say, before it is known what they ask. Pure. */
import { err, ok, type Result } from "../../../../lib/result.ts";
import { checkedChains } from "../../compliance/addresses.ts";
import { type Concept, coinOf, conceptOf, isJoining } from "./lexicon.ts";
import type { Question, TimeSpan } from "./question.ts";
import type { Token } from "./tokens.ts";

export interface Reading {
  readonly concepts: ReadonlySet<Concept>;
  readonly words: readonly { readonly concept: Concept; readonly text: string }[];
  readonly coins: readonly string[];
  /** Coins that are not also the names of chains. */
  readonly assets: readonly string[];
  readonly chains: readonly string[];
  readonly addresses: readonly string[];
  /** Nothing is said but a coin, a chain or a time. */
  readonly bare: boolean;
  readonly span: TimeSpan | undefined;
  readonly resolution: number | undefined;
  /** Goes on from the question before. */
  readonly followUp: boolean;
}

type Words = Pick<Reading, "concepts" | "words" | "coins" | "assets" | "chains" | "addresses" | "bare">;

/** Reads what is not about time; or says which words are not known. */
export const readWords = (tokens: readonly Token[], symbols: readonly string[]): Result<Words, string> => {
  const bases = new Set(symbols.flatMap((symbol) => symbol.split("-")));
  const compact = new Map(symbols.map((symbol) => [symbol.replaceAll("-", ""), symbol]));
  const words: { concept: Concept; text: string }[] = [];
  const coins = new Set<string>();
  const assets = new Set<string>();
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
    if (coin !== undefined && chain === undefined) assets.add(coin);
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
    if (symbol !== undefined) {
      coins.add(symbol);
      assets.add(symbol);
    }
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
        else {
          coins.add(token.pair);
          assets.add(token.pair);
        }
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
  return ok({
    concepts,
    words,
    coins: [...coins],
    assets: [...assets],
    chains: [...chains],
    addresses,
    bare,
  });
};

/** The texts in quotes, a few of them. */
export const listed = (texts: readonly string[]): string => {
  const quoted = [...new Set(texts)].slice(0, 5).map((text) => `"${text.slice(0, 40).toWellFormed()}"`);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} and ${quoted.at(-1)}`;
};

export const only = ({ concepts }: Reading, allowed: readonly Concept[]): boolean =>
  [...concepts].every((concept) => allowed.includes(concept));

/** The question, if it leaves none of the words out. */
export const fitting = (
  { words, span, resolution, chains, assets }: Reading,
  allowed: readonly Concept[],
  question: Question,
): Result<Question, string> => {
  const misfits = words.filter(({ concept }) => !allowed.includes(concept));
  if (misfits.length > 0)
    return err(`I do not see what ${listed(misfits.map(({ text }) => text))} asks here.`);
  if (resolution !== undefined && !(question.about === "trades" && question.measure === "candles")) {
    return err("Only candles have a resolution.");
  }
  if (span !== undefined && !("span" in question)) return err("I cannot narrow that down to a span of time.");
  if (question.about === "trades") return ok(question);
  if (assets.length > 0) return err("I can narrow that down by chain, such as bitcoin, but not by asset.");
  if (chains.length > 1) return err("I take one chain at a time.");
  if (chains.length > 0 && !("chain" in question)) return err("I cannot narrow that down to a chain.");
  return ok(question);
};
