import { Agent, request } from "node:http";

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** On a connection of its own, for what may cost the connection. */
  readonly alone?: boolean;
  /** Breaks the connection after so many milliseconds. */
  readonly abortAfterMs?: number;
}

export interface HttpAnswer {
  /** 0 when there was no answer: the connection broke, by our hand or the server's. */
  readonly status: number;
  readonly body: string;
}

/** How long any answer may take. */
const PATIENCE_MS = 20_000;

/** Requests as no browser would make them. Counts the answers. */
export class HttpClient {
  /** Answers by status. */
  readonly statuses = new Map<number, number>();
  /** Answers that the service must never give, and requests that got none. */
  readonly faults: string[] = [];
  readonly #origin: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(origin: string) {
    this.#origin = origin;
  }

  send(path: string, options: HttpRequest = {}): Promise<HttpAnswer> {
    const { method = "GET", headers = {}, body, abortAfterMs } = options;
    const alone = options.alone || abortAfterMs !== undefined;
    return new Promise((resolve) => {
      const settle = (status: number, text: string): void => {
        clearTimeout(timer);
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
        if (status >= 500) this.faults.push(`${status} to ${method} ${path}: ${text.slice(0, 200)}`);
        resolve({ status, body: text });
      };
      const sent = request(
        `${this.#origin}${path}`,
        { method, headers, agent: alone ? false : this.#agent },
        (response) => {
          // The service may have answered before it had the whole body; it then gives the connection up.
          if (response.statusCode !== 200) sent.shouldKeepAlive = false;
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => {
            text += chunk;
          });
          response.on("end", () => {
            settle(response.statusCode ?? 0, text);
            // The service may have answered before it had the whole body; it then gives the connection up.
            if (response.statusCode !== 200) sent.destroy();
          });
          response.on("error", () => settle(0, ""));
        },
      );
      sent.on("error", (error) => settle(0, String(error)));
      const timer = setTimeout(() => {
        if (abortAfterMs === undefined) this.faults.push(`No answer to ${method} ${path}`);
        sent.destroy();
      }, abortAfterMs ?? PATIENCE_MS);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
