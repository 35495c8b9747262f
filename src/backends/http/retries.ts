import type { Sleep } from "../../lib/after.ts";
import type { Clock } from "../../lib/clock.ts";
import { err, ok, type Result } from "../../lib/result.ts";

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;
/** An upstream that wants to be left alone for longer is not asked again: the client is told when. */
const LONGEST_PAUSE_MS = 2_000;

/** Nothing has been streamed, and the upstream, or what stands before it, has said that it did not do the work. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503, 504]);

export interface RetryDeps {
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** Hears why it is asked again. */
  readonly retrying: (reason: string) => void;
}

/**
 * Asks until there is an answer that is not passing trouble, at most three times, with doubling pauses. Fails with the
 * reason why no connection came about. Once `signal` has aborted it does not ask again.
 */
export const askRetrying = async (
  ask: () => Promise<Response>,
  signal: AbortSignal,
  { clock, sleep, retrying }: RetryDeps,
): Promise<Result<Response, string>> => {
  for (let attempt = 1, pause = FIRST_PAUSE_MS; ; attempt++, pause *= 2) {
    const result = await once(ask);
    const wait = result.ok ? pauseBefore(result.value, pause, clock()) : pause;
    if (wait === undefined || attempt === ATTEMPTS || signal.aborted) return result;
    retrying(result.ok ? `status ${result.value.status}` : result.error);
    if (result.ok) await discard(result.value);
    await Promise.race([sleep(wait), aborted(signal)]);
    if (signal.aborted) return err("cancelled");
  }
};

/** Lets go of a response whose body nobody wants. */
export const discard = async (response: Response): Promise<void> => {
  await response.body?.cancel().catch(() => undefined);
};

/**
 * The seconds that `Retry-After` asks for, rounded up: a number of them, or a date.
 * Undefined when there is none, or none that can be read.
 */
export const retryAfterOf = ({ headers }: Response, now: number): number | undefined => {
  const value = headers.get("retry-after")?.trim();
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  // Date.parse reads much that is no date of HTTP, "-1" among it.
  const at = value.endsWith(" GMT") ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1_000));
};

const once = async (ask: () => Promise<Response>): Promise<Result<Response, string>> => {
  try {
    return ok(await ask());
  } catch (error) {
    return err(connectionProblem(error));
  }
};

const pauseBefore = (response: Response, pause: number, now: number): number | undefined => {
  if (!UNAVAILABLE.has(response.status)) return undefined;
  const wanted = (retryAfterOf(response, now) ?? 0) * 1_000;
  return wanted > LONGEST_PAUSE_MS ? undefined : Math.max(pause, wanted);
};

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** For the log. Messages of some runtimes hold the URL, whose query may be a secret. */
const connectionProblem = (error: unknown): string => {
  if (!(error instanceof Error)) return "no connection";
  const { cause } = error;
  if (cause instanceof Error && "code" in cause) return `no connection: ${String(cause.code)}`;
  return `no connection: ${error.message.includes("://") ? error.name : error.message}`;
};
