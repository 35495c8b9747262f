/** Puts the rows of an answer about trades into words. Pure: every figure is one of the rows'. */
import { type Cell, duration, during, figure, plural, time, upTo } from "./phrases.ts";
import type { Measure, TradeQuestion } from "./question.ts";
import { MAX_CANDLES } from "./selects.ts";

export type Row = Readonly<Record<string, Cell>>;

/** Lines of candles in the text of an answer; the rest is in the rows of its SQL. */
const CANDLE_LINES = 10;

const OF_ONE_TRADE: ReadonlyMap<Measure, string> = new Map<Measure, string>([
  ["last-price", "last price"],
  ["first-price", "first price"],
  ["highest-price", "highest price"],
  ["lowest-price", "lowest price"],
  ["largest-trade", "largest trade"],
  ["smallest-trade", "smallest trade"],
]);

/** The sentences of the answer; undefined if there is nothing that they could be about. */
export const tradeReply = (
  question: TradeQuestion,
  symbol: string,
  rows: readonly Row[],
): string[] | undefined => {
  const { measure, span, resolution } = question;
  const [row] = rows;
  if (row === undefined || row.trades === 0) return undefined;
  const [base = symbol, quote = "the quote currency"] = symbol.split("-");
  const taken = (taker: Cell): string => (taker === "buy" ? "bought" : "sold");
  const side = question.side === undefined ? "" : ` (only trades whose taker ${taken(question.side)})`;
  const whose = `${symbol}${side}${during(span)}`;
  const money = (value: Cell): string => `${figure(value)} ${quote}`;
  const amount = (value: Cell): string => `${figure(value)} ${base}`;
  const basis = basisOf(row);
  const name = OF_ONE_TRADE.get(measure);
  switch (measure) {
    case "last-price":
    case "first-price":
    case "highest-price":
    case "lowest-price": {
      const when = measure === "last-price" ? upTo(span) : during(span);
      const taker = `The taker of that trade ${taken(row.side)} ${amount(row.size)}.`;
      return [
        `The ${name} of ${symbol}${side}${when} was ${money(row.price)}, at ${time(row.timestamp)}.`,
        taker,
      ];
    }
    case "largest-trade":
    case "smallest-trade":
      return [
        `The ${name} of ${whose} was ${amount(row.size)} at ${money(row.price)}, at ${time(row.timestamp)}; its taker ${taken(row.side)}.`,
      ];
    case "average-price":
      return [
        `The average price of ${whose} was ${money(row.weighted_price)}, weighted by volume.`,
        `The plain mean of the trades' prices was ${money(row.mean_price)}.`,
        basis,
      ];
    case "average-size":
      return [`The average trade of ${whose} was ${amount(row.mean_size)}.`, basis];
    case "price-range":
      return [
        `The price of ${whose} was between ${money(row.low)} and ${money(row.high)}: a range of ${money(row.spread)}.`,
        basis,
      ];
    case "price-change":
      return [
        `The price of ${whose} went from ${money(row.first_price)} to ${money(row.last_price)}: a change of ${money(row.change)}, or ${figure(row.percent)} %.`,
        basis,
      ];
    case "volume":
      return [`The volume of ${whose} was ${amount(row.volume)}, worth ${money(row.value)}.`, basis];
    case "count":
      return [
        `There ${row.trades === 1 ? "was" : "were"} ${plural(row.trades, "trade")} of ${whose}.`,
        extentOf(row),
      ];
    case "sides":
      return [
        `By the taker's side, of ${symbol}${during(span)}:`,
        ...rows.map(
          (each) =>
            `\n- ${each.side}: ${plural(each.trades, "trade")}, ${amount(each.volume)}, worth ${money(each.value)}, at ${money(each.weighted_price)} on average (weighted by volume)`,
        ),
      ];
    case "candles": {
      const shown = rows.slice(0, CANDLE_LINES);
      const all = rows.length > MAX_CANDLES ? `More than ${MAX_CANDLES}` : String(rows.length);
      const more = rows.length > shown.length ? ` ${all}; the first ${shown.length}:` : "";
      return [
        `Candles of ${duration(resolution)} of ${whose}:${more}`,
        ...shown.map(
          (each) =>
            `\n- ${time(each.timestamp)}: open ${figure(each.open)}, high ${figure(each.high)}, low ${figure(each.low)}, close ${figure(each.close)}, volume ${figure(each.volume)}, ${plural(each.trades, "trade")}`,
        ),
      ];
    }
    default:
      return measure satisfies never;
  }
};

/** What the figures were made of. */
const basisOf = (row: Row): string => `That is of ${tradesFromTo(row)}.`;

const extentOf = ({ trades, first_timestamp, last_timestamp }: Row): string =>
  trades === 1
    ? `It was at ${time(first_timestamp)}.`
    : `The first was at ${time(first_timestamp)}, the last at ${time(last_timestamp)}.`;

export const tradesFromTo = ({ trades, first_timestamp, last_timestamp }: Row): string =>
  trades === 1
    ? `one trade, at ${time(first_timestamp)}`
    : `${plural(trades, "trade")} from ${time(first_timestamp)} to ${time(last_timestamp)}`;
