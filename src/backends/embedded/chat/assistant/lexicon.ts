/** The words that the assistant knows. Pure. A question with a word that is not known here is not answered. */

/** What a word stands for. */
export type Concept = Exclude<keyof typeof WORDS, "filler">;

const WORDS = {
  filler: `a an the is are was were be been do does did has have had what what's whats which how
    please can could would you me my i i'd i'm we us tell show give get find list lists print want like know see need of
    in on at for by with over during within to from as so far ever overall all any some there that's thanks
    thank go went going reached reach made about your utc exactly just entire full available contain
    contains stored held found exist exists and then s out`,
  last: "last latest current currently now recent newest closing close",
  first: "first opening open oldest earliest",
  high: "high highest max maximum peak top biggest largest greatest",
  low: "low lowest min minimum bottom smallest",
  average: "average mean avg vwap volume-weighted",
  range: "range spread",
  change: "change changed move moved movement rise risen rose fall fell fallen gain gained drop dropped",
  volume: "volume volumes turnover",
  count: "many count number",
  candles: "candle candles candlestick candlesticks ohlc ohlcv bar bars",
  compare: "compare comparison compared versus vs against side sides",
  buy: "buy buys bought buying buyer buyers",
  sell: "sell sells sold selling seller sellers",
  price: "price prices priced trading",
  trade: "trade trades",
  traded: "traded",
  much: "much",
  value: "value worth cost costs",
  total: "total",
  each: "each per",
  size: "size sizes",
  row: "row rows record records",
  table: "table tables schema",
  symbol: `symbol symbols market markets pair pairs instrument instruments ticker tickers coin coins token tokens
    currency`,
  data: "data dataset database",
  time: "time times when period dates date cover covers",
  transfer:
    "transfer transfers transferred transaction transactions received receive receives sent send sends",
  label: "label labels labelled labeled address_labels",
  address: "address addresses wallet wallets",
  sanction: "sanction sanctions sanctioned ofac sdn",
  exposure: "exposure exposed counterparties counterparty",
  usd: "usd dollar dollars",
  it: "it its this that",
  help: "help hello hi hey examples example understand ask answer",
} as const;

const CONCEPTS: ReadonlyMap<string, keyof typeof WORDS> = new Map(
  Object.entries(WORDS).flatMap(([concept, words]) =>
    words.split(/\s+/).map((word) => [word, concept as keyof typeof WORDS] as const),
  ),
);

/** What a word stands for: `filler` if it has no bearing on the answer, undefined if the word is not known. */
export const conceptOf = (word: string): Concept | "filler" | undefined => CONCEPTS.get(word);

/** Words that may stand with a coin or a time that alone goes on from the question before. */
const JOINING = new Set(["for", "of", "in", "on", "at", "with", "the", "to"]);

export const isJoining = (word: string): boolean => JOINING.has(word);

/** Coins by name. */
const COINS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    bitcoin: "BTC",
    ethereum: "ETH",
    ether: "ETH",
    solana: "SOL",
    ripple: "XRP",
    cardano: "ADA",
    dogecoin: "DOGE",
    litecoin: "LTC",
    monero: "XMR",
    polkadot: "DOT",
    chainlink: "LINK",
    avalanche: "AVAX",
    tether: "USDT",
    tron: "TRX",
  }),
);

export const coinOf = (word: string): string | undefined => COINS.get(word);
