import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TRANSPORTS } from "../../support/client.ts";
import { signToken } from "../../support/keys.ts";
import { engineUrl, RawClient } from "../../support/raw-client.ts";
import { type Service, type ServiceOptions, startService } from "../../support/service.ts";

interface Asked {
  readonly body: {
    requestId: string;
    userId: string;
    socketId: string;
    applicationId: string;
    payload: unknown;
  };
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Resolves when the service has closed the connection. */
  readonly closed: Promise<unknown>;
}

/** An upstream whose replies the test writes itself. */
class ScriptedUpstream {
  readonly #waiting: ((asked: Asked) => void)[] = [];
  readonly #asked: Asked[] = [];
  readonly #server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const asked = {
      body: JSON.parse(Buffer.concat(chunks).toString()),
      ...{ request, response, closed: once(response, "close") },
    };
    const next = this.#waiting.shift();
    if (next === undefined) this.#asked.push(asked);
    else next(asked);
  });

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next request it is asked. */
  async next(): Promise<Asked> {
    return this.#asked.shift() ?? new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

const say = (response: ServerResponse, event: string, data: object): void => {
  if (!response.headersSent) response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
};

const upstream = new ScriptedUpstream();
let service: Service;

const query = { sql: "SELECT 1", applicationId: "demo" };
const completed = { durationMs: 1, totalRows: 0 };

const startWith = (
  vars: Readonly<Record<string, string>> = {},
  options: Omit<ServiceOptions, "vars"> = {},
): Promise<Service> =>
  startService({ vars: { BACKEND_URL: url, GATEWAYS_PER_COLO: "1", ...vars }, ...options });

let url: string;

beforeAll(async () => {
  url = await upstream.listen();
  service = await startWith({ MAX_REQUESTS_PER_SOCKET: "2" });
});

afterAll(async () => {
  await service?.stop();
  upstream.close();
});

const ask = (client: Awaited<ReturnType<Service["connect"]>>): Promise<{ queryId: string }> =>
  new Promise((resolve) => client.socket.emit("query", query, resolve as never));

describe("REQ-1 while a request is answered", () => {
  it("its events arrive as they are said, and the socket hears of everything else", async () => {
    const client = await service.connect("user_flow");
    const ack = ask(client);
    const { body, response } = await upstream.next();
    expect(body).toMatchObject({ userId: "user_flow", socketId: client.socket.id, applicationId: "demo" });
    say(response, "query_started", { estimatedMs: 5 });
    expect(await ack).toEqual({ queryId: body.requestId });
    expect(await client.next("query_started")).toEqual({ queryId: body.requestId, estimatedMs: 5 });
    await client.subscribe("market:AAA-USD");
    await client.settled();
    say(response, "query_completed", completed);
    expect(await client.next("query_completed")).toEqual({ queryId: body.requestId, ...completed });
    response.end();
    client.close();
  });

  it("a socket may have only so many; others of the user are not held up", async () => {
    const client = await service.connect("user_limit");
    const other = await service.connect("user_limit");
    const acks = [ask(client), ask(client)];
    const asked = [await upstream.next(), await upstream.next()];
    expect(await ask(client)).toMatchObject({ error: { code: "RATE_LIMITED" } });
    expect(await client.next("rate_limit_error")).toMatchObject({ code: "RATE_LIMITED", retryAfter: 1 });
    const ofOther = ask(other);
    asked.push(await upstream.next());
    for (const { response } of asked) {
      say(response, "query_completed", completed);
      response.end();
    }
    await Promise.all([...acks, ofOther]);
    await client.all("query_completed", 2);
    await other.next("query_completed");
    const again = ask(client);
    const { response } = await upstream.next();
    response.writeHead(404).end();
    expect(await again).toMatchObject({ error: { code: "NOT_FOUND" } });
    client.close();
    other.close();
  });

  it("a client that leaves ends the work at the upstream", async () => {
    const client = await service.connect("user_leave");
    void ask(client);
    const { response, closed } = await upstream.next();
    say(response, "query_started", { estimatedMs: 5 });
    await client.next("query_started");
    client.close();
    await closed;
    expect(response.writableFinished).toBe(false);
  });

  it("also one that leaves before the upstream has said anything", async () => {
    const client = await service.connect("user_leave_early");
    void ask(client);
    const { closed } = await upstream.next();
    client.close();
    await closed;
  });

  it("it goes on in a gateway from which it could have been evicted", async () => {
    const client = await service.connect("user_idle");
    void ask(client);
    const { response } = await upstream.next();
    say(response, "query_started", { estimatedMs: 5 });
    await client.next("query_started");
    // Until the request has ended, the gateway stays.
    const evicted = service.evict("Gateway", "local-0").then(
      () => "evicted",
      () => "kept",
    );
    say(response, "query_completed", completed);
    response.end();
    await client.next("query_completed");
    await evicted;
    client.close();
  });
});

/** Rows that take 60,000 characters. */
const rows = (n: number) => ({ rows: [["x".repeat(60_000), n]], schema: [] });

describe("REQ-1 a long answer", () => {
  it("waits for a client that does not read; everything else goes on", async () => {
    const token = await signToken("user_stalled");
    const raw = new RawClient(engineUrl(service.url));
    raw.send(`40${JSON.stringify({ token })}`);
    await raw.frame('42["connected"');
    raw.send(`42${JSON.stringify(["query", query])}`);
    const { response, closed } = await upstream.next();
    for (let n = 0; n < 100; n++) say(response, "query_response", rows(n));
    await raw.frame("2");
    for (let n = 1; n <= 20; n++) {
      raw.send('42["ping"]');
      await raw.frame('42["pong"', n);
    }
    expect(raw.count('42["query_response"')).toBe(3);
    raw.send("3");
    await raw.frame('42["query_response"', 6);
    raw.close();
    await closed;
  });

  it.each(TRANSPORTS)("arrives whole and in order over %s", async (transports) => {
    const client = await service.connect(`user_long_${transports}`, { transports });
    void ask(client);
    const { response } = await upstream.next();
    for (let n = 0; n < 100; n++) say(response, "query_response", rows(n));
    say(response, "query_completed", completed);
    response.end();
    await client.next("query_completed");
    const got = client.payloads("query_response").map((payload) => payload.rows[0][1]);
    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => n));
    client.close();
  });
});

