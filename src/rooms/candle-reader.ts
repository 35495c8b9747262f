import type { Bar } from "../events/bar.ts";
import type { Clock } from "../lib/clock.ts";
import { err, ok, type Result } from "../lib/result.ts";
import { parseWindow, type TimeRange } from "../lib/time-window.ts";
import { exceedsBytes } from "../lib/utf8.ts";
import type { Bars } from "./bars.ts";
import { candleStart, RollUp, resolutionMs, resolutionNames } from "./candles.ts";
import { compareBars } from "./latest-bars.ts";
import type { CandleRefusal, CandleRequest } from "./protocol.ts";

/** Candles of an answer, and their bytes as JSON: an event holds 1,000,000. */
const MAX_CANDLES = 5_000;
const MAX_BYTES = 990_000;

/** Candles of an answer to a request that names no window. */
const LATEST = 500;

/** Bars that are rolled up for one answer. */
const MAX_BARS = 2_000_000;

/** Requests that are answered at a time, of all users and of one: each holds its candles. */
const MAX_READS = 50;
const MAX_READS_PER_USER = 5;

/** How long an answer is read: nobody can end it before, though whoever asked may be gone. */
const MAX_READ_MS = 10_000;

/** Bars, and positions of candles, read at a time: what the room publishes meanwhile waits for no more. */
const PAGE_BARS = 500;
const PAGE_STARTS = 100;

/** Earlier than any time. */
const NONE = -1;

/** Seconds after which a request that was one too many is worth sending again. */
const RETRY_AFTER_S = 1;

const EVER: TimeRange = { from: 0, to: Number.MAX_SAFE_INTEGER };

/** What makes an answer smaller, and what makes it quicker to read. */
const NARROWER = "Ask for a shorter window, a coarser resolution or fewer venues.";
const QUICKER = "Ask for a shorter window or fewer venues.";

export interface CandleReaderDeps {
  readonly bars: Bars;
  /** The room's name. */
  readonly room: string;
  readonly clock: Clock;
  /** Lets whatever waits for the object go first. */
  readonly pause: () => Promise<void>;
}

/** Where a venue's latest candle that has not been counted yet begins. */
interface Cursor {
  readonly venue: string;
  readonly from: number;
  start: number;
}

/** A venue whose candles are wanted from `from` on. */
interface Part {
  readonly venue: string;
  readonly from: number;
}

/** Which candles are read, and until when. */
interface Extent {
  readonly to: number;
  /** Of each candle, in ms. */
  readonly length: number;
  /** Only the latest so many of all. */
  readonly limit: number | undefined;
  /** In ms since the epoch. */
  readonly deadline: number;
}

/**
 * Rolls a room's bars up into candles, page by page. All readers together read one page between two pauses, so that
 * however much they read, the room's fan-out waits for one page at most.
 */
export class CandleReader {
  readonly #deps: CandleReaderDeps;
  #turn: Promise<void> = Promise.resolve();
  #reads = 0;
  /** By user, those that read now. */
  readonly #readsOf = new Map<string, number>();

  constructor(deps: CandleReaderDeps) {
    this.#deps = deps;
  }

