import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LocalServer, SERVICE, startServer } from "../../scripts/lib/local-server.ts";
import { TestClient } from "../support/client.ts";
import { JWT_VARS, signToken } from "../support/keys.ts";
import { bar, credit, type PublishResult } from "../support/service.ts";

const QUEUE = "ledgercore-realtime-events";
const DEAD_QUEUE = "ledgercore-realtime-events-dead";

/** The service as it is deployed, whose answer to a batch is lost when the batch has messages that came first. */
const FORGETFUL_SERVICE = `
  import service from "./index.js";
  export * from "./index.js";
  export default {
    fetch: service.fetch,
    async queue(batch, env, context) {
      await service.queue(batch, env, context);
      const again = batch.messages.filter(({ attempts }) => attempts > 1).length;
      console.log(JSON.stringify({ event: "consumed", again }));
      if (again < batch.messages.length) throw new Error("The answer is lost.");
    },
  };`;

/** Another Worker of the account: it sends to the queue, calls the service, and reads what could not be published. */
const NEIGHBOUR = {
  name: "neighbour",
  modules: true,
  compatibilityDate: "2026-08-06",
  queueProducers: { EVENTS: { queueName: QUEUE } },
  queueConsumers: { [DEAD_QUEUE]: { maxBatchTimeout: 0 } },
  serviceBindings: { INGEST: { name: "ledgercore-realtime", entrypoint: "Ingest" } },
  script: `
    const dead = [];
    const answers = {
      "/send": async (bodies, { EVENTS }) => EVENTS.sendBatch(bodies.map((body) => ({ body }))),
      "/publish": (items, { INGEST }) => INGEST.publish(items),
      "/dead": () => dead,
    };
    export default {
      async fetch(request, env) {
        try {
          const answer = answers[new URL(request.url).pathname];
          return Response.json(await answer(await request.json(), env));
        } catch ({ name, message }) {
          return Response.json({ name, message }, { status: 500 });
        }
      },
      queue({ messages }) {
        for (const { body } of messages) dead.push(body);
      },
    };`,
};

let server: LocalServer;
const logs: string[] = [];
const clients: TestClient[] = [];

beforeAll(async () => {
  server = await startServer({
    project: SERVICE,
    host: "127.0.0.1",
    port: 0,
    vars: { ...JWT_VARS, GATEWAYS_PER_COLO: "2", INGEST_MAX_EVENTS: "200" },
    entry: FORGETFUL_SERVICE,
    others: [NEIGHBOUR],
    onLog: (line) => logs.push(line),
  });
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(() => server.stop());

const connect = async (userId: string): Promise<TestClient> => {
  const client = new TestClient(`ws://${server.url.host}`, await signToken(userId));
  clients.push(client);
  await client.next("connected");
  return client;
};

const neighbour = async (path: "send" | "publish" | "dead", body: unknown = null) => {
  const worker = await server.miniflare.getWorker("neighbour");
  return worker.fetch(`http://neighbour/${path}`, { method: "POST", body: JSON.stringify(body) });
};

const send = async (bodies: readonly unknown[]): Promise<void> => {
  const response = await neighbour("send", bodies);
  if (response.status !== 200) throw new Error(await response.text());
};

const dead = async (): Promise<unknown[]> => (await neighbour("dead")).json() as Promise<unknown[]>;

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe("ING-4 a queue", () => {
  it("ING-3 brings a room's events in order, each once, though its batches come twice", async () => {
    const client = await connect("user_queue");
    await client.subscribe("market:QUEUE-USD");
    // Messages of one event and of two.
    for (const hundred of [0, 100]) {
      await send(
        numbers(50).map((n) => {
          const number = hundred + 2 * n - 1;
          return n % 2 === 0
            ? [credit("user_queue", number), credit("user_queue", number + 1)]
            : [credit("user_queue", number), bar("QUEUE-USD", number), credit("user_queue", number + 1)];
        }),
      );
    }
    await send([credit("user_queue", 201)]);
    await client.all("credits_granted", 201);
    const again = () =>
      logs
        .filter((line) => line.includes('"event":"consumed"'))
        .reduce((sum, line) => sum + JSON.parse(line).again, 0);
    await expect.poll(again, { timeout: 15_000 }).toBeGreaterThanOrEqual(101);
    await send([credit("user_queue", 202)]);
    await client.next("credits_granted", ({ amount }) => amount === 202);
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual(numbers(202));
    const times = client.payloads("market_chart_live_update").map(({ timestamp }) => timestamp);
    expect(new Set(times).size).toBe(times.length);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBe(197);
  });

  it("moves what can never be published to the dead-letter queue, and nothing waits for it", async () => {
    const client = await connect("user_poison");
    const poison = { id: "p1", event: "credits_granted", userId: "user_poison", data: { amount: "hidden" } };
    await send([
      "poison",
      [credit("user_poison", 1), poison, credit("user_poison", 2)],
      { event: "subscribe", userId: "user_poison", data: {}, id: "p2" },
      credit("user_poison", 3),
    ]);
    await client.all("credits_granted", 3);
    await expect
      .poll(dead)
      .toEqual(
        expect.arrayContaining([["poison"], [poison], [expect.objectContaining({ event: "subscribe" })]]),
      );
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 2, 3]);
    const refusals = () => logs.filter((line) => line.includes("ingest_message_refused"));
    await expect.poll(() => refusals().length).toBeGreaterThanOrEqual(3);
    const line = refusals().find((text) => text.includes('"events":3')) ?? "";
    expect(JSON.parse(line)).toMatchObject({ index: 1, code: "VALIDATION_FAILED", refused: 1 });
    expect(logs.join()).not.toContain("hidden");
  });
});

describe("ING-4 another Worker", () => {
  it("publishes over its service binding and is told of each event", async () => {
    const client = await connect("user_rpc");
    const events = [
      { id: "r1", ...credit("user_rpc", 1) },
      { id: "r2", event: "no_such_event", userId: "user_rpc", data: {} },
      { id: "r3", ...credit("user_rpc", 3) },
    ];
    const expected: PublishResult = {
      accepted: 2,
      rejected: [{ index: 1, id: "r2", code: "NOT_FOUND", message: expect.any(String) }],
    };
    // ING-3: the second time both are known.
    for (const _ of [1, 2]) expect(await (await neighbour("publish", events)).json()).toEqual(expected);
    expect(await (await neighbour("publish", credit("user_rpc", 4))).json()).toEqual({
      accepted: 1,
      rejected: [],
    });
    await client.next("credits_granted", ({ amount }) => amount === 4);
    expect(client.payloads("credits_granted").map(({ amount }) => amount)).toEqual([1, 3, 4]);
  });

  it("is told how many events a call may hold", async () => {
    const response = await neighbour(
      "publish",
      Array.from({ length: 201 }, () => 1),
    );
    expect(await response.json()).toEqual({
      name: "RangeError",
      message: "A call publishes at most 200 events. Split it.",
    });
  });
});
