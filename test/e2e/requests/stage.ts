import { once } from "node:events";
import path from "node:path";
import { serve } from "@hono/node-server";
import { createApp } from "../../../examples/upstream/app.ts";
import { openData } from "../../../examples/upstream/data.ts";
import { BarBuilder, readTrades } from "../../../scripts/lib/bars.ts";
import { importDemoData } from "../../../scripts/lib/demo-data.ts";
import { ROOT } from "../../../scripts/lib/wrangler.ts";
import type { EventName } from "../../../src/events/client.ts";
import type { ClientOptions, TestClient } from "../../support/client.ts";
import { signToken } from "../../support/keys.ts";
import { INGEST_TOKEN, type Service, startService } from "../../support/service.ts";

export type BackendName = "embedded" | "http";

/** A service with a backend that knows the data of data/, and what its clients have sent and got. */
export interface Stage {
  readonly backend: BackendName;
  readonly service: Service;
  /** A client that is connected; of a user of its own unless told otherwise. */
  connect(
    userId?: string,
    options?: ClientOptions & { readonly applications?: string[] },
  ): Promise<TestClient>;
  /** Another user on each call. */
  newUser(): string;
  /** Grants credits as a team's API does, with the embedded backend. */
  grant(grant: { userId: string; amount: number; reason: string }): Promise<{ transactionId: string }>;
  /** The events that clients have sent or got since the last call. */
  takeSeen(): ReadonlySet<string>;
  stop(): Promise<void>;
}

/** What users have at first on both backends; enough for each case. */
const CREDITS = 30;

const VARS = { MAX_ROOMS_PER_SOCKET: "3", CREDITS_WELCOME: String(CREDITS) };

const TOKEN = "upstream-secret";

export const startStage = (backend: BackendName): Promise<Stage> =>
  backend === "embedded" ? startEmbedded() : startHttp();

const startEmbedded = async (): Promise<Stage> => {
  const service = await startService({ vars: VARS });
  await importDemoData({ url: new URL(service.origin), token: INGEST_TOKEN, application: "demo" });
  const bars = new BarBuilder("BTC-USDT");
  const trades = readTrades(path.join(ROOT, "data/trades-btc-usdt-2024-08-09.csv"));
  // The last state of each bar is what counts.
  const states = new Map(trades.map((trade) => bars.add(trade)).map((bar) => [bar.timestamp, bar]));
  await service.publish(
    [...states.values()].map((data) => ({
      event: "market_chart_live_update",
      data: { ...data, venue: "binance" },
    })),
  );
  return stageOf("embedded", service, async () => {});
};

const startHttp = async (): Promise<Stage> => {
  let service: Service | undefined;
  const { fetch } = createApp({
    token: TOKEN,
    data: openData(),
    credits: CREDITS,
    publish: async (publication) => service?.publish(publication),
  });
  const server = serve({ fetch, port: 0, hostname: "127.0.0.1" });
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  service = await startService({
    vars: { ...VARS, BACKEND_URL: `http://127.0.0.1:${port}`, BACKEND_TOKEN: TOKEN },
  });
  return stageOf("http", service, async () => {
    server.close();
  });
};

const stageOf = (backend: BackendName, service: Service, stopUpstream: () => Promise<void>): Stage => {
  let users = 0;
  let seen = new Set<string>();
  const newUser = () => `user_${backend}_${++users}`;
  return {
    backend,
    service,
    newUser,
    connect: async (userId = newUser(), { applications, ...options } = {}) => {
      const token = await signToken(userId, { claims: applications === undefined ? {} : { applications } });
      const client = await service.client(userId, { ...options, token });
      client.socket.onAny((event: EventName) => void seen.add(event));
      client.socket.onAnyOutgoing((event: EventName) => void seen.add(event));
      await client.next("connected");
      return client;
    },
    grant: async (grant) => {
      const response = await fetch(`${service.origin}/api/credits`, {
        method: "POST",
        headers: { authorization: `Bearer ${INGEST_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify(grant),
      });
      if (!response.ok) throw new Error(`The grant was refused: ${await response.text()}`);
      return response.json() as Promise<{ transactionId: string }>;
    },
    takeSeen: () => {
      const taken = seen;
      seen = new Set();
      return taken;
    },
    stop: async () => {
      await service.stop();
      await stopUpstream();
    },
  };
};
