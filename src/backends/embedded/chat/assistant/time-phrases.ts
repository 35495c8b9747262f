/** Finds what a question says about time, and takes it out of the tokens. Pure. */
import type { Moment, TimeSpan } from "./question.ts";
import type { Token } from "./tokens.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const UNITS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    1: "ms millisecond milliseconds",
    [SECOND]: "s sec secs second seconds",
    [MINUTE]: "m min mins minute minutes",
    [HOUR]: "h hr hrs hour hours",
    [DAY]: "d day days",
    [7 * DAY]: "w week weeks",
  }).flatMap(([ms, words]) => words.split(" ").map((word) => [word, Number(ms)] as const)),
);

const NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

const MONTHS = "january february march april may june july august september october november december".split(
  " ",
);

const CANDLES = new Set(["candle", "candles", "candlestick", "candlesticks", "bar", "bars", "ohlc", "ohlcv"]);

export interface TimePhrases {
  /** Undefined if nothing is said. */
  readonly span: TimeSpan | undefined;
  /** Of candles, in ms. */
  readonly resolution: number | undefined;
  /** What is not about time. */
  readonly rest: readonly Token[];
}

/** A time named: where it begins and how long it lasts, in ms. */
interface Point extends Moment {
  readonly lasts: number;
  readonly end: number;
}

/** Undefined if the question names more times than one span can have. */
export const timePhrases = (tokens: readonly Token[], now: number): TimePhrases | undefined =>
  new Reader(tokens, now).read();

class Reader {
  readonly #tokens: readonly Token[];
  readonly #now: number;
  readonly #rest: Token[] = [];
  readonly #spans: TimeSpan[] = [];
  #resolution: number | undefined;

  constructor(tokens: readonly Token[], now: number) {
    this.#tokens = tokens;
    this.#now = now;
  }

