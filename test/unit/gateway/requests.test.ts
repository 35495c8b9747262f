import { describe, expect, it } from "vitest";
import type { AnswerEvent } from "../../../src/backends/answer.ts";
import type { BackendRequest } from "../../../src/backends/backend.ts";
import type { Answer } from "../../../src/backends/wire.ts";
import { catalogue } from "../../../src/events/catalogue.ts";
import type { FlowDeps } from "../../../src/gateway/flow.ts";
import type { RequestsDeps } from "../../../src/gateway/requests.ts";
import type { Publication } from "../../../src/rooms/protocol.ts";
import { Deferred, settled } from "../../support/fakes.ts";
import { TestStorage } from "../../support/sqlite.ts";
import { type FakeClient, FakeGateway } from "./fake-gateway.ts";

/** Requests that the test answers, one by one. */
class ScriptedAnswers {
  readonly asked: { readonly request: BackendRequest; readonly signal: AbortSignal }[] = [];
  readonly #answers: Deferred<Answer>[] = [];

  readonly start: RequestsDeps["start"] = (request, signal) => {
    this.asked.push({ request, signal });
    const answer = new Deferred<Answer>();
    this.#answers.push(answer);
    return answer.promise;
  };

  async answer(answer: Answer | Error): Promise<void> {
    const next = this.#answers.shift();
    if (answer instanceof Error) next?.reject(answer);
    else next?.resolve(answer);
    await settled();
  }
}

const accepted = (...events: readonly (AnswerEvent | Error | Promise<void>)[]): Answer => ({
  status: "accepted",
  events: (async function* () {
    for (const event of events) {
      if (event instanceof Error) throw event;
      if (event instanceof Promise) await event;
      else yield event;
    }
  })(),
});

const event = (name: string, terminal = false): AnswerEvent => ({
  body: JSON.stringify([name, {}]),
  terminal,
});

const openRequests = (storage: TestStorage): unknown[] => {
  const table = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'requests'").toArray();
  return table.length === 0 ? [] : storage.sql.exec("SELECT id FROM requests").toArray();
};

/** A client of a gateway whose requests the test answers. The first request's id is id3. */
const setUp = async (deps: Partial<RequestsDeps & FlowDeps> = {}, storage = new TestStorage()) => {
  const answers = new ScriptedAnswers();
  const published: { readonly room: string; readonly publication: Publication }[] = [];
  const gateway = new FakeGateway(100, {
    storage,
    start: answers.start,
    publish: async (room, publication) => void published.push({ room, publication }),
    ...deps,
  });
  return { answers, published, gateway, storage, client: await gateway.connect() };
};

const query = catalogue.query.example;
const ask = (client: FakeClient, ackId?: number) => client.emit("query", query, ackId);

