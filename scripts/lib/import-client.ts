import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Table } from "../../src/backends/embedded/dataset/schema.ts";
import { parseJson } from "../../src/lib/json.ts";

export interface ImportClientOptions {
  /** Of the service. */
  readonly url: URL;
  readonly application: string;
  readonly table: Table;
  /** An ingest token. */
  readonly token: string;
  /** Told before each pause after an error that may pass. */
  readonly onPause?: (reason: string, seconds: number) => void;
  /** Pauses between attempts, in ms; their number is that of the attempts after the first. */
  readonly pauses?: readonly number[];
  /** Ends requests and pauses. */
  readonly signal?: AbortSignal;
}

/** The service cannot be reached or refuses the import; the message says what to do. */
export class ImportError extends Error {}

/** The service takes no request as large as this one. */
export class BatchTooLargeError extends ImportError {}

/** About a minute in all: a deploy, or a restart, passes. */
const PAUSES_MS: readonly number[] = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

const TIMEOUT_MS = 60_000;

/** A batch is not where its source stands. */
const CONFLICT = 409;
const TOO_LARGE = 413;

const count = z.int().nonnegative();

const progress = z.object({
  position: count,
  inserted: count,
  replaced: count,
  unchanged: count,
  skipped: count,
});

const answer = progress.extend({
  rejected: z.array(z.object({ index: count, column: z.string(), message: z.string() })),
});

const tableCounts = z.object({ tables: z.record(z.string(), count) });

const refusal = z.object({ message: z.string() });

export type ImportClientProgress = z.infer<typeof progress>;
export type ImportClientAnswer = z.infer<typeof answer>;

interface Attempt {
  /** Of the application. */
  readonly path: string;
  readonly init: RequestInit;
  /** Whether nothing has been heard of the service yet: then there may be none. */
  readonly first: boolean;
}

/** The import endpoint of one table. Errors that may pass are met with pauses and other attempts. */
export class ImportClient {
  readonly #options: ImportClientOptions;

  constructor(options: ImportClientOptions) {
    this.#options = options;
  }

  /** Whether the application has no rows, in any table. @throws ImportError */
  async isEmpty(): Promise<boolean> {
    const body = await this.#ask({ path: "tables", init: {}, first: true });
    return Object.values(this.#read(tableCounts, body).tables).every((rows) => rows === 0);
  }

  /** How much of a source is in. @throws ImportError */
  async progress(source: string): Promise<ImportClientProgress> {
    const path = `import/${this.#options.table}?source=${source}`;
    return this.#read(progress, await this.#ask({ path, init: {}, first: true }));
  }

  /** Sends rows, each as JSON, that go on at `position` of the source. @throws BatchTooLargeError, ImportError */
  async send(source: string, position: number, rows: readonly string[]): Promise<ImportClientAnswer> {
    const init: RequestInit = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: `{"source":${JSON.stringify(source)},"position":${position},"rows":[${rows.join(",")}]}`,
    };
    const path = `import/${this.#options.table}`;
    return this.#read(answer, await this.#ask({ path, init, first: false }));
  }

  #read<T>(schema: z.ZodType<T>, body: unknown): T {
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    throw new ImportError(`What answers at ${this.#options.url.origin} is another service.`);
  }

  async #ask(attempt: Attempt): Promise<unknown> {
    const { pauses = PAUSES_MS, onPause, signal } = this.#options;
    for (const pause of pauses) {
      const outcome = await this.#try(attempt);
      if (outcome.status === "done") return outcome.body;
      const ms = Math.max(pause, (outcome.retryAfter ?? 0) * 1_000);
      onPause?.(outcome.reason, ms / 1_000);
      await sleep(ms, undefined, { signal }).catch((error) => {
        throw signal?.aborted ? stopped() : error;
      });
    }
    const last = await this.#try(attempt);
    if (last.status === "done") return last.body;
    throw new ImportError(last.reason);
  }

  /** @throws ImportError when another attempt would not help */
  async #try({ path, init, first }: Attempt): Promise<Outcome> {
    const { url, application, token, signal } = this.#options;
    const address = new URL(`/api/applications/${encodeURIComponent(application)}/${path}`, url);
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    let text: string;
    try {
      response = await fetch(address, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${token}` },
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      text = await response.text();
    } catch (error) {
      if (signal?.aborted) throw stopped();
      const reason = `The service at ${url.origin} cannot be reached: ${networkReason(error)}.`;
      if (first) throw new ImportError(`${reason} Is it running, and --url its address?`);
      return { status: "failed", reason };
    }
    const body = parseJson(text);
    if (response.ok) return { status: "done", body };
    const message = refusal.safeParse(body).data?.message ?? "Is --url the address of the service?";
    if (response.status === CONFLICT) {
      throw new ImportError("Another run imports the same file, or has emptied the table.");
    }
    const reason = `The service refused (${response.status}). ${message}`;
    if (response.status === TOO_LARGE) throw new BatchTooLargeError(reason);
    if (response.status !== 429 && response.status < 500) throw new ImportError(reason);
    return { status: "failed", reason, retryAfter: Number(response.headers.get("retry-after") ?? 0) };
  }
}

type Outcome =
  | { readonly status: "done"; readonly body: unknown }
  | { readonly status: "failed"; readonly reason: string; readonly retryAfter?: number };

const stopped = (): ImportError => new ImportError("The import was stopped.");

/** The code, which `fetch` hides in the cause of its error, or else the message. */
const networkReason = (error: unknown): string => {
  const { cause, message } = error as Error;
  const { code, message: inner } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? inner ?? message;
};
