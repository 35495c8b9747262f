import { describe, expect, it } from "vitest";
import type * as z from "zod";
import { type AnswerEvent, errorOf, idsOf } from "../../../src/backends/answer.ts";
import type { BackendRequest, RequestName } from "../../../src/backends/backend.ts";
import type { Answer } from "../../../src/backends/wire.ts";
import { type Catalogue, catalogue, serverEvent } from "../../../src/events/catalogue.ts";
import { type ErrorCode, type ErrorEnvelope, errorEnvelope } from "../../../src/events/envelope.ts";

/** Runs a request as the service does: with ids, checked against the catalogue. */
export type Run = (request: BackendRequest, signal: AbortSignal) => Promise<Answer>;

type Payload<N extends RequestName> = z.output<Catalogue[N]["schema"]>;

interface Failing<N extends RequestName> {
  readonly what: string;
  readonly payload: Payload<N>;
  readonly codes: readonly ErrorCode[];
}

/** Well formed, and about something of which there is no data. */
interface Unknown<N extends RequestName> {
  readonly what: string;
  readonly payload: Payload<N>;
  /** What an answer has in it that makes nothing up; NOT_FOUND does as well. */
  readonly nothing: object;
}

interface Case<N extends RequestName> {
  readonly payload: Payload<N>;
  /** What the names of the events are, with blanks between. */
  readonly order: RegExp;
  readonly failing: readonly Failing<N>[];
  readonly unknown: readonly Unknown<N>[];
  /** With an answer of some MB. */
  readonly long: readonly Payload<N>[];
}

const LISTED = "123WBUDmSJv4GctdVEz6Qq6z8nXSKrJ4KX";
/** Paid by the address above. */
const TAINTED = "171MYA6cPhAYdq8VmDmUy5rcJxpLBD1c1z";
/** Of the right form, and in none of the data. */
const UNKNOWN = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
const SUMMER = { from: Date.UTC(2024, 6, 1), to: Date.UTC(2024, 8, 27) };
const SUMMER_BEFORE = { from: Date.UTC(2023, 6, 1), to: Date.UTC(2023, 6, 2) };
const NINTH = { from: Date.UTC(2024, 7, 9), to: Date.UTC(2024, 7, 10) };

const NOT_THERE = ["NOT_FOUND", "VALIDATION_FAILED"] as const;

/** All backends have the files of data/ in the application `demo`, the trades as bars of `market:BTC-USDT` too. */
const CASES: { readonly [N in RequestName]: Case<N> } = {
  query: {
    payload: { sql: "SELECT * FROM trades ORDER BY timestamp LIMIT ?", params: [50], applicationId: "demo" },
    order: /^query_started( query_progress)*( query_response( query_progress)*)+ query_completed$/,
    failing: [
      {
        what: "an unknown table",
        payload: { sql: "SELECT * FROM trade", applicationId: "demo" },
        codes: NOT_THERE,
      },
      {
        what: "a statement that writes",
        payload: { sql: "DELETE FROM trades", applicationId: "demo" },
        codes: ["VALIDATION_FAILED", "UNAUTHORIZED"],
      },
    ],
    unknown: [
      {
        what: "rows that are not there",
        payload: { sql: "SELECT * FROM trades WHERE symbol = 'NONE-USDT'", applicationId: "demo" },
        nothing: { totalRows: 0 },
      },
    ],
    long: [{ sql: "SELECT * FROM trades", applicationId: "demo" }],
  },
  request_market_data: {
    payload: { symbol: "BTC-USDT", resolution: "1m", window: NINTH },
    order: /^market_data_response$/,
    failing: [
      {
        what: "an unknown symbol",
        payload: { symbol: "NONE-USDT", resolution: "1m", window: NINTH },
        codes: NOT_THERE,
      },
      {
        what: "an unknown resolution",
        payload: { symbol: "BTC-USDT", resolution: "fortnight", window: NINTH },
        codes: NOT_THERE,
      },
    ],
    unknown: [
      {
        what: "a time without trades",
        payload: { symbol: "BTC-USDT", resolution: "1m", window: SUMMER_BEFORE },
        nothing: { candles: [] },
      },
    ],
    long: [],
  },
  address_analysis: {
    payload: { chain: "bitcoin", address: TAINTED, hops: 2 },
    order:
      /^address_analysis_started( address_analysis_progress)+ address_analysis_response address_analysis_completed$/,
    failing: [
      { what: "no address", payload: { chain: "bitcoin", address: "nobody" }, codes: NOT_THERE },
      { what: "an unknown chain", payload: { chain: "nochain", address: TAINTED }, codes: NOT_THERE },
    ],
    unknown: [
      {
        what: "an unknown address",
        payload: { chain: "bitcoin", address: UNKNOWN },
        nothing: { riskScore: 0, riskLevel: "unknown", clusters: [] },
      },
    ],
    long: [],
  },
  address_transactions: {
    payload: { chain: "bitcoin", address: LISTED, limit: 5 },
    order: /^address_transactions_response$/,
    failing: [
      { what: "no address", payload: { chain: "bitcoin", address: "nobody" }, codes: NOT_THERE },
      {
        what: "a cursor of nobody's",
        payload: { chain: "bitcoin", address: LISTED, cursor: "!" },
        codes: ["VALIDATION_FAILED"],
      },
    ],
    unknown: [
      {
        what: "an unknown address",
        payload: { chain: "bitcoin", address: UNKNOWN },
        nothing: { transactions: [], nextCursor: null },
      },
    ],
    long: [],
  },
  cross_border_flows: {
    payload: { corridor: "US-MX", window: SUMMER },
    order: /^cross_border_flows_response$/,
    failing: [
      { what: "no corridor", payload: { corridor: "everywhere", window: SUMMER }, codes: NOT_THERE },
      { what: "a window that is none", payload: { corridor: "US-MX", window: "soon" }, codes: NOT_THERE },
    ],
    unknown: [
      {
        what: "an unknown corridor",
        payload: { corridor: "US-AQ", window: SUMMER },
        nothing: { flows: [] },
      },
    ],
    long: [],
  },
  chat: {
    payload: { conversationId: "conv_1", message: "What was the last price of BTC-USDT?" },
    order: /^chat_typing( chat_message)+ chat_stop_typing chat_response$/,
    failing: [],
    unknown: [],
    long: [],
  },
};