describe("REQ-1 an accepted request", () => {
  it("is acknowledged with its id, then answered up to its terminal event", async () => {
    const { answers, client, storage } = await setUp();
    ask(client, 7);
    expect(answers.asked[0]?.request).toEqual({
      ...{ id: "id3", event: "query", payload: query, userId: "u", socketId: "id1" },
      ...{ applicationId: "app_1", applications: ["demo"] },
    });
    expect(openRequests(storage)).toEqual([{ id: "id3" }]);
    await answers.answer(
      accepted(event("query_started"), event("query_completed", true), event("query_error")),
    );
    expect(client.take()).toEqual([
      { id: 7, data: [{ queryId: "id3" }] },
      ["query_started", {}],
      ["query_completed", {}],
    ]);
    expect(openRequests(storage)).toEqual([]);
  });

  it.each([
    ["query", { queryId: "id3" }],
    ["request_market_data", { requestId: "id3" }],
    ["address_analysis", { jobId: "id3" }],
    ["address_transactions", { requestId: "id3" }],
    ["cross_border_flows", { requestId: "id3" }],
    ["chat", { conversationId: "conv_01" }],
  ] as const)("%s: the acknowledgement gets %j, also where the answer comes later", async (name, ids) => {
    const { answers, client, storage } = await setUp();
    client.emit(name, catalogue[name].example, 9);
    await answers.answer({ status: "deferred" });
    expect(client.take()).toEqual([{ id: 9, data: [ids] }]);
    expect(openRequests(storage)).toEqual([]);
  });

  it("goes to the application that it names, else to the first that the token opens", async () => {
    const { answers, gateway } = await setUp();
    const client = gateway.open({ principal: { kind: "jwt", userId: "u", applications: ["a", "b"] } });
    client.send("40");
    await settled();
    await gateway.rooms.answer({});
    client.emit("request_market_data", catalogue.request_market_data.example);
    client.emit("query", query);
    expect(answers.asked.map(({ request }) => [request.applicationId, request.applications])).toEqual([
      ["a", ["a", "b"]],
      ["app_1", ["a", "b"]],
    ]);
  });

  it.each([
    ["ends without a terminal event", [event("query_started")]],
    ["breaks", [event("query_started"), new Error("secret of the platform")]],
  ])("whose answer %s is told so, once", async (_, events) => {
    const { answers, client, storage } = await setUp();
    ask(client);
    await answers.answer(accepted(...events));
    expect(client.take()).toEqual([
      ["query_started", {}],
      [
        "query_error",
        { queryId: "id3", code: "INTERNAL", message: expect.stringMatching(/again/), retryAfter: 5 },
      ],
    ]);
    expect(openRequests(storage)).toEqual([]);
  });

  it("waits, when a window is full, until the client has answered a ping", async () => {
    const gate: Deferred<void>[] = [];
    const { answers, client, gateway } = await setUp({
      window: 1_000,
      sleep: () => {
        const slept = new Deferred<void>();
        gate.push(slept);
        return slept.promise;
      },
    });
    const lookAgain = async () => {
      gate.shift()?.resolve();
      await settled();
    };
    ask(client);
    const rows = (n: number) => ({
      body: JSON.stringify(["query_response", { rows: "x".repeat(600), n }]),
      terminal: false,
    });
    await answers.answer(accepted(rows(1), rows(2), rows(3), event("query_completed", true)));
    expect(client.take()).toMatchObject([["query_response", { n: 1 }], ["query_response", { n: 2 }], "2"]);
    await lookAgain();
    await lookAgain();
    expect(client.take()).toEqual([]);
    gateway.clock.now += 1;
    client.send("3");
    await lookAgain();
    expect(client.take()).toMatchObject([
      ["query_response", { n: 3 }],
      ["query_completed", {}],
    ]);
    expect(gate).toEqual([]);
  });

  it("of which several stream at a time shares the window with them", async () => {
    const { answers, client } = await setUp({ window: 1_000, sleep: () => new Promise(() => {}) });
    const rows = { body: JSON.stringify(["query_response", { rows: "x".repeat(600) }]), terminal: false };
    for (let n = 0; n < 3; n++) {
      ask(client);
      await answers.answer(accepted(rows, rows));
    }
    // The first has filled the window: the others have had the one event that is never held back.
    expect(client.take().filter((packet) => packet !== "2")).toHaveLength(2 + 1 + 1);
  });

  it("stops waiting when the client goes", async () => {
    const { answers, client, gateway } = await setUp({ window: 10, sleep: () => settled() });
    ask(client);
    await answers.answer(accepted(event("query_started"), event("query_completed", true)));
    gateway.engine.abort(client.session, "transport close");
    client.take();
    await settled();
    await settled();
    expect(client.take()).toEqual([]);
    expect(gateway.logged).toEqual([]);
  });
});

