import { describe, expect, it } from "vitest";
import { type AnswerEvent, acceptedOf, answer, errorBody, idsOf } from "../../../src/backends/answer.ts";
import type { BackendEvent, RequestName } from "../../../src/backends/backend.ts";
import { catalogue, MAX_EVENT_BYTES } from "../../../src/events/catalogue.ts";
import type { Log } from "../../../src/lib/log.ts";

const request = <N extends RequestName>(event: N) => ({ id: "r1", event, payload: catalogue[event].example });

async function* says(...events: readonly unknown[]): AsyncGenerator<BackendEvent> {
  for (const event of events) {
    if (event instanceof Error) throw event;
    // Backends are not to be believed: some of these are no events.
    yield event as BackendEvent;
  }
}

const answered = (event: RequestName, ...events: readonly unknown[]) =>
  answeredUnder(new AbortController().signal, event, ...events);

const answeredUnder = async (signal: AbortSignal, event: RequestName, ...events: readonly unknown[]) => {
  const logged: unknown[] = [];
  const got: AnswerEvent[] = [];
  const log: Log = (...line) => void logged.push(line);
  for await (const one of answer(request(event), says(...events), signal, log)) got.push(one);
  return { got: got.map(({ body, terminal }) => [...JSON.parse(body), terminal]), logged };
};

const started = { event: "query_started", data: { estimatedMs: 1 } };
const rows = { event: "query_response", data: { rows: [{ a: 1 }], schema: [] } };
const completed = { event: "query_completed", data: { durationMs: 1, totalRows: 1 } };
const broken = [
  "query_error",
  {
    queryId: "r1",
    code: "INTERNAL",
    message: "The answer to this request broke off. Send it again.",
    retryAfter: 5,
  },
  true,
];

describe("REQ-1 an answer", () => {
  it("is passed on in order, with the request's id, up to its terminal event", async () => {
    const { got, logged } = await answered("query", started, rows, completed, rows);
    expect(got).toEqual([
      ["query_started", { queryId: "r1", estimatedMs: 1 }, false],
      ["query_response", { queryId: "r1", rows: [{ a: 1 }], schema: [] }, false],
      ["query_completed", { queryId: "r1", durationMs: 1, totalRows: 1 }, true],
    ]);
    expect(logged).toEqual([]);
  });

  it("ends with the family's error event too", async () => {
    const failed = { event: "query_error", data: { code: "NOT_FOUND", message: "No." } };
    expect((await answered("query", failed, completed)).got).toEqual([
      ["query_error", { queryId: "r1", code: "NOT_FOUND", message: "No." }, true],
    ]);
  });

  it.each([
    ["query", { queryId: "r1" }, { queryId: "r1" }],
    ["request_market_data", {}, { requestId: "r1" }],
    ["address_analysis", { jobId: "r1" }, { jobId: "r1" }],
    ["address_transactions", { jobId: "r1" }, { requestId: "r1" }],
    ["cross_border_flows", { jobId: "r1" }, { requestId: "r1" }],
    ["chat", { conversationId: "conv_01" }, { conversationId: "conv_01" }],
  ] as const)("%s: answers carry %j, the acknowledgement %j", (event, ids, accepted) => {
    expect(idsOf(request(event))).toEqual(ids);
    expect(acceptedOf(request(event))).toEqual(accepted);
  });

  it("of each request may end as the catalogue says, and only there", async () => {
    for (const { name } of Object.values(catalogue)) {
      const definition = catalogue[name];
      if (!("completion" in definition)) continue;
      const { completion, error, responses } = definition;
      for (const response of responses) {
        const { queryId, jobId, conversationId, ...data } = catalogue[response as "query_response"]
          .example as Record<string, unknown>;
        const { got } = await answered(name as RequestName, { event: response, data });
        const refusal = ["insufficient_credits", "rate_limit_error", "validation_error"].includes(response);
        const [first, second] = got;
        expect([first?.[0], first?.[2]]).toEqual([
          refusal ? error : response,
          refusal || response === completion || response === error,
        ]);
        expect(second?.[0]).toBe(first?.[2] ? undefined : error);
      }
    }
  });
});

describe("REQ-1 REQ-2 an answer that is wrong ends with one error event, and the log says why", () => {
  it.each([
    ["stops", [started], "It ended without a terminal event."],
    ["throws", [started, new TypeError("at row 3")], "TypeError: at row 3"],
    [
      "is of another family",
      [started, { event: "chat_response", data: {} }],
      '"chat_response" is no answer to it.',
    ],
    ["is no event", [started, { event: "constructor", data: {} }], '"constructor" is no answer to it.'],
    ["is nothing at all", [started, { event: undefined, data: {} }], '"undefined" is no answer to it.'],
    ["is of a client", [started, { event: "query", data: {} }], '"query" is no answer to it.'],
    [
      "answers somebody else",
      [started, { event: "query_completed", data: { ...completed.data, queryId: "r2" } }],
      "query_completed carries another queryId.",
    ],
    [
      "lacks a field",
      [started, { event: "query_completed", data: { durationMs: 1 } }],
      "query_completed is not valid at totalRows.",
    ],
    [
      "has no payload",
      [started, { event: "query_completed", data: undefined }],
      "query_completed has no object as its payload.",
    ],
    [
      "is too long",
      [started, { event: "query_response", data: { rows: [["x".repeat(MAX_EVENT_BYTES)]], schema: [] } }],
      "query_response is over 1000000 bytes.",
    ],
  ])("because it %s", async (_, events, reason) => {
    const { got, logged } = await answered("query", ...events, completed);
    // What stops has nothing after it.
    const expected = reason.startsWith("It ended") ? (await answered("query", ...events)).got : got;
    expect(expected).toEqual([["query_started", { queryId: "r1", estimatedMs: 1 }, false], broken]);
    if (expected === got) {
      expect(logged).toEqual([["error", "answer_failed", { request: "query", id: "r1", reason }]]);
    }
  });

  it.each([
    ["stops", []],
    ["throws", [new Error("aborted")]],
  ])("but not because it %s once it is cancelled", async (_, end) => {
    const { got, logged } = await answeredUnder(AbortSignal.abort(), "query", started, ...end);
    expect(got).toEqual([["query_started", { queryId: "r1", estimatedMs: 1 }, false]]);
    expect(logged).toEqual([]);
  });

  it("and what is wrong is named without any value of the answer", async () => {
    const secret = { event: "query_completed", data: { durationMs: "secret", totalRows: 1 } };
    const { logged } = await answered("query", secret);
    expect(JSON.stringify(logged)).not.toContain("secret");
  });
});

it("ERR-1 an error's body is the event with its ids", () => {
  expect(JSON.parse(errorBody(request("address_transactions"), { code: "INTERNAL", message: "m" }))).toEqual([
    "address_analysis_error",
    { jobId: "r1", code: "INTERNAL", message: "m" },
  ]);
});
