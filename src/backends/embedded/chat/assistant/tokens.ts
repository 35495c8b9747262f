/** Cuts a question into tokens. Pure. Every character that is not white space or plain punctuation is in one. */

export type Token =
  /** In lower case; `text` as written. */
  | { readonly type: "word"; readonly word: string; readonly text: string }
  | { readonly type: "number"; readonly value: number; readonly text: string }
  /** A date alone, ms since the epoch of its midnight. */
  | { readonly type: "date"; readonly ms: number; readonly text: string }
  /** A time of day, in ms since midnight, as exact as it lasts. */
  | { readonly type: "time"; readonly ms: number; readonly lasts: number; readonly text: string }
  /** `BTC-USDT`, in upper case. */
  | { readonly type: "pair"; readonly pair: string; readonly text: string }
  /** Long enough to be an address. */
  | { readonly type: "address"; readonly text: string }
  | { readonly type: "dash"; readonly text: string }
  /** Anything else, such as `>` or half a date. */
  | { readonly type: "other"; readonly text: string };

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const PATTERN =
  /(?<address>[A-Za-z0-9:]{25,120})|(?<date>\d{4}-\d{2}-\d{2})(?:T(?=\d))?|(?<time>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(?<half>\s?[ap]m\b)?(?:Z\b)?|(?<hour>\d{1,2})(?<half12>\s?[ap]m\b)|(?<pair>[\p{L}\p{N}]+(?:[-/][\p{L}\p{N}]+)+)|(?<number>\d+(?:\.\d+)?)|(?<word>[\p{L}_][\p{L}\p{N}_]*(?:['’][\p{L}]+)?)|(?<dash>[-–—])|(?<other>[^\s.,?!:;()"'`’…])/giu;

/** A question that has more is too long to be one. */
const MAX_TOKENS = 200;

/** The tokens of a text; undefined if there are too many. */
export const tokensOf = (text: string): Token[] | undefined => {
  const tokens: Token[] = [];
  for (const { 0: whole, groups = {} } of text.matchAll(PATTERN)) {
    if (tokens.length === MAX_TOKENS) return undefined;
    tokens.push(tokenOf(whole, groups));
  }
  return tokens;
};

const tokenOf = (text: string, groups: Readonly<Record<string, string | undefined>>): Token => {
  const { address, date, time, half, hour, half12, pair, number, word, dash } = groups;
  // A long word is no address: addresses have digits.
  if (address !== undefined) {
    return /\d/.test(address)
      ? { type: "address", text }
      : { type: "word", word: address.toLowerCase(), text };
  }
  if (date !== undefined) {
    const ms = dateOf(date);
    return ms === undefined ? { type: "other", text } : { type: "date", ms, text };
  }
  if (time !== undefined) return timeOf(text, time, half);
  if (hour !== undefined) return timeOf(text, `${hour}:00`, half12);
  if (pair !== undefined) {
    const known = /\p{L}/u.test(pair);
    return known
      ? { type: "pair", pair: pair.toUpperCase().replaceAll("/", "-"), text }
      : { type: "other", text };
  }
  if (number !== undefined) return { type: "number", value: Number(number), text };
  if (word !== undefined) return { type: "word", word: word.toLowerCase().replace("’", "'"), text };
  return dash !== undefined ? { type: "dash", text } : { type: "other", text };
};

/** Midnight (UTC) of a date that exists. */
const dateOf = (date: string): number | undefined => {
  const ms = Date.parse(`${date}T00:00:00Z`);
  // Date.parse takes the 30th of February for the 1st of March.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== date ? undefined : ms;
};

const timeOf = (text: string, time: string, half: string | undefined): Token => {
  const [hours = "", minutes = "", rest] = time.split(":");
  const [seconds = "0", fraction] = (rest ?? "0").split(".");
  let hour = Number(hours);
  const invalid = Number(minutes) > 59 || Number(seconds) > 59 || hour > 24;
  if (half !== undefined) {
    if (invalid || hour < 1 || hour > 12) return { type: "other", text };
    hour = (hour % 12) + (/p/i.test(half) ? 12 : 0);
  }
  const ms =
    hour * HOUR +
    Number(minutes) * MINUTE +
    Number(seconds) * SECOND +
    Number((fraction ?? "").padEnd(3, "0"));
  if (invalid || ms > 24 * HOUR) return { type: "other", text };
  return { type: "time", ms, lasts: rest === undefined ? MINUTE : fraction === undefined ? SECOND : 1, text };
};
