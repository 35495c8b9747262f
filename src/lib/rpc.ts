import type { Sleep } from "./after.ts";

/** What the platform adds to errors of Durable Object stubs. */
interface RpcError {
  readonly retryable?: boolean;
  readonly overloaded?: boolean;
  readonly durableObjectReset?: boolean;
}

const readError = (error: unknown): RpcError => (typeof error === "object" && error !== null ? error : {});

/** Whether the object has too much to do: it must not be asked again at once. */
export const isOverloaded = (error: unknown): boolean => readError(error).overloaded === true;

/** Whether a call may succeed if made anew. */
export const isRetryable = (error: unknown): boolean => {
  const { retryable, durableObjectReset } = readError(error);
  return (retryable === true || durableObjectReset === true) && !isOverloaded(error);
};

const ATTEMPTS = 4;
const FIRST_PAUSE_MS = 50;

/**
 * Makes an idempotent call, again where the platform says that helps, with doubling pauses.
 * Each attempt must take a fresh stub: a stub that failed stays broken.
 * @throws the last attempt's error.
 */
export const callRetrying = async <T>(call: () => Promise<T>, sleep: Sleep): Promise<T> => {
  for (let attempt = 1, pause = FIRST_PAUSE_MS; ; attempt++, pause *= 2) {
    try {
      return await call();
    } catch (error) {
      if (attempt === ATTEMPTS || !isRetryable(error)) throw error;
      await sleep(pause);
    }
  }
};
