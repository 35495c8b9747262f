import type { Random } from "./random.ts";

/** One thread that does one thing after the other, in the order in which they come. */
export interface Server {
  /** Something that takes `ms` comes at `at`, not before what came last. Returns when it is done. */
  serve(at: number, ms: number): number;
  /** How long it has worked in all. */
  readonly busyMs: number;
}

/** What else a thread has to do, that is not followed one by one. */
export interface Background {
  /** Times a ms. */
  readonly rate: number;
  /** How long one takes, in ms. */
  readonly serviceMs: (random: Random) => number;
}

/** Background work comes as a Poisson process, and is worked off in its turn. */
export const createServer = (background?: Background, random?: Random): Server => {
  let freeAt = 0;
  let busyMs = 0;
  const gap = (): number =>
    background === undefined || random === undefined || background.rate === 0
      ? Number.POSITIVE_INFINITY
      : random.exponential(1 / background.rate);
  let nextAt = gap();
  const work = (at: number, ms: number): number => {
    freeAt = Math.max(freeAt, at) + ms;
    busyMs += ms;
    return freeAt;
  };
  return {
    serve: (at, ms) => {
      while (nextAt <= at && background !== undefined && random !== undefined) {
        work(nextAt, background.serviceMs(random));
        nextAt += gap();
      }
      return work(at, ms);
    },
    get busyMs() {
      return busyMs;
    },
  };
};
