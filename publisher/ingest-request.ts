import { retryAfterMs } from "./backoff.ts";
import { PublishError } from "./errors.ts";

/** The part of `fetch` that is used, so that any runtime's fits. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

export interface FetchInit {
  readonly method: "POST";
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly redirect: "manual";
  readonly signal: AbortSignal;
}

export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** An event that the service has not accepted. */
export interface Rejection {
  readonly error: PublishError;
  /** When to publish it again, in ms from now; undefined if that would not help. */
  readonly retryAfterMs: number | undefined;
}

export type Answer =
  /** All are accepted but those at these places. */
  | { readonly kind: "answered"; readonly rejections: ReadonlyMap<number, Rejection> }
  /** None may count as accepted; trying again may help. */
  | { readonly kind: "retry"; readonly error: PublishError; readonly retryAfterMs: number | undefined }
  | { readonly kind: "too-large" }
  | { readonly kind: "refused"; readonly error: PublishError };

export interface Target {
  readonly endpoint: string;
  readonly token: string;
  readonly fetch: Fetch;
}

const MAX_MESSAGE_CHARS = 500;

/** One request; never throws. */
export const postEvents = async (target: Target, body: string, signal: AbortSignal): Promise<Answer> => {
  const { endpoint, token, fetch } = target;
  try {
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body,
      // Followed, a redirect might turn into a GET, or carry the token elsewhere.
      redirect: "manual",
      signal,
    });
    return readAnswer(target, response, await response.text());
  } catch (cause) {
    const message = signal.aborted
      ? `There was no answer from ${endpoint} in time.`
      : `There was no answer from ${endpoint}.`;
    return {
      kind: "retry",
      error: new PublishError("UNREACHABLE", message, { cause }),
      retryAfterMs: undefined,
    };
  }
};

const readAnswer = (target: Target, { status, headers }: FetchResponse, text: string): Answer => {
  if (status === 202) return readAccepted(target, text);
  if (status === 413) return { kind: "too-large" };
  const said = saidBy(text, target.token);
  if (status >= 500 || status === 429 || status === 408 || status === 425) {
    const code = status === 429 ? "RATE_LIMITED" : "INTERNAL";
    const error = new PublishError(code, `The service answered ${status}.${said}`, { status });
    return {
      kind: "retry",
      error,
      retryAfterMs: retryAfterMs(headers.get("retry-after"), headers.get("date")),
    };
  }
  return { kind: "refused", error: refusal(target.endpoint, status, said) };
};

const refusal = (endpoint: string, status: number, said: string): PublishError => {
  if (status === 401 || status === 403) {
    return new PublishError("UNAUTHORIZED", `The service does not accept the token (${status}).${said}`, {
      status,
    });
  }
  // Status 0 is how browsers show a redirect that is not followed.
  if (status < 400 || status === 404 || status === 405) {
    const what = status === 0 || (status >= 300 && status < 400) ? "redirects" : `answers ${status}`;
    return new PublishError(
      "BAD_ADDRESS",
      `${endpoint} ${what}: url must be that of a LedgerCore Realtime.`,
      {
        status,
      },
    );
  }
  return new PublishError("REFUSED", `The service refused the request (${status}).${said}`, { status });
};

const readAccepted = ({ endpoint, token }: Target, text: string): Answer => {
  const body = parse(text);
  const rejected = isObject(body) && typeof body.accepted === "number" ? body.rejected : undefined;
  if (!Array.isArray(rejected)) {
    const message = `The answer of ${endpoint} could not be read.`;
    return { kind: "retry", error: new PublishError("UNREACHABLE", message), retryAfterMs: undefined };
  }
  const rejections = new Map<number, Rejection>();
  for (const entry of rejected) {
    if (isObject(entry) && typeof entry.index === "number")
      rejections.set(entry.index, readRejection(entry, token));
  }
  return { kind: "answered", rejections };
};

const readRejection = ({ code, message, retryAfter }: Record<string, unknown>, token: string): Rejection => {
  const said = clean(typeof message === "string" ? message : "The service refused the event.", token);
  switch (code) {
    case "INTERNAL":
    case "RATE_LIMITED": {
      const seconds = typeof retryAfter === "number" && retryAfter > 0 ? retryAfter : 0;
      return { error: new PublishError(code, said), retryAfterMs: seconds * 1000 };
    }
    case "VALIDATION_FAILED":
    case "NOT_FOUND":
    case "UNAUTHORIZED":
      return { error: new PublishError(code, said), retryAfterMs: undefined };
    default:
      return { error: new PublishError("REFUSED", said), retryAfterMs: undefined };
  }
};

/** The message of an error's envelope, to be put after a sentence. */
const saidBy = (text: string, token: string): string => {
  const body = parse(text);
  return isObject(body) && typeof body.message === "string" ? ` ${clean(body.message, token)}` : "";
};

/** What stands before the service may repeat what it was sent. */
const clean = (message: string, token: string): string =>
  message.replaceAll(token, "<token>").slice(0, MAX_MESSAGE_CHARS);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
