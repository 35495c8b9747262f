import { SERVICE, startServer } from "../../scripts/lib/local-server.ts";
import type { RoomStats } from "../../src/rooms/protocol.ts";
import { type ClientOptions, TestClient } from "./client.ts";
import { JWT_VARS, signToken } from "./keys.ts";

export const INGEST_TOKEN = "test-ingest-token";

export interface PublishResult {
  readonly accepted: number;
  readonly rejected: readonly { index: number; id?: string; code: string; message: string }[];
}

/** A running service, its clients and its ingest endpoint: real workerd, real port, real socket.io-client. */
export interface Service {
  /** `http://…`, without a slash at the end. */
  readonly origin: string;
  /** `ws://…`, as users write it. */
  readonly url: string;
  /** Where the service's Workers answer, as `origin`: its own, and `fronts` more. */
  readonly workers: readonly URL[];
  readonly logs: readonly string[];
  /** Starts a client with a valid token, not necessarily connected yet. */
  client(userId: string, options?: ClientOptions): Promise<TestClient>;
  /** The same, once it has had `connected`. */
  connect(userId: string, options?: ClientOptions): Promise<TestClient>;
  /** Publishes and expects everything to be accepted. */
  publish(items: unknown): Promise<void>;
  /** What `GET /api/rooms/<room>` tells. */
  room(name: string): Promise<RoomStats>;
  ingest(body: string, headers?: Record<string, string>): Promise<Response>;
  /** Removes an object from memory; its WebSockets hibernate. */
  evict(className: "Gateway" | "Room", name: string): Promise<void>;
  putApiKey(name: string, record: unknown): Promise<void>;
  /** The isolate's inspector, with `inspect`. */
  inspectorUrl(): Promise<URL>;
  /** Kills workerd at once: no socket is closed, no object hears of it. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServiceOptions {
  readonly vars?: Readonly<Record<string, string>>;
  readonly persist?: string;
  readonly port?: number;
  readonly ingestLimit?: number;
  readonly entry?: string;
  readonly fronts?: number;
  readonly inspect?: boolean;
}

export const startService = async ({
  vars,
  persist,
  ingestLimit,
  entry,
  fronts,
  inspect,
  port = 0,
}: ServiceOptions = {}): Promise<Service> => {
  const logs: string[] = [];
  const server = await startServer({
    project: SERVICE,
    host: "127.0.0.1",
    port,
    vars: { ...JWT_VARS, INGEST_TOKENS: INGEST_TOKEN, GATEWAYS_PER_COLO: "2", ...vars },
    onLog: (line) => logs.push(line),
    ...(persist !== undefined && { persist }),
    ...(entry !== undefined && { entry }),
    ...(ingestLimit !== undefined && { ingestLimit }),
    ...(fronts !== undefined && { fronts }),
    ...(inspect !== undefined && { inspect }),
  });
  const { origin, host } = server.url;
  const clients: TestClient[] = [];
  const url = `ws://${host}`;

  const client = async (userId: string, options: ClientOptions = {}): Promise<TestClient> => {
    const token = options.token ?? (await signToken(userId));
    const made = new TestClient(`${options.origin ?? url}${options.path ?? ""}`, token, options);
    clients.push(made);
    return made;
  };
  let running = true;
  const end = async (): Promise<void> => {
    if (running) await server.stop();
    running = false;
  };
  const ingest = (body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${origin}/api/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json", ...headers },
      body,
    });

  return {
    origin,
    url,
    workers: [server.url, ...server.fronts],
    logs,
    client,
    ingest,
    connect: async (userId, options) => {
      const made = await client(userId, options);
      await made.next("connected");
      return made;
    },
    publish: async (items) => {
      const response = await ingest(JSON.stringify(items));
      const result = (await response.json()) as PublishResult;
      if (response.status !== 202 || result.rejected.length > 0) {
        throw new Error(`Not all was accepted: ${response.status} ${JSON.stringify(result)}`);
      }
    },
    room: async (name) => {
      const response = await fetch(`${server.url.origin}/api/rooms/${encodeURIComponent(name)}`, {
        headers: { authorization: `Bearer ${INGEST_TOKEN}` },
      });
      return (await response.json()) as RoomStats;
    },
    evict: (className, name) =>
      server.miniflare.unsafeEvictDurableObject("ledgercore-realtime", className, { name }),
    putApiKey: async (name, record) => {
      const store = await server.miniflare.getKVNamespace("API_KEYS");
      await store.put(name, JSON.stringify(record));
    },
    inspectorUrl: server.inspectorUrl,
    // Miniflare ends workerd with SIGKILL.
    crash: end,
    stop: async () => {
      for (const made of clients) made.close();
      await end();
    },
  };
};

/** A market event that carries its number. */
export const bar = (symbol: string, timestamp: number, extra: object = {}) => ({
  event: "market_chart_live_update",
  data: { symbol, open: 1, high: 2, low: 0.5, close: 1.5, volume: 10, timestamp, ...extra },
});

/** A personal event that carries its number. */
export const credit = (userId: string, amount: number) => ({
  event: "credits_granted",
  userId,
  data: { amount, newBalance: amount, reason: "test", transactionId: `t${amount}`, timestamp: amount },
});
