import { describe, expect, it } from "vitest";
import type { BackendEvent, BackendRequest } from "../../../../../src/backends/backend.ts";
import {
  failedLine,
  headLine,
  type QueryCall,
  rowsLine,
} from "../../../../../src/backends/embedded/query/protocol.ts";
import { queryHandler } from "../../../../../src/backends/embedded/query.ts";
import { serverEvent } from "../../../../../src/events/catalogue.ts";
import { settled } from "../../../../support/fakes.ts";

const request: BackendRequest<"query"> = {
  id: "q1",
  event: "query",
  payload: { sql: "SELECT ?", params: [1], applicationId: "app" },
  userId: "u",
  socketId: "s",
  applicationId: "app",
  applications: ["app"],
};

const sleep = async () => {};

const encoder = new TextEncoder();
const head = (totalRows: number) => headLine({ columns: [{ name: "n", type: "integer" }], totalRows });
const rows = (from: number, count: number) =>
  rowsLine(encoder.encode(JSON.stringify(Array.from({ length: count }, (_, i) => ({ n: from + i })))));

/** A dataset that answers with these lines. */
const dataset = (lines: Iterable<Uint8Array>) => {
  const calls: [string, QueryCall][] = [];
  let cancelled = false;
  const iterator = lines[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  const datasets = {
    getByName: (name: string) => ({
      query: async (call: QueryCall) => {
        calls.push([name, call]);
        return { status: "accepted" as const, estimatedMs: 7, body };
      },
    }),
  };
  return { datasets, calls, isCancelled: () => cancelled };
};

const run = async (handler: ReturnType<typeof queryHandler>, signal = new AbortController().signal) => {
  const events: BackendEvent[] = [];
  for await (const event of handler(request, signal)) events.push(event);
  return events;
};

describe("REQ-3 query", () => {
  it("asks the application's dataset, and answers with its rows, honest progress and their number", async () => {
    const { datasets, calls } = dataset([
      head(12_000),
      ...Array.from({ length: 12 }, (_, n) => rows(n * 1_000, 1_000)),
    ]);
    let now = 100;
    const events = await run(queryHandler({ datasets, clock: () => now++, sleep }));
    expect(calls).toEqual([["app", { sql: "SELECT ?", params: [1], userId: "u" }]]);
    expect(events.map(({ event }) => event)).toEqual([
      "query_started",
      ...Array.from({ length: 10 }, () => "query_response"),
      "query_progress",
      ...["query_response", "query_response", "query_progress", "query_completed"],
    ]);
    const progress = events.filter(({ event }) => event === "query_progress").map(({ data }) => data);
    expect(progress).toEqual([
      { rowsProcessed: 10_000, pct: 83.3 },
      { rowsProcessed: 12_000, pct: 100 },
    ]);
    expect(events[0]?.data).toEqual({ estimatedMs: 7 });
    expect(events.at(-1)?.data).toEqual({ durationMs: 1, totalRows: 12_000 });
    for (const { event, data } of events) {
      const checked = serverEvent(event)?.schema.safeParse(Object.assign({ queryId: "q1" }, data));
      expect([event, checked?.success]).toEqual([event, true]);
    }
  });

  it("asks again where the platform says that helps", async () => {
    const { datasets } = dataset([head(0)]);
    let asked = 0;
    const flaky = {
      getByName: (name: string) => ({
        query: async (call: QueryCall) => {
          if (++asked < 3) throw Object.assign(new Error("Reset."), { retryable: true });
          return datasets.getByName(name).query(call);
        },
      }),
    };
    const events = await run(queryHandler({ datasets: flaky, clock: () => 5, sleep }));
    expect([asked, events.at(-1)?.event]).toEqual([3, "query_completed"]);
  });

  it("answers an empty result with its columns", async () => {
    const { datasets } = dataset([head(0)]);
    expect(await run(queryHandler({ datasets, clock: () => 5, sleep }))).toEqual([
      { event: "query_started", data: { estimatedMs: 7 } },
      { event: "query_response", data: { rows: [], schema: [{ name: "n", type: "integer" }] } },
      { event: "query_progress", data: { rowsProcessed: 0, pct: 100 } },
      { event: "query_completed", data: { durationMs: 0, totalRows: 0 } },
    ]);
  });

  it("ends with query_error where the query is refused, or fails", async () => {
    const error = { code: "NOT_FOUND" as const, message: "There is no table named x." };
    const refusing = { getByName: () => ({ query: async () => ({ status: "refused" as const, error }) }) };
    expect(await run(queryHandler({ datasets: refusing, clock: () => 5, sleep }))).toEqual([
      { event: "query_error", data: error },
    ]);
    const { datasets } = dataset([failedLine(error)]);
    expect((await run(queryHandler({ datasets, clock: () => 5, sleep }))).at(-1)).toEqual({
      event: "query_error",
      data: error,
    });
  });

  it("breaks where the stream breaks", async () => {
    function* broken() {
      yield head(2_000);
      yield rows(0, 1_000);
      throw new Error("The dataset is gone.");
    }
    const { datasets } = dataset(broken());
    await expect(run(queryHandler({ datasets, clock: () => 5, sleep }))).rejects.toThrow("gone");
    const short = dataset([head(2_000), rows(0, 1_000)]);
    await expect(run(queryHandler({ datasets: short.datasets, clock: () => 5, sleep }))).rejects.toThrow(
      "1000 of 2000 rows",
    );
  });

  it("lets the result go when nobody waits any more", async () => {
    const { datasets, isCancelled } = dataset([head(3_000), ...[0, 1, 2].map((n) => rows(n * 1_000, 1_000))]);
    const abort = new AbortController();
    const events: string[] = [];
    for await (const { event } of queryHandler({ datasets, clock: () => 5, sleep })(request, abort.signal)) {
      events.push(event);
      if (event === "query_response") abort.abort();
    }
    expect(events).toEqual(["query_started", "query_response"]);
    expect(isCancelled()).toBe(true);
    // Nothing comes of the query, but its reader has left.
    const waiting = new AbortController();
    let left = false;
    const body = new ReadableStream<Uint8Array>({
      cancel: () => {
        left = true;
      },
    });
    const query = async () => ({ status: "accepted" as const, estimatedMs: 7, body });
    const ended = run(
      queryHandler({ datasets: { getByName: () => ({ query }) }, clock: () => 5, sleep }),
      waiting.signal,
    );
    await settled();
    waiting.abort();
    expect((await ended).map(({ event }) => event)).toEqual(["query_started"]);
    expect(left).toBe(true);
    const late = dataset([head(0)]);
    expect(
      await run(queryHandler({ datasets: late.datasets, clock: () => 5, sleep }), AbortSignal.abort()),
    ).toEqual([]);
    expect(late.isCancelled()).toBe(true);
  });
});