interface Said {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: the assertions say what a payload is
  readonly data: any;
}

const NEVER = new AbortController().signal;

let count = 0;

const requestOf = <N extends RequestName>(event: N, payload: Payload<N>): BackendRequest => ({
  id: `contract_${++count}`,
  event,
  payload,
  userId: "user_contract",
  socketId: "sid_contract",
  applicationId: "demo",
  applications: ["demo"],
});

const read = (body: string): Said => {
  const [event, data] = JSON.parse(body);
  return { event, data };
};

/** All that the client is told. */
const tell = async (run: Run, request: BackendRequest): Promise<Said[]> => {
  const answer = await run(request, NEVER);
  if (answer.status === "deferred") throw new Error("It was deferred.");
  if (answer.status === "refused") {
    const { event, data } = answer.refusal;
    return event === "error" ? [errorOf(request, data)] : [{ event, data }];
  }
  const said: Said[] = [];
  const terminals: boolean[] = [];
  for await (const { body, terminal } of answer.events) {
    said.push(read(body));
    terminals.push(terminal);
  }
  expect(terminals).toEqual(said.map((_, index) => index === said.length - 1));
  return said;
};

const expectFailure = (request: BackendRequest, said: readonly Said[], codes: readonly ErrorCode[]): void => {
  const { error } = catalogue[request.event];
  const last = said.at(-1);
  expect([said.filter(({ event }) => event === error).length, last?.event]).toEqual([1, error]);
  const envelope: ErrorEnvelope = errorEnvelope.parse(last?.data);
  expect(codes).toContain(envelope.code);
  expect(last?.data).toMatchObject(idsOf(request));
  // A sentence, for the reader.
  expect(envelope.message).toMatch(/^[A-Za-z].{15,}/);
  expect(envelope.message).not.toMatch(/\bat .*:\d+|Error:|undefined/);
};

/**
 * What the gateway relies on, whoever answers (REQ-1). Each implementation of the port runs it where it lives, and
 * for the events that it answers.
 */