describe("REQ-1 a refused request", () => {
  const rateLimited = { code: "RATE_LIMITED", message: "Slow down.", retryAfter: 3 } as const;
  const notFound = { code: "NOT_FOUND", message: "No." } as const;
  const credits = { required: 5, available: 2, action: "query" };
  it.each([
    [
      { event: "insufficient_credits", data: credits } as const,
      ["insufficient_credits", credits],
      { code: "UNAUTHORIZED", message: "This costs 5 credits; 2 are available.", ...credits },
    ],
    [
      { event: "rate_limit_error", data: rateLimited } as const,
      ["rate_limit_error", rateLimited],
      rateLimited,
    ],
    [
      { event: "error", data: notFound } as const,
      ["query_error", { queryId: "id3", ...notFound }],
      { queryId: "id3", ...notFound },
    ],
  ])("gets %j as its only answer", async (refusal, answer, error) => {
    const { answers, client, storage } = await setUp();
    ask(client, 1);
    await answers.answer({ status: "refused", refusal });
    expect(client.take()).toEqual([answer, { id: 1, data: [{ error }] }]);
    expect(openRequests(storage)).toEqual([]);
  });

  it.each(["request_market_data", "address_transactions", "cross_border_flows", "chat"] as const)(
    "%s: the error event is its family's, valid",
    async (name) => {
      const { answers, client } = await setUp();
      client.emit(name, catalogue[name].example);
      await answers.answer({ status: "refused", refusal: { event: "error", data: notFound } });
      const [answer] = client.take() as [string, object][];
      expect(answer?.[0]).toBe(catalogue[name].error);
      expect(catalogue[catalogue[name].error].schema.safeParse(answer?.[1]).success).toBe(true);
    },
  );

  it("for whom nobody can be reached gets its family's error event, and the log says why", async () => {
    const { answers, client, gateway, storage } = await setUp();
    ask(client, 1);
    await answers.answer(new Error("internal name"));
    const error = { queryId: "id3", code: "INTERNAL", message: expect.any(String), retryAfter: 5 };
    expect(client.take()).toEqual([["query_error", error], { id: 1, data: [{ error }] }]);
    expect(gateway.logged).toEqual([
      ["error", "request_broken", { request: "query", id: "id3", error: "Error: internal name" }],
    ]);
    expect(openRequests(storage)).toEqual([]);
  });

  it("is one too many for its user, over all sockets", async () => {
    const { answers, client, gateway } = await setUp({ maxRequestsPerUser: 2 });
    const other = await gateway.connect();
    ask(client);
    ask(other);
    ask(other);
    const error = { code: "RATE_LIMITED", message: expect.stringMatching(/a user 2/), retryAfter: 1 };
    expect(other.take()).toEqual([["rate_limit_error", error]]);
    gateway.engine.abort(client.session, "transport close");
    ask(other);
    expect(answers.asked).toHaveLength(3);
  });

  it("that cannot even be written down is refused, and another time there is room", async () => {
    const { client, storage, gateway } = await setUp({ maxRequestsPerSocket: 1 });
    storage.failing = /INSERT INTO requests/;
    ask(client, 1);
    const error = { queryId: "id3", code: "INTERNAL", message: expect.any(String), retryAfter: 5 };
    expect(client.take()).toEqual([["query_error", error], { id: 1, data: [{ error }] }]);
    expect([gateway.timers.pending, gateway.logged.length]).toEqual([[], 1]);
    storage.failing = undefined;
    ask(client);
    expect(client.take()).toEqual([]);
  });

  it("is one too many for its socket; when another ends there is room again", async () => {
    const { answers, client } = await setUp({ maxRequestsPerSocket: 2 });
    for (const ackId of [1, 2, 3]) ask(client, ackId);
    const error = { code: "RATE_LIMITED", message: expect.stringMatching(/ 2 requests/), retryAfter: 1 };
    expect(client.take()).toEqual([["rate_limit_error", error], { id: 3, data: [{ error }] }]);
    await answers.answer(accepted(event("query_completed", true)));
    ask(client);
    expect(answers.asked).toHaveLength(3);
  });
});

