/** The SELECT that answers a question. Pure. Whatever comes from the question is a parameter. */
import type { Table } from "../../dataset/schema.ts";
import type { Moment, Side, TimeSpan, TradeQuestion, TransferQuestion } from "./question.ts";

export type Param = string | number;

export interface Select {
  readonly sql: string;
  readonly params: readonly Param[];
}

/** Rows of candles that a question gets; a table of more is for `query`. */
export const MAX_CANDLES = 60;

/** Rows of other lists. */
export const LIST_ROWS = 20;

const DAY_MS = 86_400_000;

/** Trades of one millisecond are in the order of their ids, which are mostly numbers. */
const IN_ORDER = "timestamp, length(trade_id), trade_id";
const IN_REVERSE = "timestamp DESC, length(trade_id) DESC, trade_id DESC";

/** Digits enough for any price or size, and few enough to hide what binary fractions add to a sum. */
const round = (expression: string): string => `round(${expression}, 8)`;

const COUNTED = "count(*) AS trades, min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp";

const VOLUME = `${round("sum(size)")} AS volume, ${round("sum(price * size)")} AS value`;

/** When the oldest and the newest of some rows are, in ms since the epoch. */
export interface Extent {
  readonly first: number;
  readonly last: number;
}

/** Whether a span is told by the times of the rows: then it is to be anchored. */
export const isRelative = (span: TimeSpan): boolean => {
  switch (span.kind) {
    case "all":
      return false;
    case "between":
      return span.from?.base === "last-day" || span.to?.base === "last-day";
    case "at":
      return span.moment.base === "last-day";
    default:
      return true;
  }
};

/** The same span by times alone. Not in the SELECT itself: there SQLite would look for the newest row once more. */
export const anchored = (span: TimeSpan, { first, last }: Extent): TimeSpan => {
  const epoch = (ms: number): Moment => ({ base: "epoch", ms });
  const day = Math.floor(last / DAY_MS) * DAY_MS;
  const fixed = ({ base, ms }: Moment): Moment => epoch(base === "epoch" ? ms : day + ms);
  switch (span.kind) {
    case "all":
      return span;
    case "between": {
      const { from, to } = span;
      return { kind: "between", ...(from && { from: fixed(from) }), ...(to && { to: fixed(to) }) };
    }
    case "at":
      return { ...span, moment: fixed(span.moment) };
    case "last":
      return { kind: "between", from: epoch(last - span.ms + 1) };
    case "first":
      return { kind: "between", to: epoch(first + span.ms) };
    default:
      return span satisfies never;
  }
};

/** Rows that a span of time, which is not relative, takes in. */
const during = (span: TimeSpan): Select => {
  const bound = (operator: string, { ms }: Moment): Select => ({
    sql: `timestamp ${operator} ?`,
    params: [ms],
  });
  switch (span.kind) {
    case "all":
      return { sql: "", params: [] };
    case "between":
      return all([
        ...(span.from === undefined ? [] : [bound(">=", span.from)]),
        ...(span.to === undefined ? [] : [bound("<", span.to)]),
      ]);
    case "at": {
      const { moment, lasts } = span;
      return all([bound(">=", moment), bound("<", { ...moment, ms: moment.ms + lasts })]);
    }
    default:
      throw new Error("A relative span is anchored before it is selected.");
  }
};

export const all = (conditions: readonly Select[]): Select => {
  const given = conditions.filter(({ sql }) => sql !== "");
  return { sql: given.map(({ sql }) => sql).join(" AND "), params: given.flatMap(({ params }) => params) };
};

export const where = ({ sql }: Select): string => (sql === "" ? "" : ` WHERE ${sql}`);

/** Which trades a question is about: the symbol is one of the data's. */
const tradesOf = ({ span, side, measure }: TradeQuestion, symbol: string): Select => {
  const whose: Select = { sql: "symbol = ?", params: [symbol] };
  // The price at a time is that of the last trade until then.
  const asOf = measure === "last-price" && span.kind === "at";
  const { moment } = span.kind === "at" ? span : {};
  const until: TimeSpan =
    asOf && moment !== undefined ? { kind: "between", to: { ...moment, ms: moment.ms + 1 } } : span;
  const ofSide = (value: Side | undefined): readonly Select[] =>
    value === undefined ? [] : [{ sql: "side = ?", params: [value] }];
  return all([whose, ...ofSide(side), during(until)]);
};