describe("REQ-1 a request that takes longer than REQUEST_TIMEOUT", () => {
  it("ends with its family's error event, and the upstream's connection with it", async () => {
    const hasty = await startWith({ REQUEST_TIMEOUT: "300" });
    try {
      const client = await hasty.connect("user_slow");
      void ask(client);
      const { response, closed, body } = await upstream.next();
      say(response, "query_started", { estimatedMs: 5 });
      expect(await client.next("query_error")).toEqual({
        queryId: body.requestId,
        code: "INTERNAL",
        message: "The answer took longer than 0.3 s. Ask for less.",
      });
      await closed;
      client.close();
    } finally {
      await hasty.stop();
    }
  });
});

/** A client that comes back by itself, and has had an event that it can resume after. */
const connectForGood = async (to: Service, userId: string) => {
  const client = await to.connect(userId, {
    socket: { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 50 },
  });
  const data = { amount: 1, newBalance: 1, reason: "r", transactionId: "t", timestamp: 1 };
  await to.publish({ event: "credits_granted", userId, data });
  await client.next("credits_granted");
  return client;
};

const lost = (queryId: string) => ({
  queryId,
  code: "INTERNAL",
  message: "The connection was lost before the answer was complete. Send the request again.",
});

describe("REQ-1 USER-2 a socket that is recovered", () => {
  it("is told of the request that its lost connection took with it, once", async () => {
    const client = await connectForGood(service, "user_recovered");
    void ask(client);
    const { body, response, closed } = await upstream.next();
    say(response, "query_started", { estimatedMs: 5 });
    await client.next("query_started");
    client.socket.io.engine.close();
    await closed;
    expect(await client.next("query_error")).toEqual(lost(body.requestId));
    expect(client.socket.recovered).toBe(true);
    await client.settled();
    expect(client.payloads("query_error")).toHaveLength(1);
    client.close();
  });

  it("is told of the requests that its gateway took with it, when workerd is killed", async () => {
    const persist = await mkdtemp(path.join(tmpdir(), "ledgercore-requests-"));
    const before = await startWith({}, { persist });
    const client = await connectForGood(before, "user_crash");
    const answered = ask(client);
    const first = await upstream.next();
    say(first.response, "query_completed", completed);
    await answered;
    await client.next("query_completed");
    void ask(client);
    const { body, response, closed } = await upstream.next();
    say(response, "query_started", { estimatedMs: 5 });
    await client.next("query_started");
    const port = Number(new URL(before.origin).port);
    await before.crash();
    await closed;
    const after = await startWith({}, { persist, port });
    try {
      expect(await client.next("query_error")).toEqual(lost(body.requestId));
      expect(client.socket.recovered).toBe(true);
      await client.settled();
      expect(client.payloads("query_error")).toHaveLength(1);
      client.close();
    } finally {
      await after.stop();
      await rm(persist, { recursive: true, force: true });
    }
  });
});