describe("REQ-1 a request that takes too long", () => {
  it("ends with its family's error event; what still comes is not passed on", async () => {
    const { answers, client, gateway, storage } = await setUp({ timeoutMs: 60_000 });
    ask(client);
    const rest = new Deferred<void>();
    await answers.answer(accepted(event("query_started"), rest.promise, event("query_completed", true)));
    gateway.timers.pass(59_999);
    expect(client.take()).toEqual([["query_started", {}]]);
    gateway.timers.pass(1);
    const message = "The answer took longer than 60 s. Ask for less.";
    expect(client.take()).toEqual([["query_error", { queryId: "id3", code: "INTERNAL", message }]]);
    expect(answers.asked[0]?.signal.aborted).toBe(true);
    rest.resolve();
    await settled();
    expect(client.take()).toEqual([]);
    expect(openRequests(storage)).toEqual([]);
  });

  it("and one that ends in time leaves no timer", async () => {
    const { answers, client, gateway } = await setUp();
    ask(client);
    expect(gateway.timers.pending).toEqual([300_000]);
    await answers.answer(accepted(event("query_completed", true)));
    expect(gateway.timers.pending).toEqual([]);
  });
});

const lost = (id: string) => ({
  room: "user:u",
  publication: {
    id: `request:${id}`,
    body: JSON.stringify([
      "query_error",
      {
        queryId: id,
        code: "INTERNAL",
        message: "The connection was lost before the answer was complete. Send the request again.",
      },
    ]),
    delivery: "durable",
    socketId: "id1",
  },
});

describe("REQ-1 a request whose socket goes", () => {
  it("is cancelled; the socket, should it be recovered, is told so", async () => {
    const { answers, client, gateway, published, storage } = await setUp();
    ask(client);
    ask(client);
    await answers.answer(accepted(event("query_started"), new Promise(() => {})));
    client.take();
    gateway.engine.abort(client.session, "transport close");
    expect(answers.asked.map(({ signal }) => signal.aborted)).toEqual([true, true]);
    await settled();
    expect(published).toEqual([lost("id3"), lost("id4")]);
    expect(openRequests(storage)).toEqual([]);
    // The second had not been accepted yet.
    await answers.answer(accepted(event("query_completed", true)));
    expect(client.take()).toEqual([]);
    expect(gateway.timers.pending).toEqual([]);
    expect(gateway.logged).toEqual([]);
  });

  it("for good is cancelled, and nobody is told", async () => {
    const { answers, client, published, storage } = await setUp();
    ask(client);
    client.send("41");
    await settled();
    expect(answers.asked[0]?.signal.aborted).toBe(true);
    expect(published).toEqual([]);
    expect(openRequests(storage)).toEqual([]);
  });

  it("is told of later if its room cannot be reached", async () => {
    let reachable = false;
    const published: unknown[] = [];
    let untold = 0;
    const { client, gateway, storage } = await setUp({
      publish: async (room, publication) => {
        if (!reachable) throw new Error("unreachable");
        published.push({ room, publication });
      },
      onUntold: () => void untold++,
    });
    ask(client);
    gateway.engine.abort(client.session, "transport close");
    await settled();
    expect([untold, openRequests(storage)]).toEqual([1, [{ id: "id3" }]]);
    await gateway.requests.tellLost();
    expect([untold, gateway.requests.hasLost]).toEqual([2, true]);
    reachable = true;
    await gateway.requests.tellLost();
    expect(gateway.requests.hasLost).toBe(false);
    expect(published).toEqual([lost("id3")]);
    expect(openRequests(storage)).toEqual([]);
  });
});

it("REQ-1 a gateway that has died tells, in its next life, of the requests that it took with it", async () => {
  const storage = new TestStorage();
  const before = await setUp({}, storage);
  ask(before.client);
  const after = await setUp({}, storage);
  expect(after.gateway.requests.hasLost).toBe(true);
  await after.gateway.requests.tellLost();
  expect(after.published).toEqual([lost("id3")]);
  expect(openRequests(storage)).toEqual([]);
});