  read(): TimePhrases | undefined {
    for (let i = 0; i < this.#tokens.length; ) {
      const next =
        this.#candles(i) ?? this.#stretch(i) ?? this.#between(i) ?? this.#open(i) ?? this.#named(i);
      const token = this.#tokens[i];
      if (next === undefined && token !== undefined) this.#rest.push(token);
      i = next ?? i + 1;
    }
    const spans = joined(this.#spans);
    if (spans.length > 1) return undefined;
    return { span: spans[0], resolution: this.#resolution, rest: this.#rest };
  }

  #word(i: number): string {
    const token = this.#tokens[i];
    return token?.type === "word" ? token.word : token?.type === "dash" ? "-" : "";
  }

  #isWord(i: number, ...words: readonly string[]): boolean {
    return words.includes(this.#word(i));
  }

  /** `5 minutes`, `5m`, `five-minute`: its ms, and where it ends. */
  #duration(i: number): { readonly ms: number; readonly end: number } | undefined {
    const token = this.#tokens[i];
    const compact = /^(\d{1,6})-([a-z]+)$/i.exec(token?.type === "pair" ? token.text : "");
    const unit = UNITS.get(compact?.[2]?.toLowerCase() ?? "");
    if (compact && unit !== undefined) return checked(Number(compact[1]) * unit, i + 1);
    if (token?.type === "pair") {
      const [count = "", name = "", ...more] = token.text.toLowerCase().split("-");
      const ms = NUMBERS.indexOf(count) * (UNITS.get(name) ?? Number.NaN);
      return more.length === 0 && NUMBERS.includes(count) ? checked(ms, i + 1) : undefined;
    }
    const count = token?.type === "number" ? token.value : NUMBERS.indexOf(this.#word(i));
    const ms = UNITS.get(this.#word(i + 1));
    return count > 0 && ms !== undefined ? checked(count * ms, i + 2) : undefined;
  }

  /** `1 minute candles`, `candles of 1 minute`, `hourly candles`. */
  #candles(i: number): number | undefined {
    const isCandle = (at: number) => CANDLES.has(this.#word(at));
    const adverb = { secondly: SECOND, minutely: MINUTE, hourly: HOUR, daily: DAY }[this.#word(i)];
    const before = adverb === undefined ? this.#duration(i) : { ms: adverb, end: i + 1 };
    const alone = UNITS.get(this.#word(i));
    if (before !== undefined && isCandle(before.end)) return this.#resolve(before.ms, before.end);
    if (alone !== undefined && isCandle(i + 1)) return this.#resolve(alone, i + 1);
    const each = this.#isWord(i, "per", "every", "each") && this.#tokens.some((_, at) => isCandle(at));
    if (!each && !(isCandle(i - 1) && this.#isWord(i, "of", "at"))) return undefined;
    const from = this.#isWord(i + 1, "a", "an") ? i + 2 : i + 1;
    const after = this.#duration(from);
    if (after !== undefined) return this.#resolve(after.ms, after.end);
    const unit = UNITS.get(this.#word(from));
    return unit === undefined ? undefined : this.#resolve(unit, from + 1);
  }

  #resolve(ms: number, end: number): number | undefined {
    if (this.#resolution !== undefined && this.#resolution !== ms) return undefined;
    this.#resolution = ms;
    return end;
  }

  /** `last 5 minutes`, `the first hour`. */
  #stretch(i: number): number | undefined {
    const kind = this.#isWord(i, "last", "past", "previous", "latest", "final", "recent")
      ? "last"
      : this.#isWord(i, "first", "opening")
        ? "first"
        : undefined;
    if (kind === undefined) return undefined;
    const unit = UNITS.get(this.#word(i + 1));
    const stretch = this.#duration(i + 1) ?? (unit === undefined ? undefined : { ms: unit, end: i + 2 });
    if (stretch === undefined) return undefined;
    this.#spans.push({ kind, ms: stretch.ms });
    return stretch.end;
  }

  /** `between A and B`, `from A to B`, `A to B`. */
  #between(i: number): number | undefined {
    const from = this.#point(this.#isWord(i, "between", "from") ? i + 1 : i);
    if (from === undefined || !this.#isWord(from.end, "and", "to", "until", "till", "through", "-"))
      return undefined;
    const to = this.#point(from.end + 1);
    if (to === undefined) return undefined;
    // "2024-08-09 00:01 to 00:02": the second time is on the first one's day.
    const day = from.base === "epoch" && to.base === "last-day" ? Math.floor(from.ms / DAY) * DAY : 0;
    const end = { base: from.base === "epoch" ? from.base : to.base, ms: to.ms + day };
    this.#spans.push({ kind: "between", from: momentOf(from), to: isDay(to) ? after(to) : end });
    return to.end;
  }

  /** `since A`, `before A`. */
  #open(i: number): number | undefined {
    const point = this.#point(i + 1);
    if (point === undefined) return undefined;
    const start = momentOf(point);
    if (this.#isWord(i, "since", "from")) this.#spans.push({ kind: "between", from: start });
    else if (this.#isWord(i, "after"))
      this.#spans.push({ kind: "between", from: isDay(point) ? after(point) : start });
    else if (this.#isWord(i, "before")) this.#spans.push({ kind: "between", to: start });
    else if (this.#isWord(i, "until", "till")) {
      this.#spans.push({ kind: "between", to: isDay(point) ? after(point) : start });
    } else return undefined;
    return point.end;
  }

  #named(i: number): number | undefined {
    const point = this.#point(this.#isWord(i, "on", "in", "at", "during") ? i + 1 : i);
    if (point === undefined) return undefined;
    this.#spans.push(
      isDay(point)
        ? { kind: "between", from: momentOf(point), to: after(point) }
        : { kind: "at", moment: momentOf(point), lasts: point.lasts },
    );
    return point.end;
  }

  /** A date, a time, or both. */
  #point(i: number): Point | undefined {
    const point = this.#dayAndTime(i);
    return point && this.#isWord(point.end, "utc", "gmt", "z") ? { ...point, end: point.end + 1 } : point;
  }

  #dayAndTime(i: number): Point | undefined {
    const first = this.#tokens[i];
    if (first?.type === "time") {
      const day = this.#day(this.#isWord(i + 1, "on") ? i + 2 : i + 1);
      const { ms, lasts } = first;
      if (day?.lasts === DAY) return { base: "epoch", ms: day.ms + ms, lasts, end: day.end };
      return { base: "last-day", ms, lasts, end: i + 1 };
    }
    const day = this.#day(i);
    if (day === undefined) return undefined;
    const at = this.#isWord(day.end, "at") ? day.end + 1 : day.end;
    const time = this.#tokens[at];
    if (time?.type !== "time" || day.lasts !== DAY) return { base: "epoch", ...day };
    return { base: "epoch", ms: day.ms + time.ms, lasts: time.lasts, end: at + 1 };
  }

  /** A day, month or year. */
  #day(i: number): Omit<Point, "base"> | undefined {
    const token = this.#tokens[i];
    if (token?.type === "date") return { ms: token.ms, lasts: DAY, end: i + 1 };
    const today = Math.floor(this.#now / DAY) * DAY;
    if (this.#isWord(i, "today")) return { ms: today, lasts: DAY, end: i + 1 };
    if (this.#isWord(i, "yesterday")) return { ms: today - DAY, lasts: DAY, end: i + 1 };
    if (this.#monthAt(i) >= 0) {
      const day = this.#number(i + 1);
      return day !== undefined && day <= 31
        ? this.#date(this.#number(i + 2), this.#monthAt(i), day, i + 3)
        : this.#month(day, this.#monthAt(i), i + 2);
    }
    if (token?.type !== "number") return undefined;
    if (this.#monthAt(i + 1) >= 0)
      return this.#date(this.#number(i + 2), this.#monthAt(i + 1), token.value, i + 3);
    return this.#isWord(i - 1, "in", "during", "since", "before", "after")
      ? this.#year(token.value, i + 1)
      : undefined;
  }

  #number(i: number): number | undefined {
    const token = this.#tokens[i];
    return token?.type === "number" ? token.value : undefined;
  }

  #monthAt(i: number): number {
    const word = this.#word(i);
    return word.length < 3 ? -1 : MONTHS.findIndex((month) => month === word || month.slice(0, 3) === word);
  }

  #date(year: number | undefined, month: number, day: number, end: number): Omit<Point, "base"> | undefined {
    if (!isYear(year)) return undefined;
    const ms = Date.UTC(year, month, day);
    return new Date(ms).getUTCDate() === day ? { ms, lasts: DAY, end } : undefined;
  }

  #month(year: number | undefined, month: number, end: number): Omit<Point, "base"> | undefined {
    if (!isYear(year)) return undefined;
    const ms = Date.UTC(year, month);
    return { ms, lasts: Date.UTC(year, month + 1) - ms, end };
  }

  #year(year: number, end: number): Omit<Point, "base"> | undefined {
    if (!isYear(year)) return undefined;
    const ms = Date.UTC(year, 0);
    return { ms, lasts: Date.UTC(year + 1, 0) - ms, end };
  }
}

const isYear = (year: number | undefined): year is number =>
  year !== undefined && Number.isInteger(year) && year >= 1970 && year <= 2999;

const checked = (ms: number, end: number) => (ms > 0 && Number.isSafeInteger(ms) ? { ms, end } : undefined);

const isDay = ({ lasts }: Point): boolean => lasts >= DAY;

const momentOf = ({ base, ms }: Point): Moment => ({ base, ms });

const after = ({ base, ms, lasts }: Point): Moment => ({ base, ms: ms + lasts });

/** A day and times of day, named apart, are one span: "on 2024-08-09 between 00:01 and 00:02". */
const joined = (spans: readonly TimeSpan[]): readonly TimeSpan[] => {
  if (spans.length !== 2) return spans;
  const day = spans.find(
    (span) =>
      span.kind === "between" &&
      span.from &&
      span.to &&
      span.to.ms - span.from.ms === DAY &&
      span.from.base === "epoch",
  );
  const times = spans.find((span) => span !== day);
  if (day?.kind !== "between" || day.from === undefined) return spans;
  const start = day.from.ms;
  const on = (moment: Moment): Moment => ({ base: "epoch", ms: start + moment.ms });
  const isTime = (moment: Moment | undefined) => moment === undefined || moment.base === "last-day";
  if (times?.kind === "at" && isTime(times.moment)) return [{ ...times, moment: on(times.moment) }];
  if (times?.kind !== "between" || !isTime(times.from) || !isTime(times.to)) return spans;
  const { from = { base: "last-day", ms: 0 }, to = { base: "last-day", ms: DAY } } = times;
  return [{ kind: "between", from: on(from), to: on(to) }];
};
