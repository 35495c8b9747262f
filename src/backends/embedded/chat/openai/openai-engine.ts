import type { ErrorEnvelope } from "../../../../events/envelope.ts";
import type { After } from "../../../../lib/after.ts";
import type { Clock } from "../../../../lib/clock.ts";
import type { Log } from "../../../../lib/log.ts";
import type { ChatEngine, ChatPart, ChatQuestion, Tokens } from "../engine.ts";
import { CompletionError, completionParts } from "./completion-stream.ts";
import { promptOf } from "./prompt.ts";
import { refusalOf } from "./refusal.ts";

export interface OpenAiOptions {
  /** The base of the API, such as `https://api.openai.com/v1`. */
  readonly url: string;
  readonly model: string;
  /** Sent as a bearer token, if there is one; never logged. */
  readonly key: string | undefined;
  /** How long the endpoint may be silent, before its first byte or between two, in ms. */
  readonly idleTimeoutMs: number;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly after: After;
  readonly clock: Clock;
  readonly log: Log;
}

const CUT = "\n\n(The answer ends here: it reached the length that the model allows.)";

const failed = (error: ErrorEnvelope): ChatPart => ({ type: "failed", error });

const internal = (message: string): ChatPart => failed({ code: "INTERNAL", message });

/** Has a model behind an OpenAI-compatible endpoint answer: `POST {url}/chat/completions`, streamed. */
export const openAiEngine = (options: OpenAiOptions): ChatEngine => ({
  answer: (question, signal) => new Completion(options, signal).run(question),
});

/** One answer of the model. */
class Completion {
  readonly #options: OpenAiOptions;
  readonly #caller: AbortSignal;
  readonly #silent = new AbortController();

  constructor(options: OpenAiOptions, caller: AbortSignal) {
    this.#options = options;
    this.#caller = caller;
  }

  async *run(question: ChatQuestion): AsyncGenerator<ChatPart, void, undefined> {
    const { clock } = this.#options;
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      const response = await this.#inTime(this.#post(question));
      reader = response.body?.getReader();
      if (response.status !== 200) {
        this.#failed("refused", { status: response.status });
        yield failed(refusalOf(response.status, response.headers, clock()));
      } else if (
        reader === undefined ||
        !/^text\/event-stream\b/i.test(response.headers.get("content-type") ?? "")
      ) {
        this.#failed("no_stream");
        yield failed(refusalOf(502, response.headers, clock()));
      } else {
        yield* this.#read(reader);
      }
    } catch (error) {
      yield this.#problem(error);
    } finally {
      // Ends the work of an endpoint that nobody listens to any more; after the end it does nothing.
      await reader?.cancel().catch(() => undefined);
    }
  }

  #post(question: ChatQuestion): Promise<Response> {
    const { url, model, key, fetch } = this.#options;
    const endpoint = new URL(url);
    endpoint.pathname = `${endpoint.pathname.replace(/\/+$/, "")}/chat/completions`;
    return fetch(endpoint.href, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream",
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      },
      body: JSON.stringify({
        model,
        messages: promptOf(question),
        stream: true,
        stream_options: { include_usage: true },
      }),
      // The key is for this endpoint alone.
      redirect: "manual",
      signal: AbortSignal.any([this.#caller, this.#silent.signal]),
    });
  }

  async *#read(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncGenerator<ChatPart, void, undefined> {
    const read = async () => (await this.#inTime(reader.read())).value;
    let tokens: Tokens = {};
    let finish: string | undefined;
    let empty = true;
    for await (const part of completionParts(read)) {
      switch (part.type) {
        case "text":
          empty = false;
          yield { type: "delta", text: part.text };
          break;
        case "usage":
          tokens = part.tokens;
          break;
        case "finish":
          finish = part.reason;
          break;
        default:
          part satisfies never;
      }
    }
    if (finish === undefined) throw new CompletionError("It ended without a reason.");
    if (finish === "content_filter") {
      yield internal("The chat model withheld the answer: its content filter took offence. Ask differently.");
    } else if (finish === "length") {
      yield { type: "delta", text: CUT };
      yield { type: "done", tokens };
    } else if (empty) {
      throw new CompletionError(`It ended without text.`);
    } else {
      yield { type: "done", tokens };
    }
  }

  /** Waits for the endpoint, but not for ever. Time that the caller takes does not count. */
  async #inTime<T>(work: Promise<T>): Promise<T> {
    const stop = this.#options.after(this.#options.idleTimeoutMs, () => this.#silent.abort());
    try {
      return await work;
    } finally {
      stop();
    }
  }

  #problem(error: unknown): ChatPart {
    if (this.#caller.aborted) return internal("The answer was cancelled.");
    if (this.#silent.signal.aborted) {
      this.#failed("silent");
      return internal("The chat model takes too long to answer. Send the message again.");
    }
    // Other errors can hold the endpoint's address, with what may be secret in it.
    const reason =
      error instanceof CompletionError ? error.message : error instanceof Error ? error.name : "unknown";
    this.#failed("broken", { reason });
    return internal("The answer of the chat model broke off. Send the message again.");
  }

  #failed(what: string, fields: Readonly<Record<string, string | number>> = {}): void {
    this.#options.log("error", "chat_model_failed", { what, ...fields });
  }
}