  /** See `RoomRpc.candles`. A candle from which the retention has removed bars is left out. */
  async read(request: CandleRequest): Promise<Result<Bar[], CandleRefusal>> {
    const { userId } = request;
    const own = this.#readsOf.get(userId) ?? 0;
    if (own === MAX_READS_PER_USER) return busy("You read this market too often at a time.");
    if (this.#reads === MAX_READS) return busy("Too many read this market now.");
    this.#reads++;
    this.#readsOf.set(userId, own + 1);
    try {
      return await this.#read(request);
    } finally {
      this.#reads--;
      const left = (this.#readsOf.get(userId) ?? 0) - 1;
      if (left > 0) this.#readsOf.set(userId, left);
      else this.#readsOf.delete(userId);
    }
  }

  async #read(request: CandleRequest): Promise<Result<Bar[], CandleRefusal>> {
    const { bars, clock } = this.#deps;
    const length = resolutionMs(request.resolution);
    if (length === undefined) return invalid(`Choose a resolution of ${resolutionNames.join(", ")}.`);
    const limit = request.window === undefined ? LATEST : undefined;
    const now = clock();
    const window = request.window === undefined ? ok(EVER) : parseWindow(request.window, now);
    if (!window.ok) return invalid(window.error);
    const { venues } = bars;
    if (venues.length === 0) return err(noBars(this.#deps.room));
    const from = candleStart(window.value.from, length);
    const to = candleStart(window.value.to - 1, length) + length;
    const parts = venues
      .filter((venue) => request.venues?.includes(venue) ?? true)
      // The candle in which bars have been removed is not whole.
      .map((venue) => ({ venue, from: Math.max(from, wholeFrom(bars.completeFrom(venue), length)) }));
    const deadline = now + MAX_READ_MS;
    const wanted =
      limit === undefined ? ok(parts) : await this.#latest(parts, { to, length, limit, deadline });
    return wanted.ok ? this.#rollUp(wanted.value, { to, length, limit, deadline }) : wanted;
  }

  /** Where the latest `limit` candles before `to` begin, by venue. */
  async #latest(
    parts: readonly Part[],
    { to, length, limit, deadline }: Extent & { readonly limit: number },
  ): Promise<Result<readonly Part[], CandleRefusal>> {
    const { bars, clock } = this.#deps;
    const startBefore = ({ venue, from }: Part, before: number): number => {
      const time = bars.newestBefore(venue, before) ?? NONE;
      return time < from ? NONE : candleStart(time, length);
    };
    const cursors = parts.map((part): Cursor => ({ ...part, start: startBefore(part, to) }));
    const found = new Map<string, number>();
    for (let count = 0; count < limit; count++) {
      if (count % PAGE_STARTS === 0) {
        await this.#wait();
        if (clock() > deadline) return tooLong();
      }
      const newest = cursors.reduce<Cursor | undefined>(later, undefined);
      if (newest === undefined || newest.start === NONE) break;
      found.set(newest.venue, newest.start);
      newest.start = startBefore(newest, newest.start);
    }
    return ok([...found].map(([venue, from]) => ({ venue, from })));
  }

  async #rollUp(
    parts: readonly Part[],
    { to, length, limit, deadline }: Extent,
  ): Promise<Result<Bar[], CandleRefusal>> {
    const { bars, clock } = this.#deps;
    const candles: Bar[] = [];
    let read = 0;
    for (const { venue, from } of parts) {
      const rollUp = new RollUp(length);
      for (let next: number | undefined = from; next !== undefined; ) {
        await this.#wait();
        if (clock() > deadline) return tooLong();
        const page = bars.page(venue, { from: next, to }, PAGE_BARS);
        for (const bar of page.bars) {
          const complete = rollUp.add(bar);
          if (complete !== undefined) candles.push(complete);
        }
        next = page.next;
        read += page.bars.length;
        if (read > MAX_BARS) return invalid(`This is more than ${MAX_BARS} bars to roll up. ${QUICKER}`);
        // Of the latest there may be some more: of bars that came meanwhile.
        if (limit === undefined && candles.length > MAX_CANDLES) return tooMany();
      }
      const last = rollUp.end();
      if (last !== undefined) candles.push(last);
    }
    candles.sort(compareBars);
    const latest = limit === undefined ? candles : candles.slice(-limit);
    if (latest.length > MAX_CANDLES || exceedsBytes(JSON.stringify(latest), MAX_BYTES)) {
      return tooMany();
    }
    return ok(latest);
  }

  /** Resolves when it is this reader's turn to read a page. */
  #wait(): Promise<void> {
    this.#turn = this.#turn.then(this.#deps.pause);
    return this.#turn;
  }
}

/** When the first candle begins that has all bars from `time` on. */
const wholeFrom = (time: number, length: number): number => Math.ceil(time / length) * length;

/** Of one time, the last in the order of venues. */
const later = (a: Cursor | undefined, b: Cursor): Cursor =>
  a === undefined || b.start > a.start || (b.start === a.start && b.venue > a.venue) ? b : a;

/** Of a room that has no bars. */
export const noBars = (room: string): CandleRefusal => ({
  code: "NOT_FOUND",
  message: `There are no bars in ${room}. Check the symbol.`,
});

const busy = (reason: string): Result<never, CandleRefusal> =>
  err({ code: "RATE_LIMITED", message: `${reason} Try again.`, retryAfter: RETRY_AFTER_S });

const tooLong = (): Result<never, CandleRefusal> =>
  invalid(`This takes more than ${MAX_READ_MS / 1_000} s to read. ${QUICKER}`);

const tooMany = (): Result<never, CandleRefusal> =>
  invalid(`An answer holds at most ${MAX_CANDLES} candles, and ${MAX_BYTES} bytes. ${NARROWER}`);

const invalid = (message: string): Result<never, CandleRefusal> =>
  err({ code: "VALIDATION_FAILED", message });