export const describeContract = (
  backend: string,
  run: Run,
  events: readonly RequestName[] = Object.keys(CASES) as RequestName[],
): void => {
  describe.each(events)(`${backend} answers %s`, (event) => {
    // A table of events: which payload goes with which cannot be told from the name.
    const { payload, order, failing, unknown, long } = CASES[event] as Case<RequestName>;

    it("REQ-1 with valid events in order, one terminal event, and the request's ids", async () => {
      const request = requestOf(event, payload);
      const said = await tell(run, request);
      expect(said.map(({ event }) => event).join(" ")).toMatch(order);
      for (const { event, data } of said) {
        expect(serverEvent(event)?.schema.safeParse(data)).toMatchObject({ success: true });
        expect(data).toMatchObject(idsOf(request));
      }
      SENSE[event]?.(said);
    });

    it("REQ-1 for nobody whose token does not open the application", async () => {
      const request = { ...requestOf(event, payload), applicationId: "elsewhere" };
      expectFailure(request, await tell(run, request), ["UNAUTHORIZED", "NOT_FOUND"]);
    });

    it.each(failing)("REQ-1 with one error event that says why: $what", async ({ payload, codes }) => {
      const request = requestOf(event, payload);
      expectFailure(request, await tell(run, request), codes);
    });

    it.each(unknown)("REQ-1 without making anything up: $what", async ({ payload, nothing }) => {
      const request = requestOf(event, payload);
      const said = await tell(run, request);
      if (said.at(-1)?.event === catalogue[event].error) expectFailure(request, said, ["NOT_FOUND"]);
      else expect(said.map(({ data }) => data)).toContainEqual(expect.objectContaining(nothing));
    });

    it("REQ-1 until nobody waits any more", async () => {
      const interest = new AbortController();
      const answer = await run(requestOf(event, payload), interest.signal);
      if (answer.status !== "accepted") throw new Error(`It was ${answer.status}.`);
      const events = answer.events[Symbol.asyncIterator]();
      await events.next();
      interest.abort();
      // It ends, or breaks off: it must not hang.
      await drain(events);
    });

    it.each(long)("REQ-1 without its end, if nobody waits any more half-way", async (payload) => {
      const interest = new AbortController();
      const answer = await run(requestOf(event, payload), interest.signal);
      if (answer.status !== "accepted") throw new Error(`It was ${answer.status}.`);
      const events = answer.events[Symbol.asyncIterator]();
      await events.next();
      interest.abort();
      const rest = (await drain(events)).map(({ body }) => read(body).event);
      expect(rest).not.toContain(catalogue[event].completion);
    });

    it("REQ-1 and not at all, if nobody waits from the beginning", async () => {
      const begun = run(requestOf(event, payload), AbortSignal.abort());
      await begun.then(
        async (answer) => {
          if (answer.status === "accepted") await drain(answer.events[Symbol.asyncIterator]());
        },
        () => undefined,
      );
    });
  });
};

/** What still comes. */
const drain = async (events: AsyncIterator<AnswerEvent>): Promise<AnswerEvent[]> => {
  const rest: AnswerEvent[] = [];
  try {
    for (let next = await events.next(); !next.done; next = await events.next()) rest.push(next.value);
  } catch {
    // A stream over a wire rejects when its reader gives up.
  }
  return rest;
};

const times = (list: readonly { timestamp: number }[]): number[] => list.map(({ timestamp }) => timestamp);

const expectAscending = (values: readonly number[]): void => {
  expect(values).toEqual(values.toSorted((a, b) => a - b));
};

/** What the payloads of one answer must have to do with each other. */
const SENSE: { readonly [N in RequestName]?: (said: readonly Said[]) => void } = {
  query: (said) => {
    const rows = said.flatMap(({ event, data }) => (event === "query_response" ? data.rows : []));
    expect(rows).toHaveLength(50);
    expect(said.at(-1)?.data.totalRows).toBe(50);
    expectAscending(said.flatMap(({ event, data }) => (event === "query_progress" ? [data.pct] : [])));
  },
  request_market_data: ([response]) => {
    const { candles } = response?.data ?? {};
    expect(candles).toHaveLength(6);
    expectAscending(times(candles));
    // By hand, of the file of trades.
    expect(candles[0]).toMatchObject({ timestamp: 1_723_161_600_000 });
    expect([candles[0].open, candles[0].close].map(Number)).toEqual([61_685.99, 61_631.79]);
    expect(Number(candles[0].volume)).toBeCloseTo(33.90966, 8);
  },
  address_analysis: (said) => {
    expectAscending(said.flatMap(({ data }) => (data.pct === undefined ? [] : [data.pct])));
    const { riskScore, signals } = said.at(-2)?.data ?? {};
    expect(Number(riskScore)).toBeGreaterThan(0);
    expect(JSON.stringify(signals)).toContain(LISTED);
  },
  address_transactions: ([response]) => {
    const { transactions, nextCursor } = response?.data ?? {};
    expect(transactions).toHaveLength(5);
    expect(nextCursor).toEqual(expect.any(String));
  },
  cross_border_flows: ([response]) => {
    expect(response?.data.flows.length).toBeGreaterThan(0);
  },
  chat: (said) => {
    const pieces = said.filter(({ event }) => event === "chat_message").map(({ data }) => data);
    expect(pieces.map(({ isFinal }) => isFinal)).toEqual(
      pieces.map((_, index) => index === pieces.length - 1),
    );
    expect(pieces.map(({ delta }) => delta).join("")).toMatch(/61[, ]?602\.02/);
    expect(said.at(-1)?.data.sql).toMatch(/^SELECT/i);
  },
};
