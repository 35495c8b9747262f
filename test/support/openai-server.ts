import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** One event of a streamed completion, as OpenAI documents it for `stream_options.include_usage`. */
const event = (choices: string, usage = "null"): string =>
  `data: {"id":"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT","object":"chat.completion.chunk","created":1741569952,` +
  `"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_06737a9306",` +
  `"choices":${choices},"usage":${usage}}\n\n`;

const choice = (delta: string, finish: string): string =>
  event(`[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]`);

/** The first chunk of a choice says who speaks, and nothing yet. */
export const ROLE = choice('{"role":"assistant","content":"","refusal":null}', "null");

export const content = (text: string): string => choice(`{"content":${JSON.stringify(text)}}`, "null");

export const finish = (reason: string): string => choice("{}", JSON.stringify(reason));

/** The last chunk: the counts, and no choice. */
export const usage = (prompt: number, completion: number): string =>
  event(
    "[]",
    `{"prompt_tokens":${prompt},"completion_tokens":${completion},"total_tokens":${prompt + completion},` +
      `"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},` +
      `"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}`,
  );

export const DONE = "data: [DONE]\n\n";

/** A keep-alive, as proxies send it. */
export const COMMENT = ": OPENROUTER PROCESSING\n\n";

export interface CompletionRequest {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

type Respond = (response: ServerResponse, request: CompletionRequest) => void;

/** An OpenAI-compatible endpoint on a port of its own, which says what the test has it say. */
export class OpenAiServer {
  readonly requests: CompletionRequest[] = [];
  /** Answers the next requests. */
  respond: Respond = (response) => void stream(response).end(DONE);
  readonly #server: Server;
  readonly #closed: Promise<void>[] = [];

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(): Promise<OpenAiServer> {
    const server = new OpenAiServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** When the connections of all responses so far have ended. */
  async closed(): Promise<void> {
    await Promise.all(this.#closed);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#closed.push(once(response, "close").then(() => undefined));
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { method, url, headers } = request;
    const taken = { method, path: url, headers, body: JSON.parse(Buffer.concat(pieces).toString()) };
    this.requests.push(taken);
    this.respond(response, taken);
  }
}

/** Begins a stream. */
export const stream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });

/** Answers with an error, in the form of the API's. */
export const refuse = (
  response: ServerResponse,
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(
    JSON.stringify(
      { error: { message: "Not this time, sk-leaked.", type: "error", param: null, code } },
      null,
      2,
    ),
  );
};

/** Sends bytes in pieces of `size`, each in a segment of its own as far as the kernel likes. */
export const dribble = async (response: ServerResponse, text: string, size: number): Promise<void> => {
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; from += size) {
    response.write(bytes.subarray(from, from + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
};