export const tradeSelect = (question: TradeQuestion, symbol: string): Select => {
  const trades = tradesOf(question, symbol);
  const { params } = trades;
  const from = `FROM trades${where(trades)}`;
  const one = (order: string): Select => ({
    sql: `SELECT price, size, side, timestamp, trade_id ${from} ORDER BY ${order} LIMIT 1`,
    params,
  });
  switch (question.measure) {
    case "last-price":
      return one(IN_REVERSE);
    case "first-price":
      return one(IN_ORDER);
    case "highest-price":
      return one(`price DESC, ${IN_ORDER}`);
    case "lowest-price":
      return one(`price, ${IN_ORDER}`);
    case "largest-trade":
      return one(`size DESC, ${IN_ORDER}`);
    case "smallest-trade":
      return one(`size, ${IN_ORDER}`);
    case "average-price":
      return {
        sql: `SELECT ${round("avg(price)")} AS mean_price, ${round("sum(price * size) / sum(size)")} AS weighted_price, ${COUNTED} ${from}`,
        params,
      };
    case "average-size":
      return { sql: `SELECT ${round("avg(size)")} AS mean_size, ${COUNTED} ${from}`, params };
    case "price-range":
      return {
        sql: `SELECT max(price) AS high, min(price) AS low, ${round("max(price) - min(price)")} AS spread, ${COUNTED} ${from}`,
        params,
      };
    case "price-change":
      return {
        sql: `SELECT first_price, last_price, ${round("last_price - first_price")} AS change, round(100.0 * (last_price - first_price) / first_price, 4) AS percent, trades, first_timestamp, last_timestamp FROM (SELECT max(CASE WHEN nth = 1 THEN price END) AS first_price, max(CASE WHEN nth_back = 1 THEN price END) AS last_price, ${COUNTED} FROM (SELECT price, timestamp, row_number() OVER (ORDER BY ${IN_ORDER}) AS nth, row_number() OVER (ORDER BY ${IN_REVERSE}) AS nth_back ${from}))`,
        params,
      };
    case "volume":
      return { sql: `SELECT ${VOLUME}, ${COUNTED} ${from}`, params };
    case "count":
      return { sql: `SELECT ${COUNTED} ${from}`, params };
    case "sides":
      return {
        sql: `SELECT side, ${VOLUME}, ${round("sum(price * size) / sum(size)")} AS weighted_price, ${COUNTED} ${from} GROUP BY side ORDER BY side`,
        params,
      };
    case "candles":
      return candles(from, params, question.resolution);
    default:
      return question.measure satisfies never;
  }
};

const candles = (from: string, params: readonly Param[], resolution: number): Select => {
  const begin = `timestamp / ${resolution} * ${resolution}`;
  const nth = (order: string): string => `row_number() OVER (PARTITION BY ${begin} ORDER BY ${order})`;
  return {
    sql: `SELECT begin AS timestamp, max(CASE WHEN nth = 1 THEN price END) AS open, max(price) AS high, min(price) AS low, max(CASE WHEN nth_back = 1 THEN price END) AS close, ${round("sum(size)")} AS volume, count(*) AS trades FROM (SELECT ${begin} AS begin, price, size, ${nth(IN_ORDER)} AS nth, ${nth(IN_REVERSE)} AS nth_back ${from}) GROUP BY begin ORDER BY begin LIMIT ${MAX_CANDLES + 1}`,
    params,
  };
};

/** The symbols that have trades. */
export const SYMBOLS: Select = {
  sql: "SELECT DISTINCT symbol FROM trades ORDER BY symbol LIMIT 1000",
  params: [],
};

export const OVERVIEW: Select = {
  sql: `SELECT symbol, ${COUNTED} FROM trades GROUP BY symbol ORDER BY symbol LIMIT 100`,
  params: [],
};

export const spanOfSymbol = (symbol: string): Select => ({
  sql: `SELECT ${COUNTED} FROM trades WHERE symbol = ?`,
  params: [symbol],
});

export const spanOfTransfers = (chain: string | undefined): Select => {
  const whose = chain === undefined ? all([]) : inList("chain", [chain]);
  return {
    sql: `SELECT min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp FROM transfers${where(whose)}`,
    params: whose.params,
  };
};

export const rowsSelect = (tables: readonly Table[]): Select => ({
  sql: tables
    .map((table) => `SELECT '${table}' AS name, count(*) AS row_count FROM ${table}`)
    .join(" UNION ALL "),
  params: [],
});

export const inList = (column: string, values: readonly string[]): Select => ({
  sql: `${column} IN (${values.map(() => "?").join(", ")})`,
  params: values,
});

/** The sample that comes with the service has transfers that never took place; their hashes say so. */
export const WORTH = `count(usd) AS with_usd, ${round("sum(usd)")} AS usd, sum(substr(hash, 1, 10) = 'synthetic-') AS synthetic`;

export const transferSelect = ({ measure, chain, span }: TransferQuestion): Select => {
  const whose = chain === undefined ? all([]) : inList("chain", [chain]);
  const transfers = all([whose, during(span)]);
  const sql =
    measure === "totals"
      ? `SELECT count(*) AS transfers, ${WORTH}, min(timestamp) AS first_timestamp, max(timestamp) AS last_timestamp FROM transfers${where(transfers)}`
      : `SELECT chain, hash, timestamp, from_address, to_address, asset, amount, usd FROM transfers${where(all([transfers, { sql: "usd IS NOT NULL", params: [] }]))} ORDER BY usd DESC, timestamp, chain, hash, position LIMIT 1`;
  return { sql, params: transfers.params };
};

const OFAC: Select = { sql: "category = 'sanctions'", params: [] };

export const labelsSelect = (sanctioned: boolean, chain: string | undefined): Select => {
  const labels = all([
    ...(sanctioned ? [OFAC] : []),
    ...(chain === undefined ? [] : [inList("chain", [chain])]),
  ]);
  return {
    sql: `SELECT label, source, as_of, count(*) AS addresses FROM address_labels${where(labels)} GROUP BY label, source, as_of ORDER BY addresses DESC, label LIMIT ${LIST_ROWS}`,
    params: labels.params,
  };
};

/** The SELECT with its parameters written into it, as SQL literals: it gives the same rows. */
export const inlined = ({ sql, params }: Select): string => {
  const pieces = sql.split("?");
  if (pieces.length !== params.length + 1)
    throw new Error("A SELECT has as many parameters as places for them.");
  return pieces.map((piece, i) => (i === 0 ? piece : `${literal(params[i - 1] ?? "")}${piece}`)).join("");
};

const literal = (value: Param): string =>
  typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;
