import http from "node:http";
import {
  eventually,
  Inbox,
  type Open,
  PATIENCE_MS,
  type Packet,
  parseOpen,
  type Wire,
  type WireOptions,
  within,
} from "./wire.ts";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

export const request = (url: string, init: RequestInit = {}): Promise<Answer> => {
  const answer = fetch(url, init).then(async (response) => ({
    status: response.status,
    headers: response.headers,
    body: await response.text(),
  }));
  return within(answer, `the answer to ${init.method ?? "GET"} ${url}`);
};

const SEPARATOR = "\x1e";

export const encodePayload = (packets: readonly Packet[]): string =>
  packets
    .map((packet) => (typeof packet === "string" ? packet : `b${Buffer.from(packet).toString("base64")}`))
    .join(SEPARATOR);

export const decodePayload = (body: string): Packet[] =>
  body
    .split(SEPARATOR)
    .map((text) => (text.startsWith("b") ? new Uint8Array(Buffer.from(text.slice(1), "base64")) : text));

/** A session over HTTP long-polling, one request at a time. */
export class PollingClient {
  readonly url: string;
  readonly open: Open;
  readonly #endpoint: string;
  #posted: Promise<unknown> = Promise.resolve();

  private constructor(endpoint: string, open: Open) {
    this.#endpoint = endpoint;
    this.open = open;
    this.url = `${endpoint}&sid=${encodeURIComponent(open.sid)}`;
  }

  /** `endpoint` is the URL of the handshake. */
  static async open(endpoint: string): Promise<PollingClient> {
    const { status, body } = await request(endpoint);
    if (status !== 200) throw new Error(`Handshake answered ${status} ${body}`);
    return new PollingClient(endpoint, parseOpen(body));
  }

  get(init: RequestInit = {}): Promise<Answer> {
    return request(this.url, init);
  }

  /** Waits for the POST before: two at once end the session. */
  post(body: string, init: RequestInit = {}): Promise<Answer> {
    const answer = this.#posted.then(() => request(this.url, { ...init, method: "POST", body }));
    this.#posted = answer.catch(() => undefined);
    return answer;
  }

  /**
   * Polls until something comes that is not in `ignored`, and answers pings meanwhile. What is ignored is taken
   * out of the body.
   */
  async poll(ignored: readonly string[] = ["2", "6"]): Promise<Answer> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.get();
      if (answer.status !== 200) return answer;
      const packets = answer.body.split(SEPARATOR);
      if (packets.includes("2")) await this.post("3");
      const rest = packets.filter((packet) => !ignored.includes(packet));
      if (rest.length > 0) return { ...answer, body: rest.join(SEPARATOR) };
      if (Date.now() > deadline) throw new Error(`Polled for ${PATIENCE_MS} ms, and nothing came`);
    }
  }

  /**
   * A poll that the server holds. From outside nothing shows when a request has come in, so round trips that
   * began after it stand in for that.
   */
  async hold(ignored?: readonly string[]): Promise<{ readonly answer: Promise<Answer> }> {
    const answer = this.poll(ignored);
    answer.catch(() => undefined);
    await this.roundTrips();
    return { answer };
  }

  async roundTrips(): Promise<void> {
    for (let turn = 0; turn < 3; turn++) await request(this.#endpoint);
  }

  /** The next `count` packets, over as many polls as it takes. */
  async collect(count: number): Promise<Packet[]> {
    const packets: Packet[] = [];
    while (packets.length < count) {
      const { status, body } = await this.poll();
      if (status !== 200) throw new Error(`A GET was answered ${status} after ${packets.length} packets`);
      packets.push(...decodePayload(body));
    }
    return packets;
  }

  /** Starts a request by hand, so that it can be left unfinished. */
  begin(method: "GET" | "POST"): http.ClientRequest {
    const begun = http.request(this.url, { method, headers: { "content-type": "text/plain" } });
    begun.on("error", () => undefined);
    begun.on("response", (response) => response.resume());
    return begun;
  }

  /**
   * Resolves with the answer to a POST once the session is gone. Pongs are posted until then, so that no ping
   * timeout ends the session in place of what should have ended it.
   */
  async gone(): Promise<Answer> {
    // A server may reset the connection of the very request that ends the session.
    const posted = () => this.post("3").catch(() => undefined);
    await eventually(posted, (answer) => answer?.status === 400);
    return this.post("3");
  }
}

/** Polls all the time, as a stock client does. */
export class PollingWire implements Wire {
  pings = 0;
  readonly closed: Promise<void>;
  readonly session: PollingClient;
  readonly #answersPings: boolean;
  readonly #inbox = new Inbox<Packet>();
  readonly #left = new AbortController();
  readonly #outbox: Packet[] = [];
  #sending = false;

  constructor(session: PollingClient, { answersPings = true }: WireOptions = {}) {
    this.session = session;
    this.#answersPings = answersPings;
    const ended = this.#poll();
    ended.then((why) => this.#inbox.end(why));
    this.closed = ended.then(() => undefined);
  }

  /** Packets join those that wait for the POST before, as in a stock client: a pong must not queue for long. */
  send(...packets: Packet[]): void {
    this.#outbox.push(...packets);
    if (!this.#sending) void this.#flush();
  }

  receive(): Promise<Packet> {
    return this.#inbox.next();
  }

  close(): void {
    this.#left.abort();
  }

  async #flush(): Promise<void> {
    this.#sending = true;
    while (this.#outbox.length > 0) {
      const body = encodePayload(this.#outbox.splice(0));
      const answer = await this.session.post(body).catch((error) => error as Error);
      if (answer instanceof Error) this.#inbox.end(`a POST failed: ${answer}`);
      else if (answer.status !== 200) this.#inbox.end(`a POST was answered ${answer.status}`);
    }
    this.#sending = false;
  }

  /** Returns why the session has ended. */
  async #poll(): Promise<string> {
    while (!this.#left.signal.aborted) {
      const answer = await this.session.get({ signal: this.#left.signal }).catch((error) => error as Error);
      if (answer instanceof Error) return `a GET failed: ${answer}`;
      if (answer.status !== 200) return `a GET was answered ${answer.status} ${answer.body}`;
      for (const packet of decodePayload(answer.body)) {
        if (packet === "1") return "a close packet came";
        if (packet === "2") {
          this.pings++;
          if (this.#answersPings) this.send("3");
        } else if (packet !== "6") this.#inbox.push(packet);
      }
    }
    return "the client has left";
  }
}
