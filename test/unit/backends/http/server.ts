import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { BackendEvent, BackendRequest, Started } from "../../../../src/backends/backend.ts";
import { type HttpBackendDeps, httpBackend } from "../../../../src/backends/http/http-backend.ts";
import { type Fetch, upstreamOf } from "../../../../src/backends/http/upstream.ts";
import { after, sleep } from "../../../../src/lib/after.ts";
import type { LogFields, LogLevel } from "../../../../src/lib/log.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface Received {
  readonly url: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: unknown;
}

/** A real HTTP server that answers each request as the test says. */
export class UpstreamServer {
  readonly received: Received[] = [];
  connections = 0;
  answer: Answer = (_, response) => response.writeHead(500).end();
  readonly #server: Server;

  constructor() {
    this.#server = createServer(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      this.received.push({ url: request.url, headers: request.headers, body: JSON.parse(body) });
      this.answer(request, response);
    });
    this.#server.on("connection", () => this.connections++);
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields | undefined;
}

interface Setup extends Partial<Omit<HttpBackendDeps, "upstream">> {
  readonly url: string;
  readonly token?: string;
  readonly binding?: { readonly fetch: Fetch };
}

/** The backend as the service makes it, with timers and `fetch` that are real unless the test brings its own. */
export const createBackend = ({ url, token, binding, ...deps }: Setup) => {
  const logs: LogLine[] = [];
  const upstream = upstreamOf({ BACKEND_URL: url, BACKEND_TOKEN: token }, binding, (...call) =>
    fetch(...call),
  );
  if (upstream === undefined) throw new Error("There is no upstream.");
  const backend = httpBackend({
    upstream,
    firstByteTimeoutMs: 10_000,
    idleTimeoutMs: 10_000,
    clock: Date.now,
    after,
    sleep,
    log: (level, event, fields) => void logs.push({ level, event, fields }),
    ...deps,
  });
  return { backend, logs };
};

export const QUERY: BackendRequest<"query"> = {
  id: "q_1",
  event: "query",
  payload: { sql: "SELECT 'hush' AS secret", applicationId: "app_1" },
  userId: "user_1",
  socketId: "sid_1",
  applicationId: "app_1",
  applications: ["app_1"],
};

export const NEVER = new AbortController().signal;

/** What was accepted, to be read. */
export const accepted = (started: Started): AsyncIterable<BackendEvent> => {
  if (started.status !== "accepted") throw new Error(`It was not accepted: ${JSON.stringify(started)}`);
  return started.events;
};

export const collect = async (events: AsyncIterable<BackendEvent>): Promise<BackendEvent[]> => {
  const all: BackendEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
};

/** A reply as an upstream writes it. */
export const sse = (...events: readonly (readonly [event: string, data: object])[]): string =>
  events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join("");

export const streamHead = { "content-type": "text/event-stream" };
